import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filterValueOf, OffsetHeader, sumUp } from '../../../src/broker/stream/content-headers.js'
import { FilterSummary, StreamFilter } from '../../../src/broker/stream/filter-summary.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'
import { lookup } from '../../../src/protocol/field-table.js'
import { longString } from '../../../src/protocol/field-values.js'
import type { Message } from '../../../src/protocol/message.js'
import { PropertiesReader } from '../../../src/protocol/properties.js'
import { anyFieldTable, byteString } from '../../protocol/field-table-arbitrary.js'
import { messageOf } from '../../support/broker-messages.js'
import { headerPayload } from '../../support/content-header.js'

const headersOf = (view: Message) =>
  new PropertiesReader(false).read(view.header, view.headerStart, view.headerEnd).headers ?? []

const withHeaders = (table: FieldTable) => messageOf({ header: headerPayload(3, table), body: 'abc' })

const offsetValue = (offset: number): FieldValue => ({ type: 'l', value: BigInt(offset) })

/** Tables, among them some that have the names which a stream looks for. */
const table = fc
  .tuple(anyFieldTable, fc.constantFrom('', 'x-stream-offset', 'x-stream-filter-value'), fc.nat(5))
  .map(
    ([fields, name, at]): FieldTable =>
      name === '' ? fields : fields.toSpliced(at, 0, { name, value: longString('given') }),
  )

const offsets = fc.oneof(fc.nat(300), fc.maxSafeNat())

describe('the header x-stream-offset (semantics 12)', () => {
  it('stands behind the other headers where these are not sorted, in place of one that was there', () => {
    const header = new OffsetHeader(false)
    fc.assert(
      fc.property(table, offsets, (fields, offset) => {
        const view = withHeaders(fields)
        header.addTo(view, offset)
        const place = fields.findIndex(({ name }) => name === 'x-stream-offset')
        const added = { name: 'x-stream-offset', value: offsetValue(offset) }
        expect(headersOf(view)).toEqual(place < 0 ? [...fields, added] : fields.with(place, added))
      }),
    )
  })

  it('stands at its place where headers are sorted', () => {
    const header = new OffsetHeader(true)
    fc.assert(
      fc.property(table, offsets, (fields, offset) => {
        const others = new Map(fields.map((field) => [field.name, field]))
        const sorted = [...others.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
        const view = withHeaders(sorted)
        header.addTo(view, offset)
        others.set('x-stream-offset', { name: 'x-stream-offset', value: offsetValue(offset) })
        const names = [...others.keys()].sort((a, b) => (a < b ? -1 : 1))
        expect(headersOf(view).map(({ name }) => name)).toEqual(names)
        expect(lookup(headersOf(view), 'x-stream-offset')).toEqual(offsetValue(offset))
      }),
    )
  })

  it('leaves the rest of the message as it was', () => {
    const view = withHeaders([{ name: 'a', value: longString('v'.repeat(3000)) }])
    const { header, body } = view
    new OffsetHeader(true).addTo(view, 7)
    expect(view.body).toBe(body)
    const { header: changed, headerEnd } = view
    expect(changed.subarray(0, 12)).toEqual(header.subarray(0, 12))
    expect(changed.toString('latin1', headerEnd - 5, headerEnd)).toBe('\x04id-1')
  })
})

describe('the header x-stream-filter-value (semantics 12)', () => {
  it('is found among any others when it is a long string', () => {
    fc.assert(
      fc.property(table, (fields) => {
        const value = lookup(fields, 'x-stream-filter-value')
        expect(filterValueOf(withHeaders(fields))).toBe(value?.type === 'S' ? value.value : undefined)
      }),
    )
  })

  it('is none when it is of another type', () => {
    const value: FieldValue = { type: 'I', value: 5 }
    expect(filterValueOf(withHeaders([{ name: 'x-stream-filter-value', value }]))).toBeUndefined()
  })
})

describe('a filter summary', () => {
  const sums = (values: readonly (string | undefined)[]) => {
    const summary = new FilterSummary()
    for (const value of values) {
      const fields = value === undefined ? [] : [{ name: 'x-stream-filter-value', value: longString(value) }]
      sumUp(withHeaders(fields), summary)
    }
    return summary
  }

  it('never hides a message that a filter accepts', () => {
    const values = fc.array(fc.option(byteString(8), { nil: undefined }), { maxLength: 20 })
    fc.assert(
      fc.property(
        values,
        fc.array(byteString(8), { maxLength: 3 }),
        fc.boolean(),
        fc.nat(),
        (all, wanted, bare, pick) => {
          const some = all[pick % (all.length || 1)]
          const filter = new StreamFilter(some === undefined ? wanted : [...wanted, some], bare)
          const { low, high } = sums(all)
          if (all.some((value) => filter.accepts(value))) expect(filter.mayAccept(low, high)).toBe(true)
        },
      ),
    )
  })

  it('hides most chunks of other values', () => {
    const filter = new StreamFilter(['wanted'], false)
    let shown = 0
    for (let n = 0; n < 1000; n++) {
      const { low, high } = sums([`one-${n}`, `two-${n}`, undefined])
      if (filter.mayAccept(low, high)) shown++
    }
    expect(shown).toBeLessThan(40)
  })

  it('tells whether there are messages without a value', () => {
    const bare = new StreamFilter(['wanted'], true)
    const some = sums(['other'])
    const none = sums(['other', undefined])
    expect([bare.mayAccept(some.low, some.high), bare.mayAccept(none.low, none.high)]).toEqual([false, true])
  })
})
