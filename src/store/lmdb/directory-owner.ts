/**
 * Who owns a directory: at most one live process, and never a dead one, however it died.
 *
 * The operating system has to notice a death, since `kill -9` lets nobody tidy up. Node has no file locks, so:
 *
 * - On Linux an owner listens on a socket file in the directory, as a socket file works from one container to another.
 *   Every process that wants the directory first shows a socket of its own under a name that nobody else ever uses, and
 *   then connects to all others. Of two that come at once, the later one to look sees the other, so both never stay. A
 *   socket that refuses is that of a dead process and is removed; the name is not used again, so nobody is removed
 *   by mistake. Where the file system has no sockets, a name derived from the directory is claimed instead.
 * - Elsewhere the system opens a file exclusively (`O_EXLOCK`: a flag of the BSDs and macOS, and libuv's on Windows).
 */

import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync } from 'node:fs'
import { type FileHandle, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** What a process holds while it owns a directory. */
export interface Ownership {
  /** Gives the directory free. Called once. */
  release(): Promise<void>
}

/** The directory has an owner. */
export class OwnedByAnotherError extends Error {
  /** @param pid the process id of the owner, as it sees itself; undefined when it is not known. */
  constructor(readonly pid: number | undefined) {
    super(`owned by process ${pid ?? 'unknown'}`)
  }
}

/** What the files of this module in a directory are called. */
export const OWNER_FILE = /^owner[-.]/

/** Two that come at once both step back; chance then lets one of them come first. */
const ATTEMPTS = 5
const STEP_BACK_MS = 40

/**
 * Makes this process the owner of a directory that exists.
 * @throws OwnedByAnotherError, also when the other owner is in this process.
 */
export async function takeOwnership(directory: string): Promise<Ownership> {
  if (process.platform !== 'linux') return openExclusively(directory)
  for (let attempt = 1; ; attempt++) {
    try {
      return await SocketFile.show(directory)
    } catch (error) {
      if (isUnsupported(error)) return claimName(directory)
      if (!(error instanceof OwnedByAnotherError) || attempt === ATTEMPTS) throw error
    }
    await delay(Math.random() * STEP_BACK_MS * attempt)
  }
}

/** `owner-<process id>-<never used again>.sock`, in the directory. */
const SOCKET_NAME = /^owner-(\d+)-[0-9a-f]+\.sock$/

class SocketFile implements Ownership {
  readonly #server: Server
  readonly #handle: number
  readonly #path: string

  private constructor(server: Server, handle: number, path: string) {
    this.#server = server
    this.#handle = handle
    this.#path = path
  }

  static async show(directory: string): Promise<SocketFile> {
    const handle = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
    // A socket's path has at most 107 octets, a directory's may have more.
    const place = `/proc/self/fd/${handle}`
    const name = `owner-${process.pid}-${randomBytes(8).toString('hex')}`
    try {
      // It gets the name that others look at once it answers: what refuses under that name is dead.
      const server = await listen(join(place, `${name}.new`))
      const socketFile = new SocketFile(server, handle, join(place, `${name}.sock`))
      await socketFile.#keepIfAlone(place, name)
      return socketFile
    } catch (error) {
      closeSync(handle)
      throw error
    }
  }

  async #keepIfAlone(place: string, name: string): Promise<void> {
    try {
      await rename(join(place, `${name}.new`), this.#path)
      for (const other of await readdir(place)) {
        const pid = SOCKET_NAME.exec(other)?.[1]
        if (pid === undefined || other === `${name}.sock`) continue
        if (await answers(join(place, other))) throw new OwnedByAnotherError(Number(pid))
        await rm(join(place, other), { force: true })
      }
    } catch (error) {
      await this.#withdraw()
      throw error
    }
  }

  async #withdraw(): Promise<void> {
    await rm(this.#path, { force: true })
    await closeServer(this.#server)
  }

  async release(): Promise<void> {
    await this.#withdraw()
    closeSync(this.#handle)
  }
}

/** A name in the kernel's own table, which is gone with its process. */
async function claimName(directory: string): Promise<Ownership> {
  const { dev, ino } = await stat(directory, { bigint: true })
  try {
    const server = await listen(`\0leveret-data-${dev}-${ino}`)
    return { release: () => closeServer(server) }
  } catch (error) {
    throw codeOf(error) === 'EADDRINUSE' ? new OwnedByAnotherError(undefined) : error
  }
}

async function openExclusively(directory: string): Promise<Ownership> {
  const exclusive = process.platform === 'win32' ? 0x10000000 : 0x20
  const flags = constants.O_RDWR | constants.O_CREAT | exclusive | (constants.O_NONBLOCK ?? 0)
  const pidFile = join(directory, 'owner.pid')
  let handle: FileHandle
  try {
    handle = await open(join(directory, 'owner.lock'), flags, 0o600)
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'EAGAIN' && code !== 'EBUSY') throw error
    const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10)
    throw new OwnedByAnotherError(Number.isNaN(pid) ? undefined : pid)
  }
  await writeFile(pidFile, `${process.pid}\n`)
  return {
    async release() {
      await rm(pidFile, { force: true })
      await handle.close()
    },
  }
}

/** Listens for nobody's sake: whoever connects only wants to know whether somebody is there. */
function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    // Exclusive: in a cluster, the primary process would listen otherwise, and not die with this one.
    server.listen({ path, exclusive: true }, () => resolve(server))
    server.unref()
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

/** Whether somebody listens at a path. When that is not clear, somebody does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => resolve(!['ECONNREFUSED', 'ENOENT'].includes(codeOf(error) ?? '')))
  })
}

/** What file systems without sockets answer. */
function isUnsupported(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS'].includes(codeOf(error) ?? '')
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
