/**
 * Field tables with their wire types, as scripts write them and transcripts show them.
 *
 * A script writes a value of any type as an object with the type's character as its only key, `{ l: 5 }`, `{ S: 'text' }`,
 * `{ F: { a: 1 } }`, `{ A: [1, 2] }`; and the usual ones bare: a string is S, an integer I, a boolean t, null V, a list A. A
 * table with a name twice is a list of pairs, `{ F: [['a', 1], ['a', 2]] }`.
 *
 * A transcript shows a table as `{a=I 5, b=S text}`.
 */

const INTEGER_SIZES = { b: 1, B: 1, s: 2, u: 2, I: 4, i: 4, l: 8, L: 8, T: 8 }
const SIGNED = 'bsIlT'

/** @returns the bytes of a table, with their length before them. */
export function tableBytes(table) {
  const pairs = Array.isArray(table) ? table : Object.entries(table)
  return withLength(
    Buffer.concat(
      pairs.flatMap(([name, value]) => [Buffer.of(name.length), Buffer.from(name, 'latin1'), typed(value)]),
    ),
  )
}

/** Reads a table at a cursor `{ bytes, at }` and moves it on. @returns its text. */
export function readTable(cursor) {
  const end = endOfLong(cursor)
  const entries = []
  while (cursor.at < end) {
    const name = take(cursor, cursor.bytes[cursor.at++]).latin1Slice()
    entries.push(`${name}=${readTyped(cursor)}`)
  }
  return `{${entries.join(', ')}}`
}

function typed(value) {
  const [type, bare] = typeOf(value)
  return Buffer.concat([Buffer.from(type), valueBytes(type, bare)])
}

function typeOf(value) {
  if (value === null) return ['V', null]
  if (Array.isArray(value)) return ['A', value]
  switch (typeof value) {
    case 'string':
      return ['S', value]
    case 'number':
      return [Number.isInteger(value) ? 'I' : 'd', value]
    case 'boolean':
      return ['t', value]
    default: {
      const entries = Object.entries(value)
      return entries.length === 1 && entries[0][0].length === 1 ? entries[0] : ['F', value]
    }
  }
}

function valueBytes(type, value) {
  switch (type) {
    case 'V':
      return Buffer.alloc(0)
    case 't':
      return Buffer.of(value ? 1 : 0)
    case 'S':
    case 'x':
      return withLength(Buffer.from(value, 'latin1'))
    case 'F':
      return tableBytes(value)
    case 'A':
      return withLength(Buffer.concat(value.map(typed)))
    case 'f': {
      const bytes = Buffer.alloc(4)
      bytes.writeFloatBE(value)
      return bytes
    }
    case 'd': {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleBE(value)
      return bytes
    }
    case 'D': {
      const bytes = Buffer.alloc(5)
      bytes[0] = value[0]
      bytes.writeUInt32BE(value[1], 1)
      return bytes
    }
    default: {
      const size = INTEGER_SIZES[type]
      if (size === undefined) throw new Error(`no field type ${type}`)
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(BigInt(value))
      return bytes.subarray(8 - size)
    }
  }
}

function readTyped(cursor) {
  const type = String.fromCharCode(cursor.bytes[cursor.at++])
  const value = readValue(type, cursor)
  return value === '' ? type : `${type} ${value}`
}

function readValue(type, cursor) {
  switch (type) {
    case 'V':
      return ''
    case 't':
      return String(take(cursor, 1)[0] !== 0)
    case 'S':
    case 'x':
      return take(cursor, take(cursor, 4).readUInt32BE()).latin1Slice()
    case 'F':
      return readTable(cursor)
    case 'A': {
      const end = endOfLong(cursor)
      const items = []
      while (cursor.at < end) items.push(readTyped(cursor))
      return `[${items.join(', ')}]`
    }
    case 'f':
      return String(take(cursor, 4).readFloatBE())
    case 'd':
      return String(take(cursor, 8).readDoubleBE())
    case 'D':
      return `${take(cursor, 1)[0]}:${take(cursor, 4).readUInt32BE()}`
    default:
      return readInteger(type, cursor)
  }
}

function readInteger(type, cursor) {
  const size = INTEGER_SIZES[type]
  if (size === undefined) throw new Error(`an unknown field type ${JSON.stringify(type)}`)
  const value = BigInt(`0x${take(cursor, size).toString('hex')}`)
  return String(SIGNED.includes(type) ? BigInt.asIntN(size * 8, value) : value)
}

/** Reads a length of four bytes. @returns where what it measures ends. */
function endOfLong(cursor) {
  const length = take(cursor, 4).readUInt32BE()
  return cursor.at + length
}

function take(cursor, length) {
  const start = cursor.at
  cursor.at += length
  return cursor.bytes.subarray(start, cursor.at)
}

function withLength(bytes) {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
