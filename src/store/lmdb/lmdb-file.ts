import { readFileSync } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { RootDatabase } from 'lmdb'
import type { RecordMemory } from '../message-store.js'
import type { KeyRange } from './keys.js'
import { open } from './lmdb-package.js'

/** That of nearly every Linux; elsewhere the memory is only counted too low. */
const SYSTEM_PAGE_BYTES = 4096

/** How much is read in one go before other work gets a turn: the memory that recovery takes beside its own. */
const READ_CHUNK_BYTES = 1 << 20

/** How many entries are read in one go at most. */
const READ_CHUNK_ENTRIES = 4096

/** The file of LMDB in its directory. */
export const DATA_FILE = 'data.mdb'

/** LMDB's table of readers, which belongs to one data file and must not be met by another. */
export const LOCK_FILE = 'lock.mdb'

export interface Entry {
  readonly key: Uint8Array
  /** Of its own memory. */
  readonly value: Uint8Array
}

/** What may be done within a block. Values belong to the file from then on. */
export interface BlockWriter {
  put(key: Uint8Array, value: Uint8Array): void
  /** Removes a key, which may be missing. */
  remove(key: Uint8Array): void
}

/** When the file is opened anew. */
export interface MappedLimit {
  /**
   * How much of it may count as resident memory of this process, beyond what did when it was opened. Above, it is opened
   * anew when no block is being written; above twice as much, reads and blocks wait until that is so.
   */
  readonly octets: number
  /** How many touches of the file there are before somebody looks at that, which takes 15 µs. */
  readonly touches: number
}

/**
 * Looked at after some 2 MB: by blocks, which grow with the number of queues, it went to 230 to 300 MB while a thousand
 * deep queues were filled. Each opening leaves 160 KB to the garbage collector, so a smaller limit costs more anonymous
 * memory.
 */
const MAPPED_LIMIT: MappedLimit = { octets: 8 << 20, touches: 32 }

/** Less than any limit. */
const NOTHING_SEEN = Number.NEGATIVE_INFINITY

/** What one touch brings in: Linux maps the neighbours of a page along with it. */
const TOUCHED_OCTETS_LOG2 = 16

/**
 * An LMDB file of octets by octets: reads at once, writes in blocks that are on disk as a whole or not at all.
 *
 * LMDB maps the file, and every page that it touches counts as resident memory of the process until the file is closed,
 * though the system may take it back: a queue of 1 GiB that was drained showed as 1.1 GiB. So the file is opened anew when
 * much of it has been touched, which takes 1 ms and is seldom.
 *
 * lmdb-js applies a block in one LMDB transaction, on a thread of its own, and joins blocks that wait for the same
 * flush. It would cut a block in two for a synchronous write of the main thread, so nothing here writes synchronously.
 */
export class LmdbFile {
  readonly #directory: string
  readonly #mappedLimit: MappedLimit
  /** What was seen of it last, and values read, put and removed since then, large ones counted by their size. */
  #heldOctets = NOTHING_SEEN
  #touchesSinceLook = 0
  #database: RootDatabase<Uint8Array, Uint8Array>
  #writer: BlockWriter
  /** Blocks that are being written, and those that wait until the file is open again. */
  #blocks = 0
  #waiting = 0
  /** Called when the last of those blocks is written. */
  #onIdle: () => void = () => undefined
  /** Never rejects: what fails shows as `failure`. Settled unless the file is being opened anew. */
  #reopened: Promise<void> = Promise.resolve()
  #isReopening = false
  /** Of the mapped files of this process when this one was opened. */
  #mappedBytesAtOpen: number
  /** Set when a block fails: why nothing is written any more. */
  #failure: Promise<Error> | undefined
  #closed: Promise<void> | undefined

  /** Opens `data.mdb` in a directory, making it when it is missing. @throws Error of LMDB */
  constructor(directory: string, mappedLimit = MAPPED_LIMIT) {
    this.#directory = directory
    this.#mappedLimit = mappedLimit
    this.#database = openDatabase(directory)
    this.#writer = this.#writerTo(this.#database)
    this.#mappedBytesAtOpen = mappedBytes()
  }

  /** Why nothing is written any more; undefined while all is well. */
  get failure(): Promise<Error> | undefined {
    return this.#failure
  }

  /**
   * Writes a block. `plan` is called at once, or when the file is open again, and then so is what it returns: blocks take
   * effect in the order of the calls.
   * @returns a promise that resolves when the block is on disk, and rejects once any block has failed.
   */
  async write(plan: () => (to: BlockWriter) => void): Promise<void> {
    // Whoever comes while others wait goes behind them.
    if (this.#isReopening || this.#waiting > 0) {
      this.#waiting++
      await this.#reopened
      this.#waiting--
    }
    this.#blocks++
    try {
      const writes = plan()
      await this.#database.batch(() => writes(this.#writer))
    } catch (error) {
      this.#failure ??= failureOf(error, this.#directory)
    }
    this.#blocks--
    if (this.#blocks === 0) this.#onIdle()
    if (this.#blocks === 0 && this.#holdsMoreThan(this.#mappedLimit.octets)) this.#reopened = this.#reopen()
    // A block that followed a failed one may have reached the disk. It is not promised: what it builds on is lost.
    if (this.#failure !== undefined) throw await this.#failure
  }

  /**
   * Undefined when the file can be read, which holds until the next `await`; else a promise that resolves when it is worth
   * asking again, as the file is being opened anew. That it be so may begin with this question.
   */
  get reopening(): Promise<void> | undefined {
    if (this.#holdsMoreThan(2 * this.#mappedLimit.octets)) this.#reopened = this.#reopen()
    return this.#isReopening ? this.#reopened : undefined
  }

  /**
   * The value of a key, of its own memory. What was on disk when the last `write` resolved is seen, here and below.
   * @param memory where the value is put instead.
   */
  get(key: Uint8Array, memory?: RecordMemory): Uint8Array | undefined {
    const value = memory ? this.#copyInto(memory, key) : this.#database.get(key)
    if (value !== undefined) this.#touch(value.byteLength)
    return value
  }

  #copyInto(memory: RecordMemory, key: Uint8Array): Uint8Array | undefined {
    // A view of a buffer that lmdb-js uses for each value; it goes beyond the value, and only its `length` tells so.
    const view = this.#database.getBinaryFast(key)
    if (view === undefined) return undefined
    const { length } = view
    const value = memory.take(length)
    value.set(view.subarray(0, length))
    return value
  }

  /** The last key of a range. */
  lastKey({ start, end }: KeyRange): Uint8Array | undefined {
    for (const key of this.#database.getKeys({ start: end, end: start, reverse: true, limit: 1 })) return key
    return undefined
  }

  /** The keys of a range that were on disk when the last `write` resolved, or later. */
  keys(range: KeyRange): Iterable<Uint8Array> {
    return this.#database.getKeys({ ...range })
  }

  /** Reads the keys of a range in chunks, as `read` does. */
  async *readKeys(range: KeyRange): AsyncGenerator<readonly Uint8Array[]> {
    let start = range.start
    let exclusiveStart = false
    for (;;) {
      while (this.reopening) await this.reopening
      const chunk = [
        ...this.#database.getKeys({ start, exclusiveStart, end: range.end, limit: READ_CHUNK_ENTRIES }),
      ] as const
      const last = chunk.at(-1)
      if (last === undefined) return
      this.#touchesSinceLook += this.#mappedLimit.touches
      yield chunk
      start = last
      exclusiveStart = true
      await nextTurn()
    }
  }

  /** Reads a range in chunks, each from the state on disk by then: a long read keeps no space from being used again. */
  async *read(range: KeyRange): AsyncGenerator<readonly Entry[]> {
    let start = range.start
    let exclusiveStart = false
    for (;;) {
      while (this.reopening) await this.reopening
      const chunk: Entry[] = []
      let octets = 0
      for (const { key, value } of this.#database.getRange({ start, exclusiveStart, end: range.end })) {
        chunk.push({ key, value })
        octets += value.byteLength
        if (octets >= READ_CHUNK_BYTES || chunk.length >= READ_CHUNK_ENTRIES) break
      }
      const last = chunk.at(-1)
      if (last === undefined) return
      this.#touchesSinceLook += this.#mappedLimit.touches
      yield chunk
      start = last.key
      exclusiveStart = true
      await nextTurn()
    }
  }

  /** How large the file is, and what its disk has left, in octets. */
  async space(): Promise<{ sizeBytes: number; freeBytes: number }> {
    const [{ size }, freeBytes] = await Promise.all([
      stat(join(this.#directory, DATA_FILE)),
      freeBytesOf(this.#directory),
    ])
    return { sizeBytes: size, freeBytes }
  }

  /** Closes the file when all blocks are on disk. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    while (this.#isReopening) await this.#reopened
    await this.#database.close()
  }

  /** Whether it holds that much, and may be opened anew at all. */
  #holdsMoreThan(octets: number): boolean {
    if (this.#isReopening || this.#waiting > 0 || this.#closed !== undefined || this.#failure !== undefined)
      return false
    if (this.#touchesSinceLook >= this.#mappedLimit.touches) {
      this.#touchesSinceLook = 0
      this.#heldOctets = mappedBytes() - this.#mappedBytesAtOpen
    }
    return this.#heldOctets > octets
  }

  #touch(octets: number): void {
    this.#touchesSinceLook += 1 + (octets >>> TOUCHED_OCTETS_LOG2)
  }

  #writerTo(database: RootDatabase<Uint8Array, Uint8Array>): BlockWriter {
    // Within a block, lmdb-js answers each call by the same promise, already settled.
    return {
      put: (key, value) => {
        this.#touch(value.byteLength)
        void database.put(key, value)
      },
      remove: (key) => {
        this.#touch(0)
        void database.remove(key)
      },
    }
  }

  /** Opens the file anew when the blocks are written that are under way. Whoever comes meanwhile waits. */
  async #reopen(): Promise<void> {
    this.#isReopening = true
    if (this.#blocks > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    try {
      // Nothing is written any more after a failure, and reads go on.
      if (this.#failure === undefined) await this.#openAnew()
    } catch (error) {
      this.#failure ??= failureOf(error, this.#directory)
    }
    this.#isReopening = false
  }

  async #openAnew(): Promise<void> {
    await this.#database.close()
    this.#database = openDatabase(this.#directory)
    this.#writer = this.#writerTo(this.#database)
    this.#mappedBytesAtOpen = mappedBytes()
    this.#heldOctets = NOTHING_SEEN
  }
}

/** How much of mapped files counts as resident memory of this process; 0 where the system does not tell. */
function mappedBytes(): number {
  if (process.platform !== 'linux') return 0
  const [, , sharedPages] = readFileSync('/proc/self/statm', 'latin1').split(' ')
  return Number(sharedPages) * SYSTEM_PAGE_BYTES
}

function openDatabase(directory: string): RootDatabase<Uint8Array, Uint8Array> {
  const options = {
    path: directory,
    // Without this, a directory with a dot in its name would be taken for a file.
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    // With it, a commit needs two flushes as well and is no faster, and a failure of the second is not reported.
    overlappingSync: false,
    // Blocks are made here. lmdb-js would put a block of its own around those of a turn, with a promise that nobody gets
    // to see: when a commit fails, that one is rejected without a handler, which ends the process.
    eventTurnBatching: false,
    // The main database is the only one.
    maxDbs: 1,
    // Not in the type declarations of lmdb 3.5, yet honoured. The directory may be one that others can list.
    permissionsMode: 0o600,
  } as const
  return open(options)
}

async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}

/** What to say of a write that failed. LMDB calls a full disk an input or output error: the free space tells them apart. */
export async function failureOf(error: unknown, directory: string): Promise<Error> {
  const cause = await causeOf(error)
  const freeBytes = await freeBytesOf(directory).catch(() => Number.NaN)
  const freeMiB = Math.floor(freeBytes / 2 ** 20)
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Error(`nothing more is stored in ${directory}: ${reason} (free on its disk: ${freeMiB} MiB)`, { cause })
}

/** lmdb-js rejects with a general error first, and tells the cause in a promise of that error. */
async function causeOf(error: unknown): Promise<unknown> {
  if (typeof error !== 'object' || error === null || !('commitError' in error)) return error
  try {
    return (await error.commitError) ?? error
  } catch (cause) {
    return cause
  }
}
