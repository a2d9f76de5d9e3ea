import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  notedDeadline,
  notedPropertyOctets,
  noteOctets,
  noteOctetsBefore,
  putNote,
  readNote,
} from '../../src/broker/message-note.js'
import { Message } from '../../src/protocol/message.js'

const shortString = fc.uint8Array({ maxLength: 255 }).map((octets) => Buffer.from(octets).toString('latin1'))

const memory = fc.record({
  hasOwnDeaths: fc.boolean(),
  goesByKeyAlone: fc.boolean(),
  hiddenKeys: fc.option(fc.array(shortString, { minLength: 1, maxLength: 5 }), { nil: undefined }),
  failures: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 0xffffffff })),
  propertyOctets: fc.oneof(fc.constant(0), fc.integer({ min: 2, max: 0xffffffff })),
})

const noted = fc.record({
  deadlineMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  // Nobody remembers nothing.
  memory: fc.option(
    memory.filter(
      (it) => it.hasOwnDeaths || it.goesByKeyAlone || !!it.hiddenKeys || it.failures > 0 || it.propertyOctets > 0,
    ),
    { nil: undefined },
  ),
})

const DIED = { hasOwnDeaths: true, goesByKeyAlone: false, hiddenKeys: undefined, failures: 0, propertyOctets: 0 }

describe('the note of a message', () => {
  it('tells all that was noted, wherever it lies, and is as long as it says', () => {
    const check = (what: Partial<Message>, before: number) => {
      const message = Object.assign(new Message(), what)
      const octets = noteOctets(message)
      if (octets === 0) return
      const bytes = Buffer.alloc(before + octets + 3, 0xee)
      putNote(bytes, before, message)
      const end = before + octets
      expect([noteOctetsBefore(bytes, end), notedDeadline(bytes, end)]).toEqual([octets, message.deadlineMs])
      expect(notedPropertyOctets(bytes, end)).toBe(message.memory?.propertyOctets ?? 0)
      const read = new Message()
      readNote(bytes, end, read)
      expect({ deadlineMs: read.deadlineMs, memory: read.memory }).toEqual(what)
      const around = [...bytes.subarray(0, before), ...bytes.subarray(end)]
      expect(around.every((octet) => octet === 0xee)).toBe(true)
    }
    fc.assert(fc.property(noted, fc.nat(20), check))
  })

  it('is none when there is nothing to note, and is never left out otherwise', () => {
    const octetsOf = (what: Partial<Message>) => noteOctets(Object.assign(new Message(), what))
    expect(octetsOf({})).toBe(0)
    expect([octetsOf({ deadlineMs: 1 }), octetsOf({ memory: DIED })]).toEqual([9, 9])
    expect(octetsOf({ memory: { ...DIED, hiddenKeys: ['key'] } })).toBe(4 + 4 + 9)
    expect(octetsOf({ memory: { ...DIED, hiddenKeys: ['key'], failures: 2 } })).toBe(4 + 4 + 4 + 9)
    expect(octetsOf({ memory: { ...DIED, failures: 2, propertyOctets: 14 } })).toBe(4 + 4 + 9)
  })
})
