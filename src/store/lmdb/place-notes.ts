import type { Place } from '../batch.js'
import { PLACE, placedRecordOf, placeRange } from './keys.js'
import { PLACED_OCTETS_MIN } from './record-placing.js'
import { salvage } from './salvage.js'

/**
 * The notes of places in a data file, each until the record has been found that it is about. A record without a note would
 * be lost: the next start takes its file for one that nobody needs. A note without a record keeps a file for good.
 */
export class PlaceNotes {
  /** By file, a bit for each place where a record can begin: one begins where the one before it ends, or later. */
  readonly #bits = new Map<number, Uint8Array>()
  #count = 0
  /** Whether all notes could be read. */
  #isWhole = true

  /** @param path of the data file. */
  static async read(path: string): Promise<PlaceNotes> {
    const notes = new PlaceNotes()
    for await (const found of salvage(path, placeRange.start)) {
      try {
        if ('damage' in found) notes.#isWhole = false
        else if (found.key[0] === PLACE) notes.#add(placedRecordOf(found.key, found.value).place)
      } catch {
        // The full pass says so.
        notes.#isWhole = false
      }
    }
    return notes
  }

  /** How many are left. */
  get count(): number {
    return this.#count
  }

  /** Takes out the note of a record. @returns whether it is known not to be there. */
  take({ file, offset }: Place): boolean {
    const bits = this.#bits.get(file)
    const [index, bit] = bitOf(offset)
    const octet = bits?.[index] ?? 0
    if (bits === undefined || (octet & bit) === 0) return this.#isWhole
    bits[index] = octet & ~bit
    this.#count--
    return false
  }

  #add({ file, offset }: Place): void {
    const [index, bit] = bitOf(offset)
    let bits = this.#bits.get(file) ?? new Uint8Array(0)
    if (index >= bits.length) {
      const longer = new Uint8Array(2 * index + 1)
      longer.set(bits)
      this.#bits.set(file, longer)
      bits = longer
    }
    bits[index] = (bits[index] ?? 0) | bit
    this.#count++
  }
}

function bitOf(offset: number): [index: number, bit: number] {
  const number = Math.floor(offset / PLACED_OCTETS_MIN)
  return [number >>> 3, 1 << (number & 7)]
}
