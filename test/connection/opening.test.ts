import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import {
  body,
  channelOpen,
  connectionClose,
  connectionCloseOk,
  connectionOpen,
  connectionStartOk,
  connectionTuneOk,
  frame,
  header,
  hex,
  longString,
  method,
  octet,
  shortString,
  updateSecret,
} from '../support/raw-frames.js'
import { preparedStore } from '../support/raw-store.js'

async function tuned(): Promise<RawClient> {
  const client = await (await RawBroker.start()).loggedIn()
  client.send(connectionTuneOk(2047, 131072, 0))
  return client
}

describe('connection.open', () => {
  it('of a virtual host that does not exist is refused', async () => {
    const client = await tuned()
    client.send(connectionOpen('nowhere'))
    await client.expectCloseAndLeave(530, 'NOT_ALLOWED - vhost nowhere not found', [10, 40])
  })

  it('takes the name as it is: the empty one is not /', async () => {
    const client = await tuned()
    client.send(connectionOpen(''))
    await client.expectCloseAndLeave(530, 'NOT_ALLOWED - vhost  not found', [10, 40])
  })

  it('of a virtual host where the user has no permissions is refused (semantics 15 q)', async () => {
    const store = await preparedStore((users, broker) => {
      broker.addVirtualHost('/')
      broker.addVirtualHost('théirs'.normalize('NFC'))
      users.putWithPassword({ name: 'ann', tags: [], limits: {} }, 'pw')
      users.setPermissions('ann', '/', { configure: '', write: '', read: '' })
    })
    const broker = await RawBroker.start({ store })
    const client = await broker.loggedIn({ response: '\0ann\0pw' })
    client.send(connectionTuneOk(2047, 131072, 0), connectionOpen('th\xc3\xa9irs'))
    await client.expectMethod(0, [10, 50])
    const other = await broker.loggedIn({ response: '\0ann\0pw' })
    other.send(connectionTuneOk(2047, 131072, 0), connectionOpen('/'))
    await other.expectMethod(0, [10, 41])
  })

  it('says for whom the virtual host is closed', async () => {
    const store = await preparedStore((users, broker) => {
      broker.addVirtualHost('theirs')
      users.putWithPassword({ name: 'ann', tags: ['administrator'], limits: {} }, 'pw')
    })
    const client = await (await RawBroker.start({ store })).loggedIn({ response: '\0ann\0pw' })
    client.send(connectionTuneOk(2047, 131072, 0), connectionOpen('theirs'))
    const text = "NOT_ALLOWED - access to vhost 'theirs' refused for user 'ann'"
    await client.expectCloseAndLeave(530, text, [10, 40])
  })

  it('accepts any value in its reserved fields', async () => {
    const client = await tuned()
    client.send(method(0, [10, 40], shortString('/'), shortString('whatever'), octet(0xff)))
    await client.expectMethod(0, [10, 41])
  })

  it('refuses a name that is not UTF-8', async () => {
    const client = await tuned()
    client.send(connectionOpen('\xff'))
    await client.expectCloseAndLeave(501, 'FRAME_ERROR - Malformed UTF-8 in shortstr', [10, 40])
  })
})

describe('between tune-ok and open', () => {
  it.each([
    ['a second tune-ok', connectionTuneOk(2047, 131072, 0), [10, 31]],
    ['a second start-ok', connectionStartOk('PLAIN', '\0guest\0guest'), [10, 11]],
    ['secure-ok', method(0, [10, 21], longString('')), [10, 21]],
    ['connection.close', connectionClose(), [10, 50]],
    ['connection.close-ok', connectionCloseOk(), [10, 51]],
    ['update-secret', updateSecret('x'), [10, 70]],
    ['channel.open on channel 0', channelOpen(0), [20, 10]],
    ['a method of the server', method(0, [10, 41], shortString('')), [10, 41]],
  ] as const)('%s is out of place', async (_, bytes, id) => {
    const client = await tuned()
    client.send(bytes)
    await client.expectCloseAndLeave(504, 'CHANNEL_ERROR - unexpected method in connection state opening', id)
  })

  it.each([
    ['channel.open on channel 1', channelOpen(1), 505, 'UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>>'],
    ['a body on channel 1', body(1, 'abc'), 505, 'UNEXPECTED_FRAME - type 3, all octets = <<"abc">>'],
    [
      'a header on channel 1',
      header(1, 5),
      505,
      'UNEXPECTED_FRAME - type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,5,0,0>>',
    ],
    ['a heartbeat on channel 1', frame(8, 1, hex('')), 505, 'UNEXPECTED_FRAME - type 8, all octets = <<>>'],
    ['a heartbeat with a payload there', frame(8, 1, hex('01')), 505, 'UNEXPECTED_FRAME - type 8, all octets = <<1>>'],
    ['an unknown frame type there', frame(4, 1, hex('01')), 505, 'UNEXPECTED_FRAME - type 4, all octets = <<1>>'],
    ['a method too short there', frame(1, 1, hex('00')), 505, 'UNEXPECTED_FRAME - type 1, all octets = <<0>>'],
    ['a body on channel 0', body(0, ''), 505, 'UNEXPECTED_FRAME - type 3, all octets = <<>>'],
    ['an unknown frame type', frame(4, 0, hex('')), 501, 'FRAME_ERROR - type 4, all octets = <<>>: unknown_frame'],
    [
      'a wrong frame end',
      frame(8, 0, hex(''), 0x00),
      501,
      'FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,0}',
    ],
  ] as const)('%s is a frame out of place', async (_, bytes, code, text) => {
    const client = await tuned()
    client.send(bytes)
    await client.expectCloseAndLeave(code, text, [0, 0])
  })

  it('an unknown method closes the socket without a word', async () => {
    const client = await tuned()
    client.send(method(0, [10, 99]))
    await client.expectSilentClose()
  })

  it('arguments that do not add up close the socket without a word', async () => {
    const client = await tuned()
    client.send(method(0, [10, 40], hex('05 2f')))
    await client.expectSilentClose()
  })
})

describe('on channel 0 of an open connection', () => {
  it.each([
    ['a second open', connectionOpen('/'), [10, 40]],
    ['a second tune-ok', connectionTuneOk(2047, 131072, 0), [10, 31]],
    ['a second start-ok', connectionStartOk('PLAIN', '\0guest\0guest'), [10, 11]],
    ['secure-ok', method(0, [10, 21], longString('')), [10, 21]],
    ['close-ok', connectionCloseOk(), [10, 51]],
    ['channel.open', channelOpen(0), [20, 10]],
    ['channel.close', method(0, [20, 40], hex('00c8 00 0000 0000')), [20, 40]],
    ['queue.declare', method(0, [50, 10], hex('0000 0171 00 00000000')), [50, 10]],
    ['basic.publish', method(0, [60, 40], hex('0000 00 00 00')), [60, 40]],
    ['a method of the server', method(0, [10, 60], shortString('x')), [10, 60]],
  ] as const)('%s is out of place', async (_, bytes, id) => {
    const broker = await RawBroker.start()
    const client = await broker.withChannel()
    client.send(bytes)
    await client.expectCloseAndLeave(504, 'CHANNEL_ERROR - unexpected method in connection state running', id)
    await broker.expectServes()
    await broker.untilIdle()
  })

  it.each([
    ['a connection.open', method(0, [10, 40], hex('05 2f'))],
    ['a queue.declare', method(0, [50, 10], hex('0000 0171 00'))],
    ['a table in one', method(0, [50, 10], hex('0000 0171 00 00000003 01617a'))],
    ['a method of the server', method(0, [10, 60], hex('05 2f'))],
  ] as const)('%s that does not add up is an internal error', async (_, bytes) => {
    const client = await (await RawBroker.start()).withChannel()
    client.send(bytes)
    await client.expectCloseAndLeave(541, 'INTERNAL_ERROR', [0, 0])
  })

  it('the protocol header once more is a frame that cannot be', async () => {
    const client = await (await RawBroker.start()).opened()
    // 'A' as the type, 'MQ' as the channel, 'P\0\0\x09' as a size that is far too large.
    client.send(Buffer.from('AMQP\0\0\x09\x01', 'latin1'))
    const text = 'FRAME_ERROR - type 65, all octets = <<>>: {frame_too_large,1342177289,131064}'
    await client.expectCloseAndLeave(501, text, [0, 0])
    expect(client.isClosed).toBe(true)
  })
})
