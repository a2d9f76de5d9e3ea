import { close, constants, fdatasync, fdatasyncSync, open, write, writeSync } from 'node:fs'
import { open as openHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { systemClock } from '../../base/clock.js'
import { BLOCK_OCTETS } from './journal-entry.js'

const openFd = promisify(open)
const closeFd = promisify(close)

/** Where the system can flush what it writes in the same call, that is one hand-over to another thread instead of two. */
const SYNC_FLAG: number | undefined = process.platform === 'linux' ? constants.O_DSYNC : undefined

/** What counts as the average at first: it takes a dozen quick ones to be taken for quick by whoever asks. */
const UNKNOWN_FLUSH_MS = 1

/** The weight of the last flush in the average: a single one of 3 ms lets the next dozen be taken for slow. */
const LAST_FLUSH_WEIGHT = 0.1

/** How much of a new file is written at once. */
const ZEROS_OCTETS = 64 * 1024

/** A file of fixed size that is written from its start to its end, each write flushed, and then from its start again. */
export class JournalFile {
  readonly octets: number
  readonly #fd: number
  #position = 0
  #flushMs = UNKNOWN_FLUSH_MS

  private constructor(fd: number, octets: number) {
    this.#fd = fd
    this.octets = octets
  }

  /** Opens a file that `makeJournalFile` made. @throws Error of the system */
  static async open(path: string, octets: number): Promise<JournalFile> {
    return new JournalFile(await openFd(path, constants.O_WRONLY | (SYNC_FLAG ?? 0)), octets)
  }

  hasRoomFor(octets: number): boolean {
    return this.#position + octets <= this.octets
  }

  /** How much of it has been written since the start. */
  get position(): number {
    return this.#position
  }

  /** How long a write and its flush take, on average of the last dozen. */
  get flushMs(): number {
    return this.#flushMs
  }

  /** Begins anew: what is there counts no more. */
  rewind(): void {
    this.#position = 0
  }

  /**
   * Writes `bytes`, a number of blocks for which there is room, and flushes them. One call at a time; `bytes` must not
   * change until it resolves.
   * @throws Error of the system, after which nothing may be written any more.
   */
  append(bytes: Buffer): Promise<void> {
    const at = this.#position
    const begunMs = systemClock.monotonicMs()
    this.#position += bytes.length
    return new Promise((resolve, reject) => {
      const done = (error: Error | null) => {
        this.#noteFlush(begunMs)
        if (error) reject(error)
        else resolve()
      }
      this.#writeAll(
        bytes,
        at,
        SYNC_FLAG === undefined ? (error) => (error ? done(error) : fdatasync(this.#fd, done)) : done,
      )
    })
  }

  /** What `append` does, before it returns. @throws Error of the system, as `append` rejects with it */
  appendAtOnce(bytes: Buffer): void {
    const begunMs = systemClock.monotonicMs()
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(this.#fd, bytes, written, bytes.length - written, this.#position + written)
    }
    if (SYNC_FLAG === undefined) fdatasyncSync(this.#fd)
    this.#position += bytes.length
    this.#noteFlush(begunMs)
  }

  close(): Promise<void> {
    return closeFd(this.#fd)
  }

  /** What the disk takes is the machine's time, whatever the broker's is. */
  #noteFlush(begunMs: number): void {
    this.#flushMs += (systemClock.monotonicMs() - begunMs - this.#flushMs) * LAST_FLUSH_WEIGHT
  }

  #writeAll(bytes: Buffer, at: number, done: (error: Error | null) => void): void {
    write(this.#fd, bytes, 0, bytes.length, at, (error, written) => {
      if (error || written === bytes.length) return done(error)
      // As much as there was room for on the disk: the next call says so.
      this.#writeAll(bytes.subarray(written), at + written, done)
    })
  }
}

/**
 * Makes a file of so many octets that are all on disk: a write to it then changes nothing but its content, which takes one
 * flush of the disk and not two. Its name is not flushed.
 * @param isWanted asked meanwhile.
 * @returns whether it is there: false when it is not wanted any more.
 */
export async function makeJournalFile(path: string, octets: number, isWanted: () => boolean): Promise<boolean> {
  const file = await openHandle(path, 'w', 0o600)
  try {
    const zeros = Buffer.alloc(Math.min(ZEROS_OCTETS, octets))
    for (let at = 0; at < octets; at += zeros.length) {
      if (!isWanted()) return false
      await file.write(zeros, 0, Math.min(zeros.length, octets - at), at)
    }
    await file.sync()
    return true
  } finally {
    await file.close()
  }
}

/** The octets of a journal file, whole blocks; none when there is no such file. */
export async function readJournalFile(path: string, onlyHead = false): Promise<Buffer> {
  const file = await ifThere(openHandle(path, 'r'))
  if (file === undefined) return Buffer.alloc(0)
  try {
    if (!onlyHead) return await file.readFile()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BLOCK_OCTETS), 0, BLOCK_OCTETS, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** What `work` comes to, or undefined when it fails for the want of a file. @throws Error of the system, any other */
export async function ifThere<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
