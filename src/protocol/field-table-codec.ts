import { ByteReader, DecodeError, MalformedTableError } from './byte-reader.js'
import type { Field, FieldTable, FieldValue } from './field-table.js'
import { putLong } from './octets.js'
import { OutputBuffer } from './output-buffer.js'

/**
 * Field tables on the wire: a 4-octet length, then for each field its name as a short string, a type byte and a value.
 * Which types there are, and how RabbitMQ reads them, is said at `FieldValue`.
 */

/**
 * How deep tables and arrays may lie in one another. Nobody needs a tenth of it, and without a limit a frame of 128 KiB
 * could nest twenty thousand levels, which is more than the stack holds.
 */
export const FIELD_NESTING_MAX = 256

/**
 * Reads a table with its length.
 * @throws DecodeError when the table runs over the end of the reader.
 * @throws MalformedTableError when the fault lies inside the table.
 */
export function readFieldTable(reader: ByteReader): FieldTable {
  const outerEnd = reader.narrow(reader.long())
  const table = readFieldTableEntries(reader)
  reader.widen(outerEnd)
  return table
}

/**
 * Reads fields without a length in front until the reader is at its end, as AMQPLAIN has them.
 * @throws MalformedTableError
 */
export function readFieldTableEntries(reader: ByteReader): FieldTable {
  try {
    return readFields(reader, 1)
  } catch (error) {
    // The extent is known to be whole, so whatever runs over it belongs to the inside.
    throw error instanceof DecodeError ? new MalformedTableError(error.message) : error
  }
}

/**
 * An array that stays the octets that it was read from until somebody asks for its values: whoever only passes arrays on
 * is spared the work.
 */
export class EncodedArray {
  readonly type = 'A'
  /** The values, one after another. */
  readonly octets: Buffer
  #values: readonly FieldValue[] | undefined

  /** @param octets become its own. */
  constructor(octets: Buffer) {
    this.octets = octets
  }

  /** @throws MalformedTableError, DecodeError when the octets are none of an array. */
  get value(): readonly FieldValue[] {
    this.#values ??= readValues(new ByteReader(this.octets), 2)
    return this.#values
  }
}

/**
 * `readFieldTable` for a table that has been read before: the arrays right in it stay encoded, and are not checked again.
 * @param bytes what the reader reads; the arrays refer to it.
 */
export function readFieldTableWithArrays(reader: ByteReader, bytes: Buffer): FieldTable {
  const outerEnd = reader.narrow(reader.long())
  const fields: Field[] = []
  while (reader.remaining > 0) {
    const name = reader.shortString()
    const isArray = bytes[reader.position] === ARRAY
    fields.push({ name, value: isArray ? takeArray(reader, bytes) : readFieldValue(reader, 1) })
  }
  reader.widen(outerEnd)
  return fields
}

function takeArray(reader: ByteReader, bytes: Buffer): EncodedArray {
  reader.octet()
  const octets = reader.long()
  const start = reader.position
  reader.skip(octets)
  return new EncodedArray(bytes.subarray(start, start + octets))
}

const ARRAY = 'A'.charCodeAt(0)

/** Octets of the values that always have as many. */
const FIXED_OCTETS: Readonly<Record<string, number>> = {
  t: 1,
  b: 1,
  B: 1,
  s: 2,
  u: 2,
  I: 4,
  i: 4,
  l: 8,
  L: 8,
  f: 4,
  d: 8,
  D: 5,
  T: 8,
  V: 0,
}

/** Steps over a type byte and the value of that type. @throws DecodeError, MalformedTableError */
export function skipFieldValue(reader: ByteReader): void {
  const type = String.fromCharCode(reader.octet())
  const fixed = FIXED_OCTETS[type]
  if (fixed !== undefined) reader.skip(fixed)
  else if (type === 'S' || type === 'x' || type === 'A' || type === 'F') reader.skip(reader.long())
  else throw new MalformedTableError(`unknown field type ${type.charCodeAt(0)}`)
}

/** One for all tables that are empty: nearly every binding has one, and most queues do. */
const NO_FIELDS: FieldTable = Object.freeze([])

function readFields(reader: ByteReader, depth: number): FieldTable {
  if (depth > FIELD_NESTING_MAX) throw nestedTooDeep()
  if (reader.remaining === 0) return NO_FIELDS
  const fields: Field[] = []
  while (reader.remaining > 0) fields.push({ name: reader.shortString(), value: readFieldValue(reader, depth) })
  return fields
}

function readValues(reader: ByteReader, depth: number): FieldValue[] {
  if (depth > FIELD_NESTING_MAX) throw nestedTooDeep()
  const values: FieldValue[] = []
  while (reader.remaining > 0) values.push(readFieldValue(reader, depth))
  return values
}

/** Reads a length, and with `read` what lies in that many octets, one level below `depth`. */
function readNested<T>(reader: ByteReader, depth: number, read: (reader: ByteReader, depth: number) => T): T {
  const outerEnd = reader.narrow(reader.long())
  const inside = read(reader, depth + 1)
  reader.widen(outerEnd)
  return inside
}

/** Reads a type byte and the value of that type. */
function readFieldValue(reader: ByteReader, depth: number): FieldValue {
  const type = String.fromCharCode(reader.octet())
  switch (type) {
    case 't':
      return { type, value: reader.octet() !== 0 }
    case 'b':
      return { type, value: (reader.octet() << 24) >> 24 }
    case 'B':
      return { type, value: reader.octet() }
    case 's':
      return { type, value: (reader.short() << 16) >> 16 }
    case 'u':
      return { type, value: reader.short() }
    case 'I':
      return { type, value: reader.long() | 0 }
    case 'i':
      return { type, value: reader.long() }
    case 'l':
    case 'L':
      return { type: 'l', value: reader.signedLongLong() }
    case 'f':
      return { type, value: finite(reader.float()) }
    case 'd':
      return { type, value: finite(reader.double()) }
    case 'D':
      return { type, scale: reader.octet(), value: reader.long() }
    case 'S':
    case 'x':
      return { type, value: reader.longString() }
    case 'T':
      return { type, value: reader.unsignedLongLong() }
    case 'A':
      return { type, value: readNested(reader, depth, readValues) }
    case 'F':
      return { type, value: readNested(reader, depth, readFields) }
    case 'V':
      return { type }
    default:
      throw new MalformedTableError(`unknown field type ${type.charCodeAt(0)}`)
  }
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new MalformedTableError('a float that is not finite')
  return value
}

function nestedTooDeep(): MalformedTableError {
  return new MalformedTableError(`tables nested deeper than ${FIELD_NESTING_MAX}`)
}

/**
 * Writes a table with its length.
 * @throws RangeError when a name is longer than 255 octets, a 64-bit value needs more bits, or the table is nested
 * deeper than could be read back: whoever builds tables from elsewhere than the wire checks before.
 */
export function writeFieldTable(out: OutputBuffer, table: FieldTable): void {
  writeFields(out, table, 1)
}

function writeFields(out: OutputBuffer, table: FieldTable, depth: number): void {
  const start = beginNested(out, depth)
  for (const { name, value } of table) {
    if (name.length > 255) throw new RangeError(`field name of ${name.length} octets`)
    out.shortString(name)
    writeFieldValue(out, value, depth)
  }
  endNested(out, start)
}

function writeValues(out: OutputBuffer, values: readonly FieldValue[], depth: number): void {
  const start = beginNested(out, depth)
  for (const value of values) writeFieldValue(out, value, depth)
  endNested(out, start)
}

/** Leaves room for the length. @returns where. */
function beginNested(out: OutputBuffer, depth: number): number {
  if (depth > FIELD_NESTING_MAX) throw new RangeError(`tables nested deeper than ${FIELD_NESTING_MAX}`)
  const start = out.used
  out.long(0)
  return start
}

function endNested(out: OutputBuffer, start: number): void {
  putLong(out.bytes, start, out.used - start - 4)
}

function writeFieldValue(out: OutputBuffer, field: FieldValue, depth: number): void {
  out.octet(field.type.charCodeAt(0))
  switch (field.type) {
    case 't':
      out.octet(field.value ? 1 : 0)
      break
    case 'b':
    case 'B':
      out.octet(field.value)
      break
    case 's':
    case 'u':
      out.short(field.value)
      break
    case 'I':
    case 'i':
      out.long(field.value)
      break
    case 'l':
      writeSignedLongLong(out, field.value)
      break
    case 'T':
      writeUnsignedLongLong(out, field.value)
      break
    case 'f':
      writeFloat(out, field.value)
      break
    case 'd':
      writeDouble(out, field.value)
      break
    case 'D':
      out.octet(field.scale)
      out.long(field.value)
      break
    case 'S':
    case 'x':
      out.longString(field.value)
      break
    case 'A':
      if (field instanceof EncodedArray) writeEncodedArray(out, field)
      else writeValues(out, field.value, depth + 1)
      break
    case 'F':
      writeFields(out, field.value, depth + 1)
      break
    case 'V':
      break
  }
}

function writeEncodedArray(out: OutputBuffer, { octets }: EncodedArray): void {
  out.long(octets.length)
  out.copy(octets, 0, octets.length)
}

function writeSignedLongLong(out: OutputBuffer, value: bigint): void {
  out.ensure(8)
  out.used = out.bytes.writeBigInt64BE(value, out.used)
}

function writeUnsignedLongLong(out: OutputBuffer, value: bigint): void {
  out.ensure(8)
  out.used = out.bytes.writeBigUInt64BE(value, out.used)
}

function writeFloat(out: OutputBuffer, value: number): void {
  out.ensure(4)
  out.used = out.bytes.writeFloatBE(value, out.used)
}

function writeDouble(out: OutputBuffer, value: number): void {
  out.ensure(8)
  out.used = out.bytes.writeDoubleBE(value, out.used)
}

/** The octets of a table with its length, in a buffer of the caller's own. @throws RangeError as `writeFieldTable`. */
export function encodeFieldTable(table: FieldTable): Buffer {
  const out = new OutputBuffer()
  writeFieldTable(out, table)
  return Buffer.from(out.bytes.subarray(0, out.used))
}

/** The table that `bytes` hold, with its length and nothing behind it. @throws DecodeError, MalformedTableError */
export function decodeFieldTable(bytes: Buffer): FieldTable {
  const reader = new ByteReader(bytes)
  const table = readFieldTable(reader)
  reader.expectEnd()
  return table
}
