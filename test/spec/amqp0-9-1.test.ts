import { describe, expect, it } from 'vitest'
import { METHODS, SPEC } from './protocol-spec.js'

/** The methods of AMQP 0-9-1 and RabbitMQ's extensions, written down a second time: id, name, sender, fields. */
const METHOD_TABLE = `
10,10 connection.start server version-major:octet version-minor:octet server-properties:table mechanisms:longstr locales:longstr
10,11 connection.start-ok client client-properties:table mechanism:shortstr response:longstr locale:shortstr
10,20 connection.secure server challenge:longstr
10,21 connection.secure-ok client response:longstr
10,30 connection.tune server channel-max:short frame-max:long heartbeat:short
10,31 connection.tune-ok client channel-max:short frame-max:long heartbeat:short
10,40 connection.open client virtual-host:shortstr reserved-1:shortstr reserved-2:bit
10,41 connection.open-ok server reserved-1:shortstr
10,50 connection.close both reply-code:short reply-text:shortstr class-id:short method-id:short
10,51 connection.close-ok both
10,60 connection.blocked server reason:shortstr
10,61 connection.unblocked server
10,70 connection.update-secret client new-secret:longstr reason:shortstr
10,71 connection.update-secret-ok server
20,10 channel.open client reserved-1:shortstr
20,11 channel.open-ok server reserved-1:longstr
20,20 channel.flow both active:bit
20,21 channel.flow-ok both active:bit
20,40 channel.close both reply-code:short reply-text:shortstr class-id:short method-id:short
20,41 channel.close-ok both
30,10 access.request client realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit
30,11 access.request-ok server ticket:short
40,10 exchange.declare client reserved-1:short exchange:shortstr type:shortstr passive:bit durable:bit auto-delete:bit internal:bit no-wait:bit arguments:table
40,11 exchange.declare-ok server
40,20 exchange.delete client reserved-1:short exchange:shortstr if-unused:bit no-wait:bit
40,21 exchange.delete-ok server
40,30 exchange.bind client reserved-1:short destination:shortstr source:shortstr routing-key:shortstr no-wait:bit arguments:table
40,31 exchange.bind-ok server
40,40 exchange.unbind client reserved-1:short destination:shortstr source:shortstr routing-key:shortstr no-wait:bit arguments:table
40,51 exchange.unbind-ok server
50,10 queue.declare client reserved-1:short queue:shortstr passive:bit durable:bit exclusive:bit auto-delete:bit no-wait:bit arguments:table
50,11 queue.declare-ok server queue:shortstr message-count:long consumer-count:long
50,20 queue.bind client reserved-1:short queue:shortstr exchange:shortstr routing-key:shortstr no-wait:bit arguments:table
50,21 queue.bind-ok server
50,30 queue.purge client reserved-1:short queue:shortstr no-wait:bit
50,31 queue.purge-ok server message-count:long
50,40 queue.delete client reserved-1:short queue:shortstr if-unused:bit if-empty:bit no-wait:bit
50,41 queue.delete-ok server message-count:long
50,50 queue.unbind client reserved-1:short queue:shortstr exchange:shortstr routing-key:shortstr arguments:table
50,51 queue.unbind-ok server
60,10 basic.qos client prefetch-size:long prefetch-count:short global:bit
60,11 basic.qos-ok server
60,20 basic.consume client reserved-1:short queue:shortstr consumer-tag:shortstr no-local:bit no-ack:bit exclusive:bit no-wait:bit arguments:table
60,21 basic.consume-ok server consumer-tag:shortstr
60,30 basic.cancel both consumer-tag:shortstr no-wait:bit
60,31 basic.cancel-ok both consumer-tag:shortstr
60,40 basic.publish client content reserved-1:short exchange:shortstr routing-key:shortstr mandatory:bit immediate:bit
60,50 basic.return server content reply-code:short reply-text:shortstr exchange:shortstr routing-key:shortstr
60,60 basic.deliver server content consumer-tag:shortstr delivery-tag:longlong redelivered:bit exchange:shortstr routing-key:shortstr
60,70 basic.get client reserved-1:short queue:shortstr no-ack:bit
60,71 basic.get-ok server content delivery-tag:longlong redelivered:bit exchange:shortstr routing-key:shortstr message-count:long
60,72 basic.get-empty server reserved-1:shortstr
60,80 basic.ack both delivery-tag:longlong multiple:bit
60,90 basic.reject client delivery-tag:longlong requeue:bit
60,100 basic.recover-async client requeue:bit
60,110 basic.recover client requeue:bit
60,111 basic.recover-ok server
60,120 basic.nack both delivery-tag:longlong multiple:bit requeue:bit
85,10 confirm.select client no-wait:bit
85,11 confirm.select-ok server
90,10 tx.select client
90,11 tx.select-ok server
90,20 tx.commit client
90,21 tx.commit-ok server
90,30 tx.rollback client
90,31 tx.rollback-ok server
`

/** Soft errors close the channel, hard ones the connection. */
const SOFT_CODES =
  'CONTENT_TOO_LARGE 311, NO_ROUTE 312, NO_CONSUMERS 313, ACCESS_REFUSED 403, NOT_FOUND 404, ' +
  'RESOURCE_LOCKED 405, PRECONDITION_FAILED 406'
const HARD_CODES =
  'CONNECTION_FORCED 320, INVALID_PATH 402, FRAME_ERROR 501, SYNTAX_ERROR 502, COMMAND_INVALID 503, ' +
  'CHANNEL_ERROR 504, UNEXPECTED_FRAME 505, RESOURCE_ERROR 506, NOT_ALLOWED 530, NOT_IMPLEMENTED 540, INTERNAL_ERROR 541'

describe('the protocol definition', () => {
  it('has every method with its id, sender and fields in wire order', () => {
    expect(METHODS.map(tableLine)).toEqual(METHOD_TABLE.trim().split('\n'))
  })

  it('marks the reserved fields and only those', () => {
    for (const { fields } of METHODS)
      for (const { name, reserved } of fields) expect(reserved ?? false).toBe(name.startsWith('reserved-'))
  })

  it('names replies that exist in the same class and come from the other side', () => {
    for (const owner of SPEC.classes)
      for (const method of owner.methods)
        for (const replyName of method.replies ?? []) {
          const reply = owner.methods.find(({ name }) => name === replyName)
          if (method.direction === 'both') expect(reply?.direction).toBe('both')
          else expect([method.direction, 'both']).not.toEqual([reply?.direction, 'both'])
        }
  })

  it('names each reply once as the reply of some method', () => {
    const expected = SPEC.classes.flatMap((owner) => owner.methods.flatMap(({ replies }) => replies ?? []).toSorted())
    const replies = METHODS.filter(({ name }) => name.endsWith('-ok') || name === 'get-empty')
    expect(expected).toHaveLength(replies.length)
  })

  it('knows the soft and the hard errors', () => {
    expect(codesOf('soft')).toBe(SOFT_CODES)
    expect(codesOf('hard')).toBe(HARD_CODES)
    expect(codesOf(null)).toBe('REPLY_SUCCESS 200')
  })

  it('gives the fourteen content properties the flag bits 15 to 2', () => {
    expect(SPEC.contentProperties.map(({ bit }) => bit)).toEqual([15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
    expect(SPEC.contentProperties.map(({ name, type }) => `${name} ${type}`).join(', ')).toBe(
      'content-type shortstr, content-encoding shortstr, headers table, delivery-mode octet, priority octet, ' +
        'correlation-id shortstr, reply-to shortstr, expiration shortstr, message-id shortstr, timestamp timestamp, ' +
        'type shortstr, user-id shortstr, app-id shortstr, cluster-id shortstr',
    )
  })
})

function tableLine(method: (typeof METHODS)[number]): string {
  const { payloadId, fullName, direction, content, fields } = method
  const id = `${Math.floor(payloadId / 65536)},${payloadId % 65536}`
  const typed = fields.map(({ name, type }) => `${name}:${type}`)
  return [id, fullName, direction, ...(content ? ['content'] : []), ...typed].join(' ')
}

function codesOf(scope: 'soft' | 'hard' | null): string {
  const codes = SPEC.replyCodes.filter(({ error }) => error === scope)
  return codes.map(({ name, code }) => `${name} ${code}`).join(', ')
}
