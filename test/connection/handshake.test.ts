import { describe, expect, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import {
  capability,
  channelOpen,
  connectionClose,
  connectionCloseOk,
  connectionOpen,
  connectionStartOk,
  connectionTuneOk,
  field,
  frame,
  hex,
  longString,
  method,
  octet,
  octets,
  shortString,
  table,
} from '../support/raw-frames.js'

/** Frames that may stand in no handshake before tune-ok is accepted. */
const UNTIMELY: readonly (readonly [string, Buffer])[] = [
  ['connection.open', connectionOpen('/')],
  ['connection.close', connectionClose()],
  ['connection.close-ok', connectionCloseOk()],
  ['connection.secure-ok', method(0, [10, 21], longString(''))],
  ['a method of the server', method(0, [10, 41], shortString(''))],
  ['an unknown method', method(0, [10, 99])],
  ['an unknown class', method(0, [99, 10])],
  ['a method of class channel', channelOpen(0)],
  ['a frame on channel 1', channelOpen(1)],
  ['a method cut short', method(0, [10, 11], hex('00'))],
  ['a payload without method', frame(1, 0, hex('000a'))],
  ['an unknown frame type', frame(5, 0, hex(''))],
  ['a header frame', frame(2, 0, Buffer.alloc(14))],
  ['a body frame', frame(3, 0, hex('00'))],
  ['a heartbeat with a payload', frame(8, 0, hex('00'))],
  ['a heartbeat on channel 1', frame(8, 1, hex(''))],
  ['a wrong frame end', frame(1, 0, hex('000a000b'), 0xcd)],
  ['a frame above 8192 octets', hex('01 0000 00002001')],
]

describe('before the login', () => {
  it.each([...UNTIMELY, ['tune-ok', connectionTuneOk(0, 131072, 0)] as const])(
    '%s is met with silence, and after 3 s the socket closes',
    async (_, bytes) => {
      const broker = await RawBroker.start()
      const client = await broker.greeted()
      client.send(bytes)
      await broker.expectSilentCloseAfter(client, 3000)
      await broker.untilIdle()
    },
  )

  it('a heartbeat is fine', async () => {
    const broker = await RawBroker.start()
    const client = await broker.greeted()
    client.send(frame(8, 0, hex('')), connectionStartOk('PLAIN', '\0guest\0guest'))
    await client.expectMethod(0, [10, 30])
  })

  it('what follows a refusal is not read any more', async () => {
    const broker = await RawBroker.start()
    const client = await broker.greeted()
    client.send(connectionOpen('/'), connectionStartOk('PLAIN', '\0guest\0guest'))
    client.send(connectionStartOk('PLAIN', '\0guest\0guest'), connectionClose())
    await broker.expectSilentCloseAfter(client, 3000)
  })
})

describe('before tune-ok', () => {
  it.each([...UNTIMELY, ['a second start-ok', connectionStartOk('PLAIN', '\0guest\0guest')] as const])(
    '%s is met with silence, and after 3 s the socket closes',
    async (_, bytes) => {
      const broker = await RawBroker.start()
      const client = await broker.loggedIn()
      client.send(bytes)
      await broker.expectSilentCloseAfter(client, 3000)
      await broker.untilIdle()
    },
  )
})

describe('logging in', () => {
  const amqPlain = (user: string, password: string, type = 'S') =>
    Buffer.concat([field('LOGIN', type, longString(user)), field('PASSWORD', type, longString(password))]).toString(
      'latin1',
    )

  it.each([
    ['PLAIN', '\0guest\0guest'],
    ['AMQPLAIN', amqPlain('guest', 'guest')],
    ['AMQPLAIN', amqPlain('guest', 'guest', 'x')],
  ])('by %s leads to connection.tune with what the broker offers', async (mechanism, response) => {
    const broker = await RawBroker.start()
    const client = await broker.greeted()
    client.send(connectionStartOk(mechanism, response))
    const tune = await client.expectMethod(0, [10, 30])
    expect([tune.short(), tune.long(), tune.short()]).toEqual([2047, 131072, 60])
    expect(tune.rest()).toHaveLength(0)
  })

  it.each([
    ['an unknown mechanism', 'SCRAM-SHA-1', '\0guest\0guest'],
    ['an empty mechanism', '', '\0guest\0guest'],
    ['a mechanism in small letters', 'plain', '\0guest\0guest'],
    ['a mechanism that is not offered', 'EXTERNAL', ''],
    ['an empty PLAIN response', 'PLAIN', ''],
    ['PLAIN without a password', 'PLAIN', '\0guest'],
    ['PLAIN without the first NUL', 'PLAIN', 'guest\0guest'],
    ['PLAIN with a third NUL', 'PLAIN', '\0guest\0guest\0'],
    ['PLAIN on behalf of someone', 'PLAIN', 'guest\0guest\0guest'],
    ['AMQPLAIN that is no table', 'AMQPLAIN', '\0guest\0guest'],
    ['AMQPLAIN without PASSWORD', 'AMQPLAIN', field('LOGIN', 'S', longString('guest')).toString('latin1')],
    ['AMQPLAIN with numbers', 'AMQPLAIN', amqPlain('guest', 'guest').replaceAll('S', 'I')],
    ['AMQPLAIN with its length in front', 'AMQPLAIN', `\0\0\0\x2c${amqPlain('guest', 'guest')}`],
  ])('with %s is met with silence, also when failures should be told', async (_, mechanism, response) => {
    const broker = await RawBroker.start()
    const client = await broker.greeted()
    client.send(connectionStartOk(mechanism, response, ['authentication_failure_close']))
    await broker.expectSilentCloseAfter(client, 3000)
  })

  const REFUSED = [
    ['a wrong password', 'PLAIN', '\0guest\0wrong'],
    ['an unknown user', 'PLAIN', '\0nobody\0guest'],
    ['an empty password', 'PLAIN', '\0guest\0'],
    ['a wrong password by AMQPLAIN', 'AMQPLAIN', amqPlain('guest', 'wrong')],
  ] as const

  it.each(REFUSED)('with %s is met with silence for 3 s', async (_, mechanism, response) => {
    const broker = await RawBroker.start()
    const client = await broker.greeted()
    client.send(connectionStartOk(mechanism, response))
    await broker.expectSilentCloseAfter(client, 3000)
  })

  it.each(REFUSED)('with %s is told to a client that wants to be told', async (_, mechanism, response) => {
    const broker = await RawBroker.start()
    const client = await broker.greeted()
    client.send(connectionStartOk(mechanism, response, ['authentication_failure_close']))
    const text = `ACCESS_REFUSED - Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`
    await client.expectCloseAndLeave(403, text, [0, 0])
    await broker.untilIdle()
  })

  it('refused, and the refusal not answered, is over after 3 s', async () => {
    const broker = await RawBroker.start()
    const client = await broker.greeted()
    client.send(connectionStartOk('PLAIN', '\0guest\0wrong', ['authentication_failure_close']))
    await client.expectMethod(0, [10, 50])
    await broker.expectSilentCloseAfter(client, 3000)
  })

  it.each([
    ['false', table(field('capabilities', 'F', table(field('authentication_failure_close', 't', octet(0)))))],
    ['not a boolean', table(field('capabilities', 'F', table(field('authentication_failure_close', 'b', octet(1)))))],
    ['not in a table', table(capability('authentication_failure_close'))],
    ['in a list', table(field('capabilities', 'A', hex('00000002 7401')))],
  ])('does not count a capability that is %s', async (_, properties) => {
    const broker = await RawBroker.start()
    const client = await broker.greeted()
    client.send(method(0, [10, 11], properties, shortString('PLAIN'), longString('\0guest\0no'), shortString('')))
    await broker.expectSilentCloseAfter(client, 3000)
  })

  it('takes any locale and any client properties', async () => {
    const client = await (await RawBroker.start()).greeted()
    const properties = table(field('capabilities', 'S', longString('none')), field('x', 'V'), field('', 'V'))
    const response = longString('\0guest\0guest')
    client.send(method(0, [10, 11], properties, shortString('PLAIN'), response, shortString('xx_YY')))
    await client.expectMethod(0, [10, 30])
  })
})

describe('a handshake that does not end', () => {
  it.each([
    ['after connection.start', 0],
    ['after connection.tune', 1],
    ['before connection.open', 2],
  ])('%s is closed after the handshake timeout', async (_, stage) => {
    const broker = await RawBroker.start({ handshakeTimeoutMs: 5000 })
    const client = stage === 0 ? await broker.greeted() : await broker.loggedIn()
    if (stage === 2) client.send(connectionTuneOk(0x7ff, 131072, 0))
    await broker.expectSilentCloseAfter(client, 5000)
    await broker.untilIdle()
  })

  it('is another thing than a slow one: single octets are fine', async () => {
    const client = await (await RawBroker.start()).greeted()
    const bytes = connectionStartOk('PLAIN', '\0guest\0guest')
    await client.sendSplit(bytes, ...bytes.keys())
    await client.expectMethod(0, [10, 30])
  })

  it('leaves no timer once the connection is open', async () => {
    const broker = await RawBroker.start()
    await broker.opened()
    await broker.untilIdle()
  })
})

describe('the whole handshake in one write', () => {
  it('is answered in order', async () => {
    const client = await (await RawBroker.start()).connect()
    client.send(
      octets('AMQP\0\0\x09\x01'),
      connectionStartOk('PLAIN', '\0guest\0guest'),
      connectionTuneOk(10, 8192, 0),
      connectionOpen('/'),
      channelOpen(7),
    )
    await client.expectMethod(0, [10, 10])
    await client.expectMethod(0, [10, 30])
    await client.expectMethod(0, [10, 41])
    await client.expectMethod(7, [20, 11])
  })
})
