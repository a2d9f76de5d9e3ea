import type { FileHandle } from 'node:fs/promises'
import { SECTOR_OCTETS } from './record-file.js'

/** A part of a file in memory, which moves on through the file as it is read. */
export class RecordWindow {
  readonly #file: FileHandle
  readonly #memory: Buffer
  readonly #end: number
  #from = 0
  #to = 0

  /**
   * @param memory is overwritten; whole sectors, aligned where the file wants that.
   * @param end up to where the file is read at most, a whole number of sectors.
   */
  constructor(file: FileHandle, memory: Buffer, end: number) {
    this.#file = file
    this.#memory = memory
    this.#end = end
  }

  /** Copies what lies from `offset` on to the whole of `bytes`. @throws Error of the system, or when the file ends before. */
  async copy(offset: number, bytes: Uint8Array): Promise<void> {
    for (let copied = 0; copied < bytes.length; ) {
      const at = offset + copied
      if (at < this.#from || at >= this.#to) await this.#moveTo(at)
      const part = this.#memory.subarray(
        at - this.#from,
        Math.min(this.#to - this.#from, at - this.#from + bytes.length - copied),
      )
      bytes.set(part, copied)
      copied += part.length
    }
  }

  async #moveTo(offset: number): Promise<void> {
    const from = offset - (offset % SECTOR_OCTETS)
    const length = Math.min(this.#memory.length, this.#end - from)
    const { bytesRead } = await this.#file.read(this.#memory, 0, length, from)
    if (from + bytesRead <= offset) throw new Error(`the file ends at ${from + bytesRead}, before ${offset}`)
    this.#from = from
    this.#to = from + bytesRead
  }
}
