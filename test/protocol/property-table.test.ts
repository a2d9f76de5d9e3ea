import { describe, expect, it } from 'vitest'
import { readPropertyTable } from '../../src/protocol/property-table.js'

const PREFIX = Buffer.from('003c00000000000000000000', 'hex')
const tableOf = (hexDigits: string) => {
  const bytes = Buffer.concat([Buffer.from('ffff', 'hex'), PREFIX, Buffer.from(hexDigits.replaceAll(' ', ''), 'hex')])
  return readPropertyTable(bytes, 2, bytes.length)
}

describe('the properties as a table (plugins 8)', () => {
  it.each([
    ['none', '0000', []],
    ['a short string', '8000 0161', [['content_type', 'S', 'a']]],
    ['the last', '0004 0162', [['cluster_id', 'S', 'b']]],
    [
      'octets',
      '1800 02 ff',
      [
        ['priority', 'I', 255],
        ['delivery_mode', 'I', 2],
      ],
    ],
    ['a small timestamp', '0040 0000000000000007', [['timestamp', 'I', 7]]],
    ['a timestamp cut to 32 bits with a sign', '0040 00000001ffffffff', [['timestamp', 'I', -1]]],
    ['empty headers', '2000 00000000', [['headers', 'F', []]]],
  ])('has %s', (_what, octets, expected) => {
    const table = tableOf(octets).map(({ name, value }) => [
      name,
      value.type,
      'value' in value ? value.value : undefined,
    ])
    expect(table).toEqual(expected)
  })
})
