import { describe, expect, it } from 'vitest'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()
const int = (value: number) => ({ '!': 'int32', value })
const long = (value: number) => ({ '!': 'int64', value })

async function expectRefused(args: object, text: string): Promise<void> {
  const channel = await fixture.channel()
  const declared = { queue: 'q', arguments: args }
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
    'x-dead-letter-strategy',
    'x-max-in-memory-length',
    'x-max-in-memory-bytes',
    'x-consumer-timeout',
    'x-consumer-disconnected-timeout',
    'x-quorum-initial-group-size',
    'x-delivery-limit',
    'x-max-age',
    'x-stream-max-segment-size-bytes',
    'x-stream-filter-size-bytes',
    'x-initial-cluster-size',
  ])('refuse %s, which belongs to another type of queue', async (name) => {
    const text = `invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_classic_queue`
    await expectRefused({ [name]: int(1) }, text)
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

describe('an argument that is right but not honoured yet', () => {
  it.each([
    ['x-expires', int(1000)],
    ['x-message-ttl', int(0)],
    ['x-dead-letter-exchange', ''],
    ['x-max-length', int(0)],
    ['x-max-length-bytes', int(1)],
    ['x-max-priority', int(255)],
    ['x-overflow', 'drop-head'],
    ['x-single-active-consumer', true],
  ])('is refused by name: %s', async (name, value) => {
    const text = `argument '${name}' for queue 'q' in vhost '/' is not supported by this version of Leveret`
    await expectRefused({ [name]: value }, text)
  })

  it.each(['quorum'])('is the queue type %s', async (type) => {
    const text = `argument 'x-queue-type=${type}' for queue 'q' in vhost '/' is not supported by this version of Leveret`
    await expectRefused({ 'x-queue-type': type }, text)
  })

  it('is x-priority of a consumer, unless it is 0', async () => {
    const channel = await fixture.channel()
    await channel.call('QueueDeclare', { queue: 'q' })
    await channel.consume('q', { arguments: { 'x-priority': int(0) } })
    const text =
      "PRECONDITION_FAILED - argument 'x-priority' for queue 'q' in vhost '/' is not supported by this version of Leveret"
    await channel.refuses('BasicConsume', { queue: 'q', arguments: { 'x-priority': int(1) } }, 406, text)
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
