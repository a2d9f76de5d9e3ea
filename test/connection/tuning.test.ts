import { describe, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import {
  basicPublish,
  body,
  connectionOpen,
  connectionTuneOk,
  header,
  hex,
  queueDeclare,
} from '../support/raw-frames.js'

describe('tune-ok', () => {
  it.each([
    ['what was offered', [2047, 131072, 60]],
    ['less of everything', [1, 8192, 1]],
    ['the least frame of the published protocol', [2047, 4096, 0]],
    ['a longer heartbeat than was offered', [2047, 131072, 65535]],
    ['no heartbeat', [2047, 131072, 0]],
  ] as const)('with %s is accepted (semantics 20 u)', async (_, [channelMax, frameMax, heartbeat]) => {
    const client = await (await RawBroker.start()).loggedIn()
    client.send(connectionTuneOk(channelMax, frameMax, heartbeat), connectionOpen('/'))
    await client.expectMethod(0, [10, 41])
  })

  it.each([
    ['a larger frame than was offered', [2047, 131073, 60]],
    ['no limit for frames', [2047, 0, 60]],
    ['a frame below the least', [2047, 4095, 60]],
    ['the largest frame', [2047, 0xffffffff, 60]],
    ['more channels than were offered', [2048, 131072, 60]],
    ['no limit for channels', [0, 131072, 60]],
  ] as const)(
    'with %s is met with silence, and after 3 s the socket closes (corner frame 6, frame 7)',
    async (_, [channelMax, frameMax, h]) => {
      const broker = await RawBroker.start()
      const client = await broker.loggedIn()
      client.send(connectionTuneOk(channelMax, frameMax, h))
      await broker.expectSilentCloseAfter(client, 3000)
    },
  )

  it.each([
    ['no limits', [0, 0, 0]],
    ['limits', [65535, 0xffffffff, 0]],
  ] as const)(
    'with %s is accepted where the broker sets none (corner frame 6, frame 7)',
    async (_, [channelMax, frameMax, heartbeat]) => {
      const broker = await RawBroker.start({ frameMax: 0, channelMax: 0, heartbeatSeconds: 0 })
      const client = await broker.loggedIn()
      client.send(connectionTuneOk(channelMax, frameMax, heartbeat), connectionOpen('/'))
      await client.expectMethod(0, [10, 41])
    },
  )
})

describe('a frame before tune-ok', () => {
  it('may have a payload of 8192 octets', async () => {
    const broker = await RawBroker.start()
    const client = await broker.greeted()
    // It is read to its end, and then found to be a start-ok that cannot be decoded.
    client.send(hex('01 0000 00002000'), Buffer.alloc(8192), hex('ce'))
    await broker.expectSilentCloseAfter(client, 3000)
  })
})

describe('a frame of a client that has tuned to 8192 octets', () => {
  it('may have a payload of 8192: RabbitMQ does not count the frame around it', async () => {
    const client = await (await RawBroker.start()).withChannel({ frameMax: 8192 })
    client.send(basicPublish(1, '', 'nowhere'), header(1, 8192), body(1, Buffer.alloc(8192)))
    client.send(queueDeclare(1, 'q'))
    await client.expectMethod(1, [50, 11])
  })

  it('is refused above that, before its payload has come (corner frame 8)', async () => {
    const client = await (await RawBroker.start()).withChannel({ frameMax: 8192 })
    client.send(basicPublish(1, '', 'nowhere'), header(1, 8193), hex('03 0001 00002001'))
    const text = 'FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,8193,8184}'
    await client.expectCloseAndLeave(501, text, [0, 0])
  })

  it('is refused on channel 0 as well', async () => {
    const client = await (await RawBroker.start()).opened({ frameMax: 8192 })
    client.send(hex('01 0000 ffffffff'))
    const text = 'FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4294967295,8184}'
    await client.expectCloseAndLeave(501, text, [0, 0])
  })

  it('is refused between tune-ok and open, by the new limit', async () => {
    const client = await (await RawBroker.start()).loggedIn()
    client.send(connectionTuneOk(2047, 16384, 0), hex('01 0000 00004001'))
    const text = 'FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,16385,16376}'
    await client.expectCloseAndLeave(501, text, [0, 0])
  })
})

describe('a client without a limit for frames', () => {
  it('may send a frame of any size, and receives a body in one', async () => {
    const broker = await RawBroker.start({ frameMax: 0 })
    const client = await broker.withChannel({ frameMax: 0 })
    const content = Buffer.alloc(300_000, 'x')
    await client.roundTrip(1, 'q', content)
  })
})
