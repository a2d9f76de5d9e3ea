import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'

/** Offsets and lengths of writes and reads past the system's cache are multiples of this. */
export const SECTOR_OCTETS = 4096

/** Where the system can flush what it writes in the same call. */
const SYNC_FLAG: number | undefined = process.platform === 'linux' ? constants.O_DSYNC : undefined

/** Past the system's cache, which has nobody to read from it soon: to fill it would take as long again as all the rest. */
const DIRECT_FLAG = process.platform === 'linux' ? constants.O_DIRECT : 0

/** A file of records, written from its start to its end once, and removed when nobody needs a record of it. */
export class RecordFile {
  readonly number: number
  readonly #path: string
  /** How long it is; a multiple of a sector. */
  #octets: number
  /** By offset, how long the records are that are needed. */
  readonly #live = new Map<number, number>()
  #liveOctets = 0
  #writer: FileHandle | undefined
  #reader: FileHandle | undefined
  /** How many are reading. */
  #readers = 0
  #onUnread: () => void = () => undefined

  constructor(number: number, path: string, octets: number) {
    this.number = number
    this.#path = path
    this.#octets = octets
  }

  get octets(): number {
    return this.#octets
  }

  get liveOctets(): number {
    return this.#liveOctets
  }

  get isNeeded(): boolean {
    return this.#live.size > 0
  }

  /** Notes that a record is needed. */
  addLive(offset: number, octets: number): void {
    if (this.#live.has(offset)) return
    this.#live.set(offset, octets)
    this.#liveOctets += octets
  }

  /** Notes that a record is not needed any more. @returns whether it was. */
  removeLive(offset: number): boolean {
    const octets = this.#live.get(offset)
    if (octets === undefined) return false
    this.#live.delete(offset)
    this.#liveOctets -= octets
    return true
  }

  /** Makes the file, empty. Its name is not flushed. @throws Error of the system */
  async create(): Promise<void> {
    const file = await open(this.#path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    await file.close()
  }

  /** Opens what `create` made. @throws Error of the system */
  async beginWriting(isDirect: boolean): Promise<void> {
    const flags = constants.O_WRONLY | (SYNC_FLAG ?? 0)
    this.#writer = await open(this.#path, flags | (isDirect ? DIRECT_FLAG : 0))
  }

  /**
   * Writes whole sectors to the end of a file that was opened for it, and flushes them. One call at a time.
   * @throws Error of the system, after which nothing may be written any more.
   */
  async append(sectors: Buffer): Promise<void> {
    const writer = this.#writer
    if (writer === undefined) throw new Error(`the record file ${this.number} is not open for writing`)
    for (let written = 0; written < sectors.length; ) {
      const { bytesWritten } = await writer.write(sectors, written, sectors.length - written, this.#octets + written)
      // As much as there was room for on the disk: the next call says so.
      written += bytesWritten
    }
    if (SYNC_FLAG === undefined) await writer.datasync()
    this.#octets += sectors.length
  }

  /** Nothing will be appended any more. */
  async endWriting(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    await writer?.close()
  }

  /** The file stays where it is until `endReading`. */
  beginReading(): void {
    this.#readers++
  }

  endReading(): void {
    this.#readers--
    if (this.#readers === 0) this.#onUnread()
  }

  /** The file for one who has begun reading, opened until `closeReader`. One call at a time. @throws Error of the system */
  async reader(isDirect: boolean): Promise<FileHandle> {
    this.#reader ??= await open(this.#path, constants.O_RDONLY | (isDirect ? DIRECT_FLAG : 0))
    return this.#reader
  }

  /** Nobody may be reading. */
  async closeReader(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    await reader?.close()
  }

  /** Removes the file when nobody reads it any more. @throws Error of the system */
  async remove(): Promise<void> {
    await this.endWriting()
    if (this.#readers > 0) await new Promise<void>((resolve) => (this.#onUnread = resolve))
    await this.closeReader()
    await unlink(this.#path)
  }
}
