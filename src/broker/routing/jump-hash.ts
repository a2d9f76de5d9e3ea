import type { ByteString } from '../../base/byte-string.js'

const TWO_TO_32 = 0x100000000

/** A hash of 32 bits, the same in every process: where messages go must not change with a restart. */
export function hashOf(text: ByteString): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return mixed(hash)
}

/**
 * Jump consistent hashing (Lamping and Veach, 2014): the bucket of 0 to `buckets` - 1 that `hash` falls into.
 *
 * The draws depend on the hash alone and the last jump that stays below `buckets` decides. So appending buckets moves
 * only what the new ones gain, and nothing between the old ones.
 */
export function jumpHash(hash: number, buckets: number): number {
  let state = hash | 0
  let bucket = 0
  let next = 0
  while (next < buckets) {
    bucket = next
    state = (state + 0x9e3779b9) | 0
    next = Math.floor((bucket + 1) * (TWO_TO_32 / (mixed(state) + 1)))
  }
  return bucket
}

/** Spreads each bit of `value` over all 32. */
function mixed(value: number): number {
  let bits = value ^ (value >>> 16)
  bits = Math.imul(bits, 0x21f0aaad)
  bits ^= bits >>> 15
  bits = Math.imul(bits, 0x735a2d97)
  return (bits ^ (bits >>> 15)) >>> 0
}
