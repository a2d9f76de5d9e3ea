import { RawReader } from './raw-client.js'

/** A field as it stood on the wire, in a form that reads well in an assertion: `S:text`, `l:5`, `t:1`, `A[…]`, `F{…}`. */
export type RawField = readonly [name: string, value: string]

/** The fields of a table in their order, read by hand and without the broker's own codec. */
export function rawFields(reader: RawReader): RawField[] {
  return fieldsIn(nested(reader))
}

/** The header table of a content, and what follows it: flags and properties as they stood on the wire. */
export function rawHeaders(propertyOctets: Buffer | undefined): { flags: number; headers: RawField[]; rest: Buffer } {
  const reader = new RawReader(propertyOctets ?? Buffer.alloc(2))
  const flags = reader.short()
  if ((flags & 0xe000) !== 0x2000)
    throw new Error(`flags ${flags.toString(16)} begin with something other than headers`)
  return { flags, headers: rawFields(reader), rest: reader.rest() }
}

function fieldsIn(reader: RawReader): RawField[] {
  const fields: RawField[] = []
  while (reader.rest().length > 0) fields.push([reader.shortString(), valueIn(reader)])
  return fields
}

function valueIn(reader: RawReader): string {
  const type = String.fromCharCode(reader.octet())
  switch (type) {
    case 't':
      return `t:${reader.octet()}`
    case 'I':
      return `I:${reader.long() | 0}`
    case 'T':
      return `T:${reader.longLong()}`
    case 'l':
      return `l:${BigInt.asIntN(64, reader.longLong())}`
    case 'f':
      return `f:${floatOf(reader.long())}`
    case 'S':
      return `S:${reader.longString()}`
    case 'A':
      return `A[${valuesIn(nested(reader)).join(',')}]`
    case 'F':
      return `F{${rawFields(reader)
        .map(([name, value]) => `${name}=${value}`)
        .join(',')}}`
    default:
      throw new Error(`a test has no use for a field of type ${type}`)
  }
}

function valuesIn(reader: RawReader): string[] {
  const values: string[] = []
  while (reader.rest().length > 0) values.push(valueIn(reader))
  return values
}

function nested(reader: RawReader): RawReader {
  return new RawReader(Buffer.from(reader.longString(), 'latin1'))
}

function floatOf(bits: number): number {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(bits)
  return bytes.readFloatBE()
}
