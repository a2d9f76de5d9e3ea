import { leftoverKey, leftoverValue, placeKey, placeOf } from './keys.js'
import type { Leftover } from './leftovers.js'
import type { BlockWriter } from './lmdb-file.js'

/** What a block removes: keys, some of which may be gone already, and ranges to be noted. */
export interface Removals {
  readonly keys: readonly Uint8Array[]
  readonly leftovers: readonly Leftover[]
}

/** Removes keys, with the notes of their places, and notes ranges. */
export function writeRemovals({ keys, leftovers }: Removals, to: BlockWriter): void {
  for (const key of keys) {
    to.remove(key)
    const place = placeOf(key)
    if (place) to.remove(placeKey(place))
  }
  for (const leftover of leftovers) {
    const key = leftoverKey(leftover.queueId, leftover.to)
    to.put(key, leftoverValue(key, leftover.from))
  }
}
