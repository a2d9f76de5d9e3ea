import { describe, expect, it } from 'vitest'
import type { Log } from '../../src/index.js'
import { RawBroker } from '../support/raw-broker.js'
import { hex, octets, PROTOCOL_HEADER } from '../support/raw-frames.js'

const OURS = 'AMQP\0\0\x09\x01'

describe('a client that begins with', () => {
  it.each([
    ['the header of AMQP 0-9-1', 'AMQP\0\0\x09\x01'],
    ['the older form of 0-9', 'AMQP\x01\x01\0\x09'],
  ])('%s hears connection.start of version 0-9', async (_, header) => {
    const client = await (await RawBroker.start()).connect()
    client.send(octets(header))
    const start = await client.expectMethod(0, [10, 10])
    expect([start.octet(), start.octet()]).toEqual([0, 9])
  })

  it.each([
    ['AMQP 1.0 with SASL', 'AMQP\x03\x01\0\0'],
    ['AMQP 1.0 without SASL', 'AMQP\0\x01\0\0'],
    ['AMQP 1.0 over TLS', 'AMQP\x02\x01\0\0'],
    ['0-9-2', 'AMQP\0\0\x09\x02'],
    ['0-10', 'AMQP\0\0\x0a\0'],
    ['0-9-0', 'AMQP\0\0\x09\0'],
    ['0-8', 'AMQP\x01\x01\x08\0'],
    ['0-9 with a wrong class', 'AMQP\x01\x02\0\x09'],
    ['small letters', 'amqp\0\0\x09\x01'],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a TLS hello', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
    ['zeros', '\0\0\0\0\0\0\0\0'],
  ])('%s hears which protocol there is, and no more (semantics 20 v; corner frame 1)', async (_, header) => {
    const broker = await RawBroker.start()
    const client = await broker.connect()
    client.send(octets(header))
    expect((await client.octets(8)).toString('latin1')).toBe(OURS)
    await client.expectSilentClose()
    await broker.untilIdle()
  })

  it('nothing hears nothing, and is closed when the handshake takes too long (semantics 18 h)', async () => {
    const broker = await RawBroker.start()
    const client = await broker.connect()
    await broker.expectSilentCloseAfter(client, 10_000)
  })

  it('half a header hears nothing until the other half comes (corner frame 1)', async () => {
    const broker = await RawBroker.start()
    const client = await broker.connect()
    client.send(PROTOCOL_HEADER.subarray(0, 5))
    await broker.expectServes()
    expect(client.unread).toHaveLength(0)
    client.send(PROTOCOL_HEADER.subarray(5))
    await client.expectMethod(0, [10, 10])
  })

  it('half a header and no more is closed when the handshake takes too long', async () => {
    const broker = await RawBroker.start({ handshakeTimeoutMs: 700 })
    const client = await broker.connect()
    client.send(PROTOCOL_HEADER.subarray(0, 7))
    await broker.expectSilentCloseAfter(client, 700)
  })

  it('single octets is served like any other', async () => {
    const client = await (await RawBroker.start()).connect()
    await client.sendSplit(PROTOCOL_HEADER, 1, 2, 3, 4, 5, 6, 7)
    await client.expectMethod(0, [10, 10])
  })

  it('its header and a wrong frame in one breath is answered the header first', async () => {
    const broker = await RawBroker.start()
    const client = await broker.connect()
    client.send(PROTOCOL_HEADER, hex('09 0000 00000000 ce'))
    await client.expectMethod(0, [10, 10])
    await broker.expectSilentCloseAfter(client, 3000)
  })

  it('a connection that it closes at once is no error: health checks do that', async () => {
    const lines: string[] = []
    const note = (_: unknown, text: string) => void lines.push(text)
    const log: Log = { debug: () => undefined, info: () => undefined, warn: note, error: note, child: () => log }
    const broker = await RawBroker.start({ log })
    const client = await broker.connect()
    await broker.until(() => broker.clock.delaysMs.length === 1, 'the connection is accepted')
    client.socket.end()
    await client.expectSilentClose()
    await broker.untilIdle()
    expect(lines).toEqual([])
  })
})

describe('connection.start', () => {
  it('says what RabbitMQ says: properties in order, mechanisms and locales (corner client 1, client 2)', async () => {
    const broker = await RawBroker.start({ serverProperties: { cluster_name: 'mine', extra: 'yes' } })
    const client = await broker.connect()
    client.send(PROTOCOL_HEADER)
    const start = await client.expectMethod(0, [10, 10])
    start.octet()
    start.octet()
    const properties = start.longString()
    expect(start.longString().split(' ')).toEqual(['PLAIN', 'AMQPLAIN'])
    expect(start.longString()).toBe('en_US')
    expect(start.rest()).toHaveLength(0)
    const names = ['capabilities', 'cluster_name', 'copyright', 'information', 'platform', 'product', 'version']
    const places = [...names, 'extra'].map((name) => properties.indexOf(String.fromCharCode(name.length) + name))
    expect(places.every((place) => place >= 0)).toBe(true)
    expect(places.toSorted((a, b) => a - b)).toEqual(places)
    expect(properties).toContain('\x07productS\0\0\0\x08RabbitMQ')
    expect(properties).toMatch(/versionS\D+\d+\.\d+\.\d+/)
    expect(properties).toContain('\x0ccluster_nameS\0\0\0\x04mine')
  })

  it('announces each capability as true, in the order of RabbitMQ', async () => {
    const client = await (await RawBroker.start()).connect()
    client.send(PROTOCOL_HEADER)
    const start = await client.expectMethod(0, [10, 10])
    start.short()
    const properties = start.longString()
    const capabilities = [
      'publisher_confirms',
      'exchange_exchange_bindings',
      'basic.nack',
      'consumer_cancel_notify',
      'connection.blocked',
      'consumer_priorities',
      'authentication_failure_close',
      'per_consumer_qos',
      'direct_reply_to',
    ]
    const entries = capabilities.map((name) => `${String.fromCharCode(name.length)}${name}t\x01`).join('')
    expect(properties).toContain(`\x0ccapabilitiesF\0\0\0${String.fromCharCode(entries.length)}${entries}`)
  })
})
