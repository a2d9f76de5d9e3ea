import { describe, expect, it } from 'vitest'
import { BODY_FRAME, encodeMethodFrame, frame, rawHeaderFrame } from '../support/amqp-codec.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const shortString = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')])
const withLength = (...parts: Buffer[]) => {
  const octets = Buffer.concat(parts)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(octets.length)
  return Buffer.concat([length, octets])
}
const sized = (hex: string) => withLength(Buffer.from(hex, 'hex')).toString('hex')
/** A field of a table: its name, its type and its value in hexadecimal. */
const field = (name: string, type: string, hex = '') =>
  Buffer.concat([shortString(name), Buffer.from(type), Buffer.from(hex, 'hex')])
const headersOnly = (...fields: Buffer[]) => Buffer.concat([Buffer.from('2000', 'hex'), withLength(...fields)])

async function channelWithQueue() {
  const channel = await fixture.channel()
  await channel.call('QueueDeclare', { queue: 'q' })
  return channel
}

/** Publishes a message with these flags and properties. @returns those that come back. */
async function roundTrip(propertyOctets: Buffer): Promise<Buffer | undefined> {
  const channel = await channelWithQueue()
  channel.publish('', 'q', 'm', { propertyOctets })
  return (await channel.get('q'))?.propertyOctets
}

/** A field of every type, in the order of their names. */
const EVERY_TYPE = [
  field('a', 'A', sized('49000000017401')),
  field('b', 't', '01'),
  field('c', 'b', 'ff'),
  field('d', 'B', 'ff'),
  field('e', 's', 'fffe'),
  field('f', 'u', 'fffe'),
  field('g', 'I', 'fffffffd'),
  field('h', 'i', 'fffffffd'),
  field('i', 'l', '8000000000000001'),
  field('j', 'f', '3fc00000'),
  field('k', 'd', '3ff199999999999a'),
  field('l', 'D', '02ffffffff'),
  field('m', 'S', '00000003ff0061'),
  field('n', 'x', '00000003ff0061'),
  field('o', 'T', '000000006553f100'),
  field('p', 'F', sized('017a740101615300000000')),
  field('q', 'V'),
]

describe('the properties of a message', () => {
  it('come back octet by octet (semantics 7.2 f)', async () => {
    const octets = Buffer.concat([
      Buffer.from('fffc', 'hex'),
      shortString('text/\xff'),
      shortString('gzip'),
      withLength(...EVERY_TYPE),
      Buffer.from([2, 9]),
      shortString('correlation'),
      shortString('reply'),
      shortString('60000'),
      shortString('message'),
      Buffer.from('00000000ffffffff', 'hex'),
      shortString('type'),
      shortString('guest'),
      shortString('app'),
      shortString('cluster'),
    ])
    expect(await roundTrip(octets)).toEqual(octets)
  })

  it('may be none', async () => {
    expect(await roundTrip(Buffer.from('0000', 'hex'))).toEqual(Buffer.from('0000', 'hex'))
  })

  it('keep an empty header table', async () => {
    expect(await roundTrip(headersOnly())).toEqual(headersOnly())
  })
})

describe('the headers of a message', () => {
  const nested = field('n', 'F', sized('017a740101617401'))
  const shuffled = headersOnly(...EVERY_TYPE.toReversed(), field('Z', 'V'))

  it('are sorted by the octets of their names, keeping every type, on the profile of 4.2 (semantics 20 g)', async () => {
    expect(await roundTrip(shuffled)).toEqual(headersOnly(field('Z', 'V'), ...EVERY_TYPE))
  })

  it('lose duplicates, of which the first stays (semantics 20 g)', async () => {
    const octets = headersOnly(field('b', 'S', '0000000131'), field('a', 'V'), field('b', 'S', '0000000132'))
    expect(await roundTrip(octets)).toEqual(headersOnly(field('a', 'V'), field('b', 'S', '0000000131')))
  })

  it('keep the order of nested tables', async () => {
    expect(await roundTrip(headersOnly(field('z', 'V'), nested))).toEqual(headersOnly(nested, field('z', 'V')))
  })

  it('leave the properties around them alone when they are sorted', async () => {
    const around = (...fields: Buffer[]) =>
      Buffer.concat([Buffer.from('a080', 'hex'), shortString('text'), withLength(...fields), shortString('id')])
    const [a, b] = [field('a', 'V'), field('b', 'V')]
    expect(await roundTrip(around(b, a))).toEqual(around(a, b))
  })

  it('come back as they went on the profile of 3.13 (semantics 20 g)', async () => {
    await fixture.broker({ compat: '3.13' })
    expect(await roundTrip(shuffled)).toEqual(shuffled)
    const duplicates = headersOnly(field('b', 'V'), field('a', 'V'), field('b', 't', '01'))
    expect(await roundTrip(duplicates)).toEqual(duplicates)
  })

  it('may be larger than the largest frame of the consumer, and are not split', async () => {
    const channel = await channelWithQueue()
    const headers = { large: 'x'.repeat(20_000) }
    channel.publish('', 'q', 'm', { properties: { headers } })
    const other = await fixture.channel({ frameMax: 8192 })
    expect(await other.get('q')).toMatchObject({ properties: { headers }, bodyFrameSizes: [1] })
  })
})

describe('the body of a message', () => {
  const body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251))

  it.each([8192, 131_072])('comes in frames as large as the consumer allows: %i', async (frameMax) => {
    const channel = await channelWithQueue()
    channel.publish('', 'q', body)
    await channel.expectSilence()
    const payloadMax = frameMax - 8
    const whole = Array.from({ length: Math.floor(body.length / payloadMax) }, () => payloadMax)
    const sizes = [...whole, body.length % payloadMax]
    const consumer = await fixture.channel({ frameMax })
    const got = await consumer.get('q')
    expect(got?.bodyFrameSizes).toEqual(sizes)
    expect(got?.body?.equals(body)).toBe(true)
    consumer.send('BasicReject', { deliveryTag: 1, requeue: true })
    await consumer.consume('q')
    const [delivery] = await consumer.deliveries(1)
    expect(delivery?.bodyFrameSizes).toEqual(sizes)
    expect(delivery?.body?.equals(body)).toBe(true)
  })

  it('comes in one frame where frames have no limit', async () => {
    await fixture.broker({ frameMax: 0 })
    const channel = await fixture.channel({ frameMax: 0 })
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.client.send(channel.number, 'BasicPublish', { routingKey: 'q' })
    channel.client.write(rawHeaderFrame(channel.number, body.length, Buffer.alloc(2)))
    channel.client.write(frame(BODY_FRAME, channel.number, body))
    const got = await channel.get('q')
    expect(got?.bodyFrameSizes).toEqual([body.length])
    expect(got?.body?.equals(body)).toBe(true)
  })

  it('may be empty: then there is no frame of it', async () => {
    const channel = await channelWithQueue()
    channel.publishTo('q', '', 'next')
    expect(await channel.get('q')).toMatchObject({ bodyFrameSizes: [] })
    expect(await channel.drain('q')).toEqual(['next'])
  })

  it('may come in as many frames as the publisher likes, empty ones among them', async () => {
    const channel = await channelWithQueue()
    const frames = ['a', '', 'b', 'cd', '', 'e'].map((part) => frame(BODY_FRAME, 1, Buffer.from(part)))
    channel.send('BasicPublish', { routingKey: 'q' })
    channel.client.write(Buffer.concat([rawHeaderFrame(1, 5, Buffer.alloc(2)), ...frames]))
    expect(await channel.get('q')).toMatchObject({ bodyFrameSizes: [5] })
  })

  it('may be interleaved with that of another channel', async () => {
    const channel = await channelWithQueue()
    const other = await channel.client.openChannel()
    const frames = (number: number, text: string) => [
      encodeMethodFrame(number, 'BasicPublish', { routingKey: 'q' }),
      rawHeaderFrame(number, text.length, Buffer.alloc(2)),
      ...Array.from(text, (letter) => frame(BODY_FRAME, number, Buffer.from(letter))),
    ]
    const [first, second] = [frames(channel.number, 'abcd'), frames(other.number, 'ABCD')]
    for (const [index, octets] of first.entries()) {
      channel.client.write(Buffer.concat([octets, second[index] ?? Buffer.alloc(0)]))
    }
    expect(await channel.drain('q')).toEqual(['abcd', 'ABCD'])
  })
})
