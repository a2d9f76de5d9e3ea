import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const int = (value: number) => ({ '!': 'int32', value })
const long = (value: number) => ({ '!': 'int64', value })

async function expectRefused(args: object, text: string, flags: object = {}): Promise<void> {
  const channel = await fixture.channel()
  const declared = { queue: 'q', durable: true, ...flags, arguments: args }
  await channel.refuses('QueueDeclare', declared, 406, `PRECONDITION_FAILED - ${text}`)
  const missing = "NOT_FOUND - no queue 'q' in vhost '/'"
  await channel.refuses('QueueDeclare', { queue: 'q', passive: true }, 404, missing)
}

describe('the arguments of a new classic queue', () => {
  it.each([
    ['x-queue-type', int(1), '{unacceptable_type,signedint}'],
    ['x-queue-type', 'lazy', `"unsupported queue type 'lazy'"`],
    ['x-expires', 'soon', '"expected integer, got longstr"'],
    ['x-expires', int(0), '{value_zero,0}'],
    ['x-expires', int(-1), '{value_negative,-1}'],
    ['x-expires', long(315360000001), '{value_too_large,315360000001}'],
    ['x-message-ttl', true, '"expected integer, got bool"'],
    ['x-message-ttl', { '!': 'double', value: 1.5 }, '"expected integer, got double"'],
    ['x-message-ttl', int(-7), '{value_negative,-7}'],
    ['x-message-ttl', long(315360000001), '{value_too_large,315360000001}'],
    ['x-dead-letter-routing-key', 'k', 'routing_key_but_no_dlx_defined'],
    ['x-dead-letter-routing-key', int(1), '{unacceptable_type,signedint}'],
    ['x-max-length', 'many', '"expected integer, got longstr"'],
    ['x-max-length', int(-1), '{value_negative,-1}'],
    ['x-max-length-bytes', { '!': 'float', value: 2 }, '"expected integer, got float"'],
    ['x-max-length-bytes', int(-1), '{value_negative,-1}'],
    ['x-max-priority', null, '"expected integer, got void"'],
    ['x-max-priority', int(-1), '{value_negative,-1}'],
    ['x-max-priority', int(256), '{max_value_exceeded,256}'],
    ['x-overflow', 'drop-tail', 'invalid_overflow'],
    ['x-overflow', int(1), '{unacceptable_type,signedint}'],
    ['x-queue-version', int(3), `"unsupported queue version '3'"`],
    ['x-queue-version', 'two', '"expected integer, got longstr"'],
    ['x-single-active-consumer', 'yes', '{unacceptable_type,longstr}'],
    ['x-queue-leader-locator', 'elsewhere', 'invalid_queue_locator_arg'],
    ['x-queue-mode', 'eager', `"unsupported queue mode 'eager'"`],
    ['x-consumer-timeout', int(-1), '{value_negative,-1}'],
    ['x-delayed-retry-type', 'some', 'invalid_delayed_retry_type'],
    ['x-delayed-retry-min', int(-1), '{value_negative,-1}'],
    ['x-delayed-retry-max', 'long', '"expected integer, got longstr"'],
    ['x-message-deduplication', 'true', '{unacceptable_type,longstr}'],
    ['x-cache-size', int(0), '{value_zero,0}'],
    ['x-cache-ttl', int(0), '{value_zero,0}'],
    ['x-deduplication-header', int(1), '{unacceptable_type,signedint}'],
  ])('refuse the value %s: %j', async (name, value, reason) => {
    await expectRefused({ [name]: value }, `invalid arg '${name}' for queue 'q' in vhost '/': ${reason}`)
  })

  it.each([
    [{ '!': 'int8', value: 1 }, 'byte'],
    [{ '!': 'uint8', value: 1 }, 'unsignedbyte'],
    [{ '!': 'int16', value: 1 }, 'short'],
    [{ '!': 'uint16', value: 1 }, 'unsignedshort'],
    [{ '!': 'int32', value: 1 }, 'signedint'],
    [{ '!': 'uint32', value: 1 }, 'unsignedint'],
    [{ '!': 'int64', value: 1 }, 'long'],
    [true, 'bool'],
    [{ '!': 'float', value: 1 }, 'float'],
    [{ '!': 'double', value: 1 }, 'double'],
    [{ '!': 'decimal', value: { places: 1, digits: 10 } }, 'decimal'],
    [{ '!': 'timestamp', value: 1 }, 'timestamp'],
    [{}, 'table'],
    [[], 'array'],
    [Buffer.from('x'), 'binary'],
    [null, 'void'],
  ])('name the type of %j: %s', async (value, type) => {
    await expectRefused(
      { 'x-dead-letter-exchange': value },
      `invalid type '${type}' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'`,
    )
  })

  it.each([
    ['x-dead-letter-strategy', 'at-least-once'],
    ['x-max-in-memory-length', int(1)],
    ['x-max-in-memory-bytes', int(1)],
    ['x-quorum-initial-group-size', int(1)],
    ['x-delivery-limit', int(1)],
    ['x-max-age', '1D'],
    ['x-stream-max-segment-size-bytes', int(1)],
    ['x-stream-filter-size-bytes', int(16)],
    ['x-initial-cluster-size', int(1)],
  ])('refuse %s, which belongs to another type of queue', async (name, value) => {
    const text = `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_classic_queue`
    await expectRefused({ [name]: value }, text)
  })

  it('are judged by type, then by value in the order of the reference, then by who knows them', async () => {
    const prefix = "invalid arg '"
    const args = { 'x-max-age': '1D', 'x-overflow': 'no', 'x-expires': int(0), 'x-queue-type': 'no' }
    const ofQueue = "' for queue 'q' in vhost '/'"
    await expectRefused(args, `${prefix}x-queue-type${ofQueue}: "unsupported queue type 'no'"`)
    const { 'x-queue-type': _type, ...typed } = args
    await expectRefused(typed, `${prefix}x-expires${ofQueue}: {value_zero,0}`)
    const { 'x-expires': _expires, ...rest } = typed
    await expectRefused(rest, `${prefix}x-overflow${ofQueue}: invalid_overflow`)
    const { 'x-overflow': _overflow, ...foreign } = rest
    await expectRefused(foreign, `${prefix}x-max-age${ofQueue} of queue type rabbit_classic_queue`)
  })

  it('may be anything that no type of queue knows', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', arguments: { mine: [1, 'two', { three: null }], 'x-mine': true } })
  })

  it.each([
    ['x-queue-type', 'classic'],
    ['x-queue-type', ''],
    ['x-queue-type', 'undefined'],
    ['x-queue-version', int(1)],
    ['x-queue-version', int(2)],
    ['x-queue-mode', 'lazy'],
    ['x-queue-leader-locator', 'client-local'],
    ['x-queue-leader-locator', 'balanced'],
    ['x-queue-master-locator', 'min-masters'],
  ])('may be %s: %j', async (name, value) => {
    const channel = await fixture.channel()
    expect(await channel.call('QueueDeclare', { queue: 'q', arguments: { [name]: value } })).toMatchObject({
      queue: 'q',
    })
    await channel.call('QueueDeclare', { queue: 'q', arguments: { [name]: value } })
  })
})

describe('the arguments of a new queue of another type (semantics 3.3)', () => {
  const SEGMENT = 'x-stream-max-segment-size-bytes'
  const FILTER = 'x-stream-filter-size-bytes'

  it.each([
    ['quorum', 'x-expires', int(0), '{value_zero,0}'],
    ['quorum', 'x-dead-letter-strategy', 'maybe', 'invalid_dlx_strategy'],
    ['quorum', 'x-max-in-memory-length', int(-1), '{value_negative,-1}'],
    ['quorum', 'x-max-in-memory-bytes', 'much', '"expected integer, got longstr"'],
    ['quorum', 'x-quorum-initial-group-size', int(0), '{value_zero,0}'],
    ['stream', 'x-max-age', '5 days', 'invalid_max_age'],
    ['stream', SEGMENT, int(-1), '{value_negative,-1}'],
    ['stream', 'x-initial-cluster-size', int(0), '{value_zero,0}'],
  ])('refuse in a %s queue the value %s: %j', async (type, name, value, reason) => {
    const text = `invalid arg '${name}' for queue 'q' in vhost '/': ${reason}`
    await expectRefused({ 'x-queue-type': type, [name]: value }, text)
  })

  it.each([
    ['quorum', 'x-max-priority', int(1)],
    ['quorum', 'x-queue-mode', 'lazy'],
    ['quorum', 'x-max-age', '1D'],
    ['stream', 'x-expires', int(1)],
    ['stream', 'x-message-ttl', int(1)],
    ['stream', 'x-dead-letter-exchange', ''],
    ['stream', 'x-max-length', int(1)],
    ['stream', 'x-overflow', 'drop-head'],
    ['stream', 'x-single-active-consumer', true],
    ['stream', 'x-delivery-limit', int(1)],
    ['stream', 'x-message-deduplication', true],
  ])('refuse in a %s queue what belongs to others: %s', async (type, name, value) => {
    const text = `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_${type}_queue`
    await expectRefused({ 'x-queue-type': type, [name]: value }, text)
  })

  it.each(['quorum', 'stream'])('refuse flags that a %s queue does not have', async (type) => {
    const args = { 'x-queue-type': type }
    const property = (name: string) => `invalid property '${name}' for queue 'q' in vhost '/'`
    await expectRefused(args, property('auto-delete'), { autoDelete: true, exclusive: true, durable: false })
    await expectRefused(args, property('exclusive-owner'), { exclusive: true, durable: false })
    await expectRefused(args, property('non-durable'), { durable: false })
  })

  it('refuse sizes that a stream cannot have', async () => {
    const stream = (name: string, value: unknown) => ({ 'x-queue-type': 'stream', [name]: value })
    await expectRefused(stream(SEGMENT, long(3000000001)), 'Exceeded max value for x-stream-max-segment-size-bytes')
    await expectRefused(stream(FILTER, int(15)), 'Invalid value for x-stream-filter-size-bytes')
    await expectRefused(stream(FILTER, int(256)), 'Invalid value for x-stream-filter-size-bytes')
    await expectRefused(stream(FILTER, '16'), 'Invalid type for x-stream-filter-size-bytes')
  })

  it.each(['quorum', 'stream'])('refuse a %s queue without a name (semantics 3.1)', async (type) => {
    const channel = await fixture.channel()
    const declared = { queue: '', durable: true, arguments: { 'x-queue-type': type } }
    const text = `PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_${type}_queue`
    await channel.refuses('QueueDeclare', declared, 406, text)
    await channel.refuses('QueueDeclare', { ...declared, queue: '\r\n' }, 406, text)
  })
})

describe('the arguments of a new queue by profile (semantics 20)', () => {
  const version1 = { 'x-queue-version': int(1) }
  const eager = { 'x-queue-mode': 'eager' }
  const timeout = { 'x-consumer-timeout': int(1000) }

  it('refuse on 4.3 what is gone', async () => {
    await fixture.broker({ compat: '4.3' })
    const prefix = "invalid arg 'x-queue-version' for queue 'q' in vhost '/'"
    await expectRefused(version1, `${prefix}: "unsupported queue version '1'"`)
    const classic = "for queue 'q' in vhost '/' of queue type rabbit_classic_queue"
    await expectRefused(timeout, `invalid arg 'x-consumer-timeout' ${classic}`)
    const disconnected = { 'x-consumer-disconnected-timeout': int(1) }
    await expectRefused(disconnected, `invalid arg 'x-consumer-disconnected-timeout' ${classic}`)
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', durable: true, arguments: eager })
  })

  it.each(['3.13', '4.2'] as const)('allow on %s what was there', async (compat) => {
    await fixture.broker({ compat })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'one', arguments: version1 })
    // Nobody knew it then.
    const disconnected = { 'x-consumer-disconnected-timeout': 'any' }
    await channel.call('QueueDeclare', { queue: 'two', arguments: disconnected })
  })

  it('leave out on 3.13 a type that was not given', async () => {
    await fixture.broker({ compat: '3.13' })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueDeclare', { queue: 'q', arguments: { 'x-queue-type': 'classic' } })
    const text =
      "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': " +
      "received the value 'quorum' of type 'longstr' but current is none"
    await channel.refuses('QueueDeclare', { queue: 'q', arguments: { 'x-queue-type': 'quorum' } }, 406, text)
  })
})

describe('the arguments of a consumer of a classic queue (semantics 6.1)', () => {
  const priority = (typeName: string) =>
    `invalid arg 'x-priority' for queue 'q' in vhost '/': "expected integer, got ${typeName}"`
  const foreign = (name: string) =>
    `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_classic_queue`

  it.each([
    ['x-priority', '1', priority('longstr')],
    ['x-priority', { '!': 'double', value: 1.5 }, priority('double')],
    ['x-stream-offset', 'first', foreign('x-stream-offset')],
    ['x-stream-offset', 'foo', foreign('x-stream-offset')],
    ['x-stream-filter', 'a', foreign('x-stream-filter')],
    ['x-stream-match-unfiltered', true, foreign('x-stream-match-unfiltered')],
  ])('cannot be %s: %j', async (name, value, text) => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    const consume = { queue: 'q', arguments: { [name]: value } }
    await channel.refuses('BasicConsume', consume, 406, `PRECONDITION_FAILED - ${text}`)
    expect(await channel.counts('q')).toEqual({ ready: 0, consumers: 0 })
  })

  it('cannot be x-consumer-timeout on 4.3', async () => {
    await fixture.broker({ compat: '4.3' })
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', durable: true })
    const consume = { queue: 'q', arguments: { 'x-consumer-timeout': int(1000) } }
    await channel.refuses('BasicConsume', consume, 406, `PRECONDITION_FAILED - ${foreign('x-consumer-timeout')}`)
  })
})

describe('queue.declare of a queue that exists', () => {
  const inequivalent = (arg: string, received: string, current: string) =>
    `PRECONDITION_FAILED - inequivalent arg '${arg}' for queue 'q' in vhost '/': ` +
    `received ${received} but current is ${current}`

  it('reports durable, then auto_delete, then arguments', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', durable: true })
    const args = { 'x-message-ttl': int(1) }
    const all = { queue: 'q', durable: false, autoDelete: true, arguments: args }
    await channel.refuses('QueueDeclare', all, 406, inequivalent('durable', "'false'", "'true'"))
    const two = { ...all, durable: true }
    await channel.refuses('QueueDeclare', two, 406, inequivalent('auto_delete', "'true'", "'false'"))
    const text = inequivalent('x-message-ttl', "the value '1' of type 'signedint'", 'none')
    await channel.refuses('QueueDeclare', { ...two, autoDelete: false }, 406, text)
  })

  it.each([
    ['absent now', {}, 'none', "the value '2' of type 'signedint'"],
    ['another value', { 'x-queue-version': int(1) }, "'1'", "'2'"],
    ['another class of value', { 'x-queue-version': '2' }, "'2'", "'2'"],
  ])('renders a difference between arguments: %s', async (_, args, received, current) => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', arguments: { 'x-queue-version': int(2) } })
    const text = inequivalent('x-queue-version', received, current)
    await channel.refuses('QueueDeclare', { queue: 'q', arguments: args }, 406, text)
  })

  it('takes integers of every width for equal', async () => {
    const channel = await fixture.channel()
    for (const width of ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64']) {
      await channel.call('QueueDeclare', { queue: 'q', arguments: { 'x-queue-version': { '!': width, value: 2 } } })
    }
  })

  it('does not validate arguments, it compares them', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    const text = inequivalent('x-max-priority', "the value 'high' of type 'longstr'", 'none')
    await channel.refuses('QueueDeclare', { queue: 'q', arguments: { 'x-max-priority': 'high' } }, 406, text)
  })

  it('ignores arguments that classic queues do not compare', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q', arguments: { mine: 1 } })
    await channel.call('QueueDeclare', { queue: 'q', arguments: { mine: 2, 'x-delivery-limit': 3 } })
  })

  it('knows a queue without x-queue-type for classic', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.call('QueueDeclare', { queue: 'q', arguments: { 'x-queue-type': 'classic' } })
    await channel.call('QueueDeclare', { queue: 'q', arguments: { 'x-queue-type': '' } })
    const text = inequivalent('x-queue-type', "'quorum'", "'classic'")
    await channel.refuses('QueueDeclare', { queue: 'q', arguments: { 'x-queue-type': 'quorum' } }, 406, text)
  })
})
