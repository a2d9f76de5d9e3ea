import fc from 'fast-check'
import type { FieldTable, FieldValue } from '../../src/protocol/field-table.js'

/** A byte string of at most `maxLength` octets of any kind. */
export function byteString(maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength }).map((octets) => Buffer.from(octets).toString('latin1'))
}

const integer = (type: 'b' | 'B' | 's' | 'u' | 'I' | 'i', min: number, max: number): fc.Arbitrary<FieldValue> =>
  fc.integer({ min, max }).map((value) => ({ type, value }))

const FLAT_VALUES: fc.Arbitrary<FieldValue>[] = [
  fc.boolean().map((value) => ({ type: 't', value })),
  integer('b', -0x80, 0x7f),
  integer('B', 0, 0xff),
  integer('s', -0x8000, 0x7fff),
  integer('u', 0, 0xffff),
  integer('I', -0x80000000, 0x7fffffff),
  integer('i', 0, 0xffffffff),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ type: 'l', value })),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ({ type: 'T', value })),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ type: 'f', value })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ type: 'd', value })),
  fc.record({ type: fc.constant('D' as const), scale: fc.nat(0xff), value: fc.nat(0xffffffff) }),
  byteString(20).map((value) => ({ type: 'S', value })),
  byteString(20).map((value) => ({ type: 'x', value })),
  fc.constant({ type: 'V' }),
]

const nested = fc.letrec<{ value: FieldValue; table: FieldTable }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    ...FLAT_VALUES,
    fc.array(tie('value'), { maxLength: 4 }).map((value): FieldValue => ({ type: 'A', value })),
    tie('table').map((value): FieldValue => ({ type: 'F', value })),
  ),
  table: fc.array(fc.record({ name: byteString(12), value: tie('value') }), { maxLength: 5 }),
}))

/** Tables of all types, nested a few levels, with names of any octets, some of them twice. */
export const anyFieldTable: fc.Arbitrary<FieldTable> = nested.table
