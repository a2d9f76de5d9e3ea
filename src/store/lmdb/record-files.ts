/**
 * The octets of large records: files that are written from start to end, past the system's cache, with one flush for each
 * batch. What lies where is in the data file, or in the journal until that has it. So a batch of any size costs one write
 * of itself and one small one, and what is consumed soon is never copied anywhere else.
 *
 * A file is removed when none of its records is needed. Where most of the octets of files are not, those that are get moved
 * to the end of the last file (`toClear`).
 */

import { type FileHandle, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Log } from '../../base/log.js'
import type { Place } from '../batch.js'
import { alignedMemory } from './aligned-memory.js'
import { syncDirectory } from './data-directory.js'
import { FileOpener } from './file-opener.js'
import { ifThere } from './journal-file.js'
import { RecordFile, SECTOR_OCTETS } from './record-file.js'
import { RecordWindow } from './record-window.js'

/** The folder of the files in a data directory. */
export const RECORDS_DIRECTORY = 'records'

const FILE_NAME = /^\d{10}$/
const NAME_DIGITS = 10

/** How much is copied to be written, or read to be copied, in one go. */
const WRITTEN_AT_ONCE = 2 << 20
const READ_AT_ONCE = 1 << 20

/** What lies between two records that are read together at most. */
const GAP_OCTETS = 64 << 10

/** How many files stay open for reading. */
const OPENED_MAX = 16

export interface RecordFileLimits {
  /** A file that is longer gets no further batch. */
  readonly fileOctets: number
  /** How much the files may hold that nobody needs, or as much as they hold that is needed, whichever is more. */
  readonly wasteOctets: number
  /** How much of that is allowed for an octet that is needed; 1 unless it is given. */
  readonly wasteShare?: number
}

export const RECORD_FILE_LIMITS: RecordFileLimits = { fileOctets: 64 << 20, wasteOctets: 256 << 20 }

export class RecordFiles {
  readonly #directory: string
  readonly #limits: RecordFileLimits
  readonly #log: Log
  readonly #opener: FileOpener
  readonly #files = new Map<number, RecordFile>()
  /** The numbers of files that are not there, and should be. */
  readonly #missing = new Set<number>()
  #nextNumber = 1
  /** The one that is written to. */
  #current: RecordFile | undefined
  #octets = 0
  #liveOctets = 0
  #writeMemory: Buffer | undefined
  #readMemory: Buffer | undefined
  /** Resolves when `#readMemory` is free. */
  #reading: Promise<unknown> = Promise.resolve()
  /** The numbers of files whose records cannot be moved. */
  readonly #uncleared = new Set<number>()
  /** Open for reading, the one that was read last at the end. */
  readonly #opened = new Set<RecordFile>()
  /** Files that are being removed. */
  readonly #removals = new Set<Promise<void>>()

  private constructor(directory: string, limits: RecordFileLimits, log: Log) {
    this.#directory = directory
    this.#limits = limits
    this.#log = log
    this.#opener = new FileOpener(directory, log)
  }

  /** Those of a data directory, of none of which is known yet whether it is needed: `restore` each, then `removeUnneeded`. */
  static async open(dataDirectory: string, limits: RecordFileLimits, log: Log): Promise<RecordFiles> {
    const files = new RecordFiles(join(dataDirectory, RECORDS_DIRECTORY), limits, log)
    for (const [number, path] of await recordFilesIn(dataDirectory)) {
      const { size } = await stat(path)
      files.#files.set(number, new RecordFile(number, path, size))
      files.#octets += size
      files.#nextNumber = Math.max(files.#nextNumber, number + 1)
    }
    return files
  }

  /** How long they are together. */
  get octets(): number {
    return this.#octets
  }

  /** A stored record lies there. */
  restore({ file, offset, octets }: Place): void {
    this.#nextNumber = Math.max(this.#nextNumber, file + 1)
    const found = this.#files.get(file)
    if (found) this.#addLive(found, offset, octets)
    else this.#noteMissing(file)
  }

  /** Removes the files that no stored record lies in. */
  removeUnneeded(): void {
    for (const file of this.#files.values()) if (!file.isNeeded) this.#remove(file)
  }

  /**
   * Writes octets one behind the other. Resolves when they are on disk. One call at a time.
   * @returns where the first of them lies.
   * @throws Error of the system, after which nothing may be written any more.
   */
  async append(chunks: readonly Uint8Array[]): Promise<Pick<Place, 'file' | 'offset'>> {
    this.#writeMemory ??= this.#takeMemory(WRITTEN_AT_ONCE)
    const file = await this.#fileToWrite()
    const offset = file.octets
    const memory = this.#writeMemory
    let filled = 0
    for (const chunk of chunks) {
      for (let from = 0; from < chunk.length; ) {
        const part = chunk.subarray(from, from + memory.length - filled)
        memory.set(part, filled)
        from += part.length
        filled += part.length
        if (filled < memory.length) continue
        await this.#write(file, memory)
        filled = 0
      }
    }
    if (filled > 0) {
      const end = sectorsOf(filled)
      memory.fill(0, filled, end)
      await this.#write(file, memory.subarray(0, end))
    }
    return { file: file.number, offset }
  }

  /** A record lies at that place of what was appended. */
  keep({ file, offset, octets }: Place): void {
    const found = this.#files.get(file)
    if (found) this.#addLive(found, offset, octets)
  }

  /** Nobody needs the record of a place any more, which may have been said before. */
  release({ file, offset }: Place): void {
    const found = this.#files.get(file)
    const octets = found?.liveOctets
    if (found === undefined || octets === undefined || !found.removeLive(offset)) return
    this.#liveOctets -= octets - found.liveOctets
    if (!found.isNeeded && found !== this.#current) this.#remove(found)
  }

  /** The file whose records are to be moved elsewhere, if that is worth while. */
  get toClear(): number | undefined {
    const waste = this.#octets - this.#liveOctets - this.#wasteOf(this.#current)
    const { wasteOctets, wasteShare = 1 } = this.#limits
    if (waste <= Math.max(wasteOctets, this.#liveOctets * wasteShare)) return undefined
    let worst: RecordFile | undefined
    for (const file of this.#files.values()) {
      if (file === this.#current || this.#uncleared.has(file.number)) continue
      if (this.#wasteOf(file) > this.#wasteOf(worst)) worst = file
    }
    return worst?.number
  }

  /** What is left in a file cannot be moved. */
  giveUpClearing(number: number): void {
    this.#uncleared.add(number)
  }

  /**
   * Copies what lies at each of the places, in their order, to memory for it. The files stay until that is done.
   * @param takeMemory is called with the length of each.
   * @returns the octets, or why they cannot be read.
   */
  async read(places: readonly Place[], takeMemory: (octets: number) => Uint8Array): Promise<(Uint8Array | Error)[]> {
    // Those of now: one that nobody needs any more by the time of its turn is to be read as well.
    const files = new Map(places.map(({ file }) => [file, this.#files.get(file)]))
    for (const file of files.values()) file?.beginReading()
    const done = this.#reading.then(() => this.#readAll(places, files, takeMemory))
    this.#reading = done
    try {
      return await done
    } finally {
      for (const file of files.values()) file?.endReading()
    }
  }

  /** Resolves when nothing is being read or removed any more. Nothing that appends may be under way. */
  async close(): Promise<void> {
    await this.#reading
    await this.#current?.endWriting()
    for (const file of this.#opened) await file.closeReader()
    await Promise.all(this.#removals)
  }

  async #readAll(
    places: readonly Place[],
    files: ReadonlyMap<number, RecordFile | undefined>,
    takeMemory: (octets: number) => Uint8Array,
  ): Promise<(Uint8Array | Error)[]> {
    const read: (Uint8Array | Error)[] = []
    for (const run of runsOf(places)) read.push(...(await this.#readRun(run, files.get(run.file), takeMemory)))
    return read
  }

  async #readRun(
    { file: number, end, places }: Run,
    file: RecordFile | undefined,
    takeMemory: (octets: number) => Uint8Array,
  ): Promise<(Uint8Array | Error)[]> {
    const read: (Uint8Array | Error)[] = []
    try {
      if (file === undefined) throw new Error(`the file of records ${number} is missing`)
      this.#readMemory ??= this.#takeMemory(READ_AT_ONCE)
      const window = new RecordWindow(await this.#readerOf(file), this.#readMemory, sectorsOf(end))
      for (const { offset, octets } of places) {
        const bytes = takeMemory(octets)
        await window.copy(offset, bytes)
        read.push(bytes)
      }
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error))
      while (read.length < places.length) read.push(reason)
    }
    return read
  }

  /** The files that were read last stay open. */
  async #readerOf(file: RecordFile): Promise<FileHandle> {
    this.#opened.delete(file)
    this.#opened.add(file)
    const [oldest] = this.#opened
    if (oldest && this.#opened.size > OPENED_MAX) {
      this.#opened.delete(oldest)
      await oldest.closeReader()
    }
    return this.#opener.open((isDirect) => file.reader(isDirect))
  }

  async #fileToWrite(): Promise<RecordFile> {
    const last = this.#current
    if (last !== undefined && last.octets < this.#limits.fileOctets) return last
    await last?.endWriting()
    const number = this.#nextNumber++
    const file = new RecordFile(number, join(this.#directory, nameOf(number)), 0)
    const made = await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    // By itself: where the system refuses to write past its cache, it has made the file by then.
    await this.#opener.open(() => file.create())
    await this.#opener.open((isDirect) => file.beginWriting(isDirect))
    await syncDirectory(this.#directory)
    if (made !== undefined) await syncDirectory(dirname(this.#directory))
    this.#files.set(number, file)
    this.#current = file
    if (last?.isNeeded === false) this.#remove(last)
    return file
  }

  async #write(file: RecordFile, sectors: Buffer): Promise<void> {
    await file.append(sectors)
    this.#octets += sectors.length
  }

  #addLive(file: RecordFile, offset: number, octets: number): void {
    const before = file.liveOctets
    file.addLive(offset, octets)
    this.#liveOctets += file.liveOctets - before
  }

  /** Says so once, however many records lay there. */
  #noteMissing(file: number): void {
    if (this.#missing.has(file)) return
    this.#missing.add(file)
    this.#log.error({ directory: this.#directory, file }, 'a file of records is missing: its messages are lost')
  }

  #wasteOf(file: RecordFile | undefined): number {
    return file ? file.octets - file.liveOctets : 0
  }

  #remove(file: RecordFile): void {
    this.#files.delete(file.number)
    this.#opened.delete(file)
    this.#octets -= file.octets
    const removal = file.remove().catch((err: unknown) => {
      this.#log.warn(
        { directory: this.#directory, file: file.number, err },
        'a file of records that nobody needs stays',
      )
    })
    this.#removals.add(removal)
    void removal.then(() => this.#removals.delete(removal))
  }

  #takeMemory(octets: number): Buffer {
    const aligned = alignedMemory(octets)
    if (!aligned) this.#opener.goThroughCache()
    return aligned ?? Buffer.allocUnsafeSlow(octets)
  }
}

/** The paths of the record files in a data directory, by number. */
export async function recordFilesIn(dataDirectory: string): Promise<Map<number, string>> {
  const directory = join(dataDirectory, RECORDS_DIRECTORY)
  const names = (await ifThere(readdir(directory))) ?? []
  const numbered = names.filter((name) => FILE_NAME.test(name)).sort()
  return new Map(numbered.map((name) => [Number(name), join(directory, name)]))
}

/** The name of a file in its folder. */
export function nameOf(number: number): string {
  return String(number).padStart(NAME_DIGITS, '0')
}

/** Places that are read together. */
interface Run {
  readonly file: number
  /** Where the last of them ends. */
  end: number
  readonly places: Place[]
}

function runsOf(places: readonly Place[]): Run[] {
  const runs: Run[] = []
  for (const place of places) {
    const { file, offset, octets } = place
    const last = runs.at(-1)
    const gap = last?.file === file ? offset - last.end : -1
    if (last && gap >= 0 && gap <= GAP_OCTETS) {
      last.places.push(place)
      last.end = offset + octets
    } else {
      runs.push({ file, end: offset + octets, places: [place] })
    }
  }
  return runs
}

function sectorsOf(octets: number): number {
  return Math.ceil(octets / SECTOR_OCTETS) * SECTOR_OCTETS
}
