import { describe, expect, it } from 'vitest'
import { decodeMessageRecord, encodeMessageRecord, keptCopy } from '../../src/broker/message-record.js'
import type { Message, MessageMemory } from '../../src/protocol/message.js'
import { messageOf, partsOf } from '../support/broker-messages.js'

function sample(memory?: MessageMemory): Message {
  const message = messageOf({ exchange: 'x', routingKey: 'k', body: 'body', isPersistent: true })
  message.priority = 7
  message.ttlMs = 60_000
  message.memory = memory
  return message
}

describe('the record of a message that an exchange keeps', () => {
  const memory: MessageMemory = {
    hasOwnDeaths: true,
    goesByKeyAlone: true,
    hiddenKeys: ['blind', ''],
    failures: 3,
    propertyOctets: 14,
  }

  it.each([
    ['nothing else', undefined],
    ['what the broker remembers of it', memory],
    ['what it remembers without keys', { ...memory, hiddenKeys: undefined }],
  ])('gives back a message with all its keys and %s', (_, remembered) => {
    for (const routingKeys of [['k'], ['k', 'copy', '', 'x'.repeat(255)]]) {
      const message = sample(remembered)
      const kept = decodeMessageRecord(encodeMessageRecord({ message, routingKeys }))
      expect(kept.routingKeys).toEqual(routingKeys)
      expect(partsOf(kept.message)).toEqual(partsOf(message))
      expect(kept.message).toMatchObject({ priority: 7, ttlMs: 60_000, deadlineMs: 0, memory: remembered })
    }
  })

  it('gives back an empty message without priority and expiration', () => {
    const message = messageOf({ routingKey: '', body: '' })
    const kept = decodeMessageRecord(encodeMessageRecord({ message, routingKeys: [''] }))
    expect(partsOf(kept.message)).toEqual(partsOf(message))
    expect(kept.message).toMatchObject({ priority: -1, ttlMs: -1, isPersistent: false })
  })

  it('says nothing of the deadline of a queue that the message was in', () => {
    const message = sample()
    message.deadlineMs = 5
    expect(keptCopy(message).deadlineMs).toBe(0)
  })

  it('is refused where it is cut or of another version', () => {
    const bytes = encodeMessageRecord({ message: sample(memory), routingKeys: ['k', 'copy'] })
    const bodyAndNote = 4 + 20
    for (let end = 0; end < bytes.length - bodyAndNote; end++) {
      expect(() => decodeMessageRecord(bytes.subarray(0, end)), `${end} octets`).toThrow()
    }
    expect(() => decodeMessageRecord(Buffer.from([1, ...bytes.subarray(1)]))).toThrow('version 1, not 129')
  })
})
