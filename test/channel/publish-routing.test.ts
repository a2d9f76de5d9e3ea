import { describe, expect, it } from 'vitest'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const int = (value: number) => ({ '!': 'int32', value })

/** Declares a queue of each name, bound to `exchange` with its name as the key. */
async function bindByName(channel: AmqpChannel, exchange: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await channel.call('QueueDeclare', { queue: `for ${name}` })
    await channel.call('QueueBind', { queue: `for ${name}`, exchange, routingKey: name })
  }
}

/** The names under which queues were bound that have got a message. */
async function reached(channel: AmqpChannel, names: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const name of names) if ((await channel.drain(`for ${name}`)).length > 0) found.push(name)
  return found
}

describe('the default exchange', () => {
  it('routes to the queue that has the routing key for its name (semantics 2.1 c)', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    channel.publish('', 'q', 'm')
    channel.publish('', 'Q', 'lost')
    const message = await channel.get('q')
    expect(message?.fields).toMatchObject({ exchange: '', routingKey: 'q', messageCount: 0 })
  })
})

describe('messages that go elsewhere than the last one of their channel', () => {
  it('go where their own exchange and key lead', async () => {
    const channel = await fixture.channel()
    const targets: [exchange: string, key: string, queue: string][] = []
    for (const exchange of ['', 'x', 'y', 'xk']) {
      if (exchange) await channel.call('ExchangeDeclare', { exchange, type: 'direct' })
      for (const key of ['k', 'l', 'kk', 'k.k']) {
        const queue = exchange ? `${exchange} ${key}` : key
        await channel.call('QueueDeclare', { queue })
        if (exchange) await channel.call('QueueBind', { queue, exchange, routingKey: key })
        targets.push([exchange, key, queue])
      }
    }
    for (const [exchange, key, queue] of targets) {
      for (const [otherExchange, otherKey, otherQueue] of targets) {
        channel.publish(exchange, key, `to ${queue}`)
        channel.publish(otherExchange, otherKey, `to ${otherQueue}`)
      }
    }
    for (const [, , queue] of targets) {
      expect(await channel.drain(queue)).toEqual(new Array(2 * targets.length).fill(`to ${queue}`))
    }
  })
})

describe('a direct exchange', () => {
  it('compares keys octet by octet (semantics 4.1 a)', async () => {
    const channel = await fixture.channel()
    await bindByName(channel, 'amq.direct', ['k', 'K', 'k.a', '#', '*', ''])
    for (const [key, names] of [
      ['k', ['k']],
      ['', ['']],
      ['#', ['#']],
      ['k.a', ['k.a']],
      ['none', []],
    ] as const) {
      channel.publish('amq.direct', key, 'm')
      expect(await reached(channel, ['k', 'K', 'k.a', '#', '*', ''])).toEqual(names)
    }
  })

  it('gives a queue one copy, and every bound queue its own (semantics 4 b, 21 17)', async () => {
    const channel = await fixture.channel()
    for (const queue of ['a', 'b']) {
      await channel.call('QueueDeclare', { queue })
      for (const n of [1, 2]) {
        await channel.call('QueueBind', { queue, exchange: 'amq.direct', routingKey: 'k', arguments: { n: int(n) } })
      }
    }
    channel.publish('amq.direct', 'k', 'm')
    expect(await channel.drain('a')).toEqual(['m'])
    expect(await channel.drain('b')).toEqual(['m'])
  })
})

describe('a fanout exchange', () => {
  it('reaches every bound queue, whatever the keys (semantics 4.1 b)', async () => {
    const channel = await fixture.channel()
    await bindByName(channel, 'amq.fanout', ['a', 'b'])
    await channel.call('QueueBind', { queue: 'for a', exchange: 'amq.fanout', routingKey: 'again' })
    channel.publish('amq.fanout', 'neither', 'm')
    expect(await channel.drain('for a')).toEqual(['m'])
    expect(await channel.drain('for b')).toEqual(['m'])
  })
})

describe('a topic exchange', () => {
  const patterns = ['#', '', '*', 'a', 'a.#', '#.a', '#.a.#', 'a.*', '*.*', '.', 'a.*.b', 'a.#.b', 'a*', '**']

  it.each([
    ['', ['#', '']],
    ['a', ['#', '*', 'a', 'a.#', '#.a', '#.a.#']],
    ['.', ['#', '*.*', '.']],
    ['a.', ['#', 'a.#', '#.a.#', 'a.*', '*.*']],
    ['a..b', ['#', 'a.#', '#.a.#', 'a.*.b', 'a.#.b']],
    ['a.b', ['#', 'a.#', '#.a.#', 'a.*', '*.*', 'a.#.b']],
    ['a*', ['#', '*', 'a*']],
    ['**', ['#', '*', '**']],
    ['b', ['#', '*']],
  ])(
    "routes the key '%s' as its words say (semantics 4.2 a, 4.2 b, 4.2 c, 4.2 d, 4.2 e, 21 16)",
    async (key, expected) => {
      const channel = await fixture.channel()
      await bindByName(channel, 'amq.topic', patterns)
      channel.publish('amq.topic', key, 'm')
      expect(await reached(channel, patterns)).toEqual(expected)
    },
  )

  it('forgets a pattern that is unbound', async () => {
    const channel = await fixture.channel()
    await bindByName(channel, 'amq.topic', ['a.*', 'a.#'])
    await channel.call('QueueUnbind', { queue: 'for a.*', exchange: 'amq.topic', routingKey: 'a.*' })
    channel.publish('amq.topic', 'a.b', 'm')
    expect(await reached(channel, ['a.*', 'a.#'])).toEqual(['a.#'])
  })
})

describe('a headers exchange', () => {
  async function matches(args: object, ...messages: (object | undefined)[]): Promise<boolean[]> {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    const binding = { queue: 'q', exchange: 'amq.headers', arguments: args }
    await channel.call('QueueBind', binding)
    const results: boolean[] = []
    for (const headers of messages) {
      channel.publish('amq.headers', 'ignored', 'm', { properties: headers ? { headers } : {} })
      results.push((await channel.drain('q')).length === 1)
    }
    await channel.call('QueueUnbind', binding)
    return results
  }
  const ab = { a: int(1), b: 'two' }
  const inputs = [ab, { a: int(1) }, { a: int(2), b: 'two' }, { b: 'three' }, {}, undefined]

  it('wants all headers by default, but not those that start with x- (semantics 4.1 c, 4.3 a, 4.3 b; corner routing 7)', async () => {
    const expected = [true, false, false, false, false, false]
    expect(await matches(ab, ...inputs)).toEqual(expected)
    expect(await matches({ ...ab, 'x-match': 'all' }, ...inputs)).toEqual(expected)
    expect(await matches({ ...ab, 'x-match': 'all', 'x-c': int(3) }, ...inputs)).toEqual(expected)
  })

  it('is content with one of them for any (semantics 4.3 a)', async () => {
    const expected = [true, true, true, false, false, false]
    expect(await matches({ ...ab, 'x-match': 'any' }, ...inputs)).toEqual(expected)
    expect(await matches({ ...ab, 'x-match': 'any', 'x-c': int(3) }, { 'x-c': int(3) })).toEqual([false])
  })

  it('looks at headers that start with x- for all-with-x and any-with-x (semantics 4.3 a, 4.3 b)', async () => {
    const args = { a: int(1), 'x-c': int(3) }
    const messages = [args, { a: int(1) }, { 'x-c': int(3) }, {}]
    expect(await matches({ ...args, 'x-match': 'all-with-x' }, ...messages)).toEqual([true, false, false, false])
    expect(await matches({ ...args, 'x-match': 'any-with-x' }, ...messages)).toEqual([true, true, true, false])
  })

  it('with nothing to look at, matches every message for all and none for any (semantics 4.3 f, 21 16)', async () => {
    expect(await matches({}, ab, {}, undefined)).toEqual([true, true, true])
    expect(await matches({ 'x-match': 'any' }, ab, {}, undefined)).toEqual([false, false, false])
    expect(await matches({ 'x-match': 'any', 'x-c': int(3) }, { 'x-c': int(3) })).toEqual([false])
  })

  it('asks for mere presence with a void argument (semantics 4.3 c)', async () => {
    expect(await matches({ a: null }, { a: int(1) }, { a: null }, { b: int(1) }, undefined)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('compares integers by value whatever their width, and nothing else across types (semantics 4.3 d)', async () => {
    const values = [{ '!': 'int8', value: 1 }, { '!': 'int64', value: 1 }, '1', { '!': 'double', value: 1 }, true]
    const messages = values.map((a) => ({ a }))
    expect(await matches({ a: int(1) }, ...messages)).toEqual([true, true, false, false, false])
  })

  it('compares nested values (corner routing 5)', async () => {
    const nested = { a: [int(1), { deep: 'er' }] }
    expect(await matches(nested, nested, { a: [int(1), { deep: 'est' }] })).toEqual([true, false])
  })
})

describe('an alternate exchange', () => {
  it('gets what its exchange has no destination for, in a chain that ends in a circle (semantics 4.4 c, 4.4 e, 4.4 f, 21 17)', async () => {
    const channel = await fixture.channel()
    for (const [exchange, alternate] of [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ]) {
      const args = { 'alternate-exchange': alternate }
      await channel.call('ExchangeDeclare', { exchange, type: 'direct', arguments: args })
    }
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'c', routingKey: 'k' })
    channel.publish('a', 'k', 'found', { mandatory: true })
    await channel.expectSilence()
    channel.publish('a', 'nowhere', 'lost', { mandatory: true })
    expect(await channel.next()).toMatchObject({
      name: 'BasicReturn',
      fields: { exchange: 'a', routingKey: 'nowhere' },
    })
    expect(await channel.drain('q')).toEqual(['found'])
  })

  it('is not asked when a binding to an exchange has matched, even if that leads nowhere (semantics 4.4 c)', async () => {
    const channel = await fixture.channel()
    await channel.call('ExchangeDeclare', { exchange: 'ae', type: 'fanout' })
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueBind', { queue: 'q', exchange: 'ae' })
    const args = { 'alternate-exchange': 'ae' }
    await channel.call('ExchangeDeclare', { exchange: 'x', type: 'fanout', arguments: args })
    await channel.call('ExchangeBind', { source: 'x', destination: 'amq.direct' })
    channel.publish('x', 'k', 'lost', { mandatory: true })
    expect((await channel.next()).name).toBe('BasicReturn')
    expect(await channel.drain('q')).toEqual([])
  })
})
