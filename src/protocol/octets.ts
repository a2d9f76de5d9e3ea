/**
 * Reading and writing single fields at known offsets, for the paths where a cursor would cost too much.
 *
 * These do not check bounds: the caller has. That is also why the `as` is sound: an index that has been checked against
 * the length holds a number. Plain functions over bytes are inlined by V8; `Buffer.readUInt32BE` re-checks each call.
 */

/** The octet at `at`. */
export function octetAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number // in bounds by contract
}

/** The big-endian 16-bit unsigned integer at `at`. */
export function shortAt(bytes: Uint8Array, at: number): number {
  return (octetAt(bytes, at) << 8) | octetAt(bytes, at + 1)
}

/** The big-endian 32-bit unsigned integer at `at`. */
export function longAt(bytes: Uint8Array, at: number): number {
  return octetAt(bytes, at) * 0x1000000 + ((octetAt(bytes, at + 1) << 16) | shortAt(bytes, at + 2))
}

/** The big-endian 64-bit unsigned integer at `at`, rounded to a double above 2^53: range-check before trusting it. */
export function longLongAt(bytes: Uint8Array, at: number): number {
  return longAt(bytes, at) * 0x100000000 + longAt(bytes, at + 4)
}

/** Writes `value` modulo 2^16, big-endian. */
export function putShort(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

/** Writes `value` modulo 2^32, big-endian. */
export function putLong(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Writes a whole number from 0 to 2^53 - 1 as a big-endian 64-bit integer. */
export function putLongLong(bytes: Uint8Array, at: number, value: number): void {
  putLong(bytes, at, (value / 0x100000000) >>> 0)
  putLong(bytes, at + 4, value >>> 0)
}

/** Below this many octets a loop beats the native copy, whose call alone costs about 100 ns on Node 20. */
const LOOP_COPY_MAX = 96
/** The same for a copy inside one array, which needs no view of the source and takes 20 ns. */
const LOOP_COPY_WITHIN_MAX = 16

/** Copies source[start, end) to target at `at`. The ranges must lie in bounds and must not overlap. */
export function copyOctets(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): void {
  if (target === source && end - start > LOOP_COPY_WITHIN_MAX) {
    target.copyWithin(at, start, end)
    return
  }
  if (end - start > LOOP_COPY_MAX) {
    target.set(source.subarray(start, end), at)
    return
  }
  for (let from = start, to = at; from < end; from++, to++) target[to] = octetAt(source, from)
}

/** Whether a[aStart, aStart + length) and b[bStart, bStart + length) hold the same octets. */
export function sameOctets(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false
  return true
}
