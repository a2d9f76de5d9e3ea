import type { RecordMemory } from '../store/message-store.js'

/**
 * The larger pages as records, with an entry for each message, as far as that goes, and between them half a page: a batch
 * of a stream ends anywhere in one. Smaller records are not worth it.
 */
const SIZES: readonly number[] = [41 * 1024, 81 * 1024, 161 * 1024]

/** How much memory is kept in buffers that nobody uses. */
const FREE_OCTETS_MAX = 4 * 1024 * 1024

/**
 * Memory for records on their way to the store and from it, which is used again. While a deep queue is filled or drained
 * that is a buffer for each page of a thousand messages: the most of what there was to collect as garbage.
 */
export class RecordBuffers implements RecordMemory {
  readonly #free: readonly ArrayBufferLike[][] = SIZES.map(() => [])
  /** What may come back; all else is somebody else's. */
  readonly #lent = new WeakSet<ArrayBufferLike>()
  #freeOctets = 0

  take(octets: number): Buffer {
    const index = SIZES.findIndex((size) => octets <= size && octets > size / 2)
    const size = SIZES[index]
    if (size === undefined) return Buffer.allocUnsafeSlow(octets)
    const buffer = this.#takeFree(index) ?? Buffer.allocUnsafeSlow(size).buffer
    this.#lent.add(buffer)
    return Buffer.from(buffer, 0, octets)
  }

  giveBack(bytes: Uint8Array): void {
    const { buffer } = bytes
    if (!this.#lent.delete(buffer) || this.#freeOctets >= FREE_OCTETS_MAX) return
    this.#free[SIZES.indexOf(buffer.byteLength)]?.push(buffer)
    this.#freeOctets += buffer.byteLength
  }

  #takeFree(index: number): ArrayBufferLike | undefined {
    const buffer = this.#free[index]?.pop()
    if (buffer) this.#freeOctets -= buffer.byteLength
    return buffer
  }
}
