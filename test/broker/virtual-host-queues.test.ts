import { describe, expect, it } from 'vitest'
import type { DeclareQueue } from '../../src/broker/virtual-host.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { longString } from '../../src/protocol/field-values.js'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import {
  bind,
  declareExchange,
  declareQueue,
  expectError,
  otherOwner,
  owner,
  recoverBroker,
} from '../support/broker-fixture.js'
import { messageOf } from '../support/broker-messages.js'
import { anyAccess, RecordingAccess, Refused } from '../support/broker-recording-access.js'
import { RecordingSink } from '../support/broker-sink.js'

const { ACCESS_REFUSED, INTERNAL_ERROR, NOT_FOUND, PRECONDITION_FAILED, RESOURCE_LOCKED } = ReplyCode

async function started() {
  return (await recoverBroker()).vhost
}

const locked = (name: string) =>
  `cannot obtain exclusive access to locked queue '${name}' in vhost '/'. It could be originally declared on another ` +
  'connection or the exclusive property value does not match that of the original declaration.'

function declaration(name: string, options: Partial<DeclareQueue> = {}): DeclareQueue {
  return { isDurable: true, exclusiveOwner: undefined, isAutoDelete: false, arguments: [], ...options, name }
}

const deadLettered = [{ name: 'x-dead-letter-exchange', value: longString('dlx') }]

describe('queue.declare', () => {
  it('names a queue that was given no name', async () => {
    const vhost = await started()
    const names = ['', '', '\r\n'].map((name) => declareQueue(vhost, name).name)
    for (const name of names) expect(name).toMatch(/^amq\.gen-[A-Za-z0-9_-]{22}$/)
    expect(new Set(names).size).toBe(3)
  })

  it('refuses every reserved name, that of an existing queue as well, before asking for rights', async () => {
    const vhost = await started()
    const { name } = declareQueue(vhost, '')
    const access = new RecordingAccess()
    for (const reserved of [name, 'amq.mine', 'am\nq.mine']) {
      const text = `queue name '${reserved.replace('\n', '')}' contains reserved prefix 'amq.*'`
      expectError(() => vhost.declareQueue(declaration(reserved), owner, access), ACCESS_REFUSED, text)
    }
    expect(access.asked).toEqual([])
    expect(vhost.checkQueue(name, owner, anyAccess).name).toBe(name)
  })

  it('leaves carriage returns and line feeds out of the name, and no other octet', async () => {
    const vhost = await started()
    expect(declareQueue(vhost, 'a\nb\r').name).toBe('ab')
    expect(declareQueue(vhost, 'a\x00 \t\xff').name).toBe('a\x00 \t\xff')
    expect(vhost.checkQueue('a\r\nb', owner, anyAccess).name).toBe('ab')
    vhost.deleteQueue('\nab', { ifUnused: false, ifEmpty: false }, owner, anyAccess)
    expect(vhost.findQueue('ab')).toBeUndefined()
    // Purging takes the name as it is.
    declareQueue(vhost, 'ab')
    expectError(() => vhost.purgeQueue('a\nb', owner, anyAccess), NOT_FOUND, "no queue 'a\nb' in vhost '/'")
  })

  it('tells names apart by case', async () => {
    const vhost = await started()
    expect(declareQueue(vhost, 'q')).not.toBe(declareQueue(vhost, 'Q'))
  })

  it('answers with the queue that exists', async () => {
    const vhost = await started()
    expect(declareQueue(vhost, 'q')).toBe(declareQueue(vhost, 'q'))
  })

  it('asks for configure, and for a new one with a dead letter exchange for read and write', async () => {
    const vhost = await started()
    const access = new RecordingAccess()
    const declared = declaration('q', { arguments: deadLettered })
    vhost.declareQueue(declaration('other', { arguments: deadLettered }), owner, new RecordingAccess())
    for (const right of ["configure queue 'q'", "read queue 'q'", "write exchange 'dlx'"]) {
      expect(() => vhost.declareQueue(declared, owner, new RecordingAccess(right))).toThrow(Refused)
    }
    expect(vhost.findQueue('q')).toBeUndefined()
    vhost.declareQueue(declared, owner, access)
    expect(access.asked).toEqual(["configure queue 'q'", "read queue 'q'", "write exchange 'dlx'"])
  })

  it('asks for configure on the generated name', async () => {
    const vhost = await started()
    const access = new RecordingAccess()
    const { name } = vhost.declareQueue(declaration(''), owner, access)
    expect(access.asked).toEqual([`configure queue '${name}'`])
  })

  it('needs any one right when passive, and the queue, and compares nothing', async () => {
    const vhost = await started()
    const queue = declareQueue(vhost, 'q')
    const access = new RecordingAccess()
    expect(vhost.checkQueue('q', owner, access)).toBe(queue)
    expect(access.asked).toEqual(["any queue 'q'"])
    expect(() => vhost.checkQueue('q', owner, new RecordingAccess("any queue 'q'"))).toThrow(Refused)
    expectError(() => vhost.checkQueue('none', owner, anyAccess), NOT_FOUND, "no queue 'none' in vhost '/'")
    expectError(() => vhost.checkQueue('', owner, anyAccess), NOT_FOUND, "no queue '' in vhost '/'")
  })

  it('denies transient queues that are not exclusive where the profile does', async () => {
    const profile = { ...COMPAT_PROFILES['4.3'], permitsTransientNonexclusiveQueues: false }
    const { vhost } = await recoverBroker(undefined, profile)
    const text =
      'Feature `transient_nonexcl_queues` is deprecated.\n' +
      'By default, this feature is not permitted anymore.\n' +
      'The feature will be removed from a future major RabbitMQ version, regardless of the configuration.\n' +
      'To continue using this feature for now, the operator must permit it.'
    expectError(() => declareQueue(vhost, 'q', { isDurable: false }), INTERNAL_ERROR, text)
    expect(vhost.findQueue('q')).toBeUndefined()
    declareQueue(vhost, 'q', { isDurable: false, exclusiveOwner: owner })
    // Bad arguments are told first.
    const args = [{ name: 'x-expires', value: longString('1') }]
    const invalid = `invalid arg 'x-expires' for queue 'r' in vhost '/': "expected integer, got longstr"`
    expectError(() => declareQueue(vhost, 'r', { isDurable: false, arguments: args }), PRECONDITION_FAILED, invalid)
  })
})

describe('an exclusive queue', () => {
  it('is refused to every other connection, whatever it does', async () => {
    const vhost = await started()
    declareQueue(vhost, 'q', { exclusiveOwner: owner })
    declareExchange(vhost, 'x')
    const toQ = { source: 'x', destinationKind: 'queue', destination: 'q', key: '', arguments: [] } as const
    vhost.bindings.bind(toQ, owner, anyAccess)
    const refused: (() => unknown)[] = [
      () => vhost.declareQueue(declaration('q', { exclusiveOwner: otherOwner }), otherOwner, anyAccess),
      () => vhost.declareQueue(declaration('q'), otherOwner, anyAccess),
      () => vhost.checkQueue('q', otherOwner, anyAccess),
      () => vhost.purgeQueue('q', otherOwner, anyAccess),
      () => vhost.deleteQueue('q', { ifUnused: false, ifEmpty: false }, otherOwner, anyAccess),
      () => vhost.bindings.bind({ ...toQ, key: 'new' }, otherOwner, anyAccess),
      () => vhost.bindings.unbind(toQ, otherOwner, anyAccess),
    ]
    for (const act of refused) expectError(act, RESOURCE_LOCKED, locked('q'))
    // Nothing is there to unbind.
    vhost.bindings.unbind({ ...toQ, key: 'none' }, otherOwner, anyAccess)
  })

  it('is never durable, and is re-declared after the same rule', async () => {
    const vhost = await started()
    const queue = declareQueue(vhost, 'q', { exclusiveOwner: owner, isDurable: true })
    expect(queue.isDurable).toBe(false)
    expect(declareQueue(vhost, 'q', { exclusiveOwner: owner, isDurable: false })).toBe(queue)
  })

  it('is locked, not inequivalent, when the flag differs, before any other difference', async () => {
    const vhost = await started()
    declareQueue(vhost, 'q', { exclusiveOwner: owner })
    declareQueue(vhost, 'r')
    const declareQ = () => declareQueue(vhost, 'q', { isDurable: false, isAutoDelete: true })
    expectError(declareQ, RESOURCE_LOCKED, locked('q'))
    const declareR = () => declareQueue(vhost, 'r', { exclusiveOwner: owner, isAutoDelete: true })
    expectError(declareR, RESOURCE_LOCKED, locked('r'))
  })

  it('goes with its connection, and with it the bindings and auto-delete exchanges', async () => {
    const vhost = await started()
    for (const name of ['one', 'two']) declareQueue(vhost, name, { exclusiveOwner: owner })
    vhost.declareQueue(declaration('theirs', { exclusiveOwner: otherOwner }), otherOwner, anyAccess)
    declareExchange(vhost, 'x', { isAutoDelete: true })
    bind(vhost, 'x', 'one')
    vhost.removeQueuesOf(owner)
    expect([...vhost.queues].map(({ name }) => name)).toEqual(['theirs'])
    expect(vhost.findExchange('x')).toBeUndefined()
    vhost.removeQueuesOf(owner)
  })

  it('is not deleted a second time with its connection once somebody else has its name', async () => {
    const vhost = await started()
    const first = declareQueue(vhost, 'q', { exclusiveOwner: owner })
    vhost.removeQueue(first)
    const second = declareQueue(vhost, 'q')
    vhost.removeQueuesOf(owner)
    expect(vhost.findQueue('q')).toBe(second)
  })
})

describe('an auto-delete queue', () => {
  it('goes with its last consumer, and never without one', async () => {
    const vhost = await started()
    const queue = declareQueue(vhost, 'q', { isAutoDelete: true })
    const sink = new RecordingSink()
    const consumers = ['a', 'b'].map((tag) => sink.consume(queue, tag))
    for (const consumer of consumers) {
      expect(vhost.findQueue('q')).toBe(queue)
      vhost.removeConsumer(consumer)
    }
    expect(vhost.findQueue('q')).toBeUndefined()
    expect(sink.cancelled).toEqual([])
  })

  it('leaves alone a namesake that came after it', async () => {
    const vhost = await started()
    const queue = declareQueue(vhost, 'q', { isAutoDelete: true })
    const consumer = new RecordingSink().consume(queue, 'a')
    vhost.removeQueue(queue)
    const namesake = declareQueue(vhost, 'q', { isAutoDelete: true })
    vhost.removeConsumer(consumer)
    expect(vhost.findQueue('q')).toBe(namesake)
  })
})

describe('queue.purge', () => {
  it('asks for read and needs the queue', async () => {
    const vhost = await started()
    const access = new RecordingAccess()
    expectError(() => vhost.purgeQueue('q', owner, access), NOT_FOUND, "no queue 'q' in vhost '/'")
    expect(access.asked).toEqual(["read queue 'q'"])
    expect(() => vhost.purgeQueue('q', owner, new RecordingAccess("read queue 'q'"))).toThrow(Refused)
  })

  it('returns the number of ready messages, which it drops', async () => {
    const vhost = await started()
    const queue = declareQueue(vhost, 'q')
    new RecordingSink().consume(queue, 'a', { prefetch: 1 })
    for (let i = 0; i < 3; i++) queue.enqueue(messageOf())
    expect(vhost.purgeQueue('q', owner, anyAccess)).toBe(2)
    expect([queue.messagesReady, queue.messagesUnacknowledged]).toEqual([0, 1])
  })
})

describe('queue.delete', () => {
  const always = { ifUnused: false, ifEmpty: false }

  it('asks for configure and takes a missing queue for an empty one', async () => {
    const vhost = await started()
    const access = new RecordingAccess()
    expect(vhost.deleteQueue('none', { ifUnused: true, ifEmpty: true }, owner, access)).toBe(0)
    expect(access.asked).toEqual(["configure queue 'none'"])
    expect(() => vhost.deleteQueue('none', always, owner, new RecordingAccess("configure queue 'none'"))).toThrow(
      Refused,
    )
  })

  it('with if-empty and if-unused counts ready messages, then consumers', async () => {
    const vhost = await started()
    const queue = declareQueue(vhost, 'q')
    const sink = new RecordingSink()
    sink.consume(queue, 'a', { prefetch: 1 })
    queue.enqueue(messageOf())
    queue.enqueue(messageOf())
    const both = { ifUnused: true, ifEmpty: true }
    const remove = () => vhost.deleteQueue('q', both, owner, anyAccess)
    expectError(remove, PRECONDITION_FAILED, "queue 'q' in vhost '/' not empty")
    queue.purge()
    expectError(remove, PRECONDITION_FAILED, "queue 'q' in vhost '/' in use")
    queue.removeConsumer([...queue.consumers][0] ?? expect.fail('the consumer is gone'))
    // One message is still unacked.
    expect(queue.messagesUnacknowledged).toBe(1)
    expect(remove()).toBe(0)
    expect(vhost.findQueue('q')).toBeUndefined()
  })

  it('returns the number of ready messages, cancels the consumers and removes the bindings', async () => {
    const vhost = await started()
    const queue = declareQueue(vhost, 'q')
    declareExchange(vhost, 'x')
    bind(vhost, 'x', 'q')
    const sink = new RecordingSink()
    sink.consume(queue, 'a', { prefetch: 1 })
    for (let i = 0; i < 3; i++) queue.enqueue(messageOf())
    expect(vhost.deleteQueue('q', always, owner, anyAccess)).toBe(2)
    expect(sink.cancelled).toEqual(['a'])
    expect(vhost.exchange('x').hasBindings).toBe(false)
    expect(queue.isDeleted).toBe(true)
  })
})
