import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SharedBodies } from '../../src/broker/shared-bodies.js'
import { Message } from '../../src/protocol/message.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { bodyOf, messageOf } from '../support/broker-messages.js'
import { bodiesOf, QUEUE_ID, restoreLog, type TestedLog, testedLog } from '../support/broker-queue-log.js'

/** A store whose reads of bodies end when the test says so. */
class SlowStore extends MemoryStore {
  readonly waiting: { readonly id: number; readonly goOn: () => void }[] = []
  isSlow = false

  override async readBlob(id: number): Promise<Uint8Array | undefined> {
    if (this.isSlow) await new Promise<void>((goOn) => this.waiting.push({ id, goOn }))
    return super.readBlob(id)
  }

  /** Lets the read go on that a fraction picks. @returns whether there was one. */
  goOn(pick = 0): boolean {
    const [read] = this.waiting.splice(Math.floor(pick * this.waiting.length), 1)
    read?.goOn()
    return read !== undefined
  }
}

/** Queues that all got the same large messages, as the next process finds them: nothing is in memory. */
async function restoredFanout(messages: readonly string[], queues: number) {
  const store = new SlowStore()
  const first = bodiesOf(store)
  const shared = messages.map((body) => first.add(Buffer.from(body)))
  for (let n = 0; n < queues; n++) {
    const { log } = testedLog(store, { bodies: first })
    for (const [index, body] of messages.entries()) log.append(messageOf({ body, isPersistent: true }), shared[index])
    log.collect(store, QUEUE_ID + n)
  }
  await store.commit()
  const bodies = bodiesOf(store)
  const logs: TestedLog[] = []
  for (let n = 0; n < queues; n++) {
    const tested = testedLog(store, { bodies, queueId: QUEUE_ID + n })
    await restoreLog(tested.log, store, false, QUEUE_ID + n)
    logs.push(tested)
  }
  store.isSlow = true
  return { store, bodies, logs }
}

/** What a queue hands out by itself, each message settled at once. */
class Taker {
  readonly taken: string[] = []
  readonly #tested: TestedLog
  readonly #view = new Message()
  #isAsked = false

  constructor(tested: TestedLog) {
    this.#tested = tested
  }

  /** Takes one message, or asks for it to be read. */
  takeOne(): void {
    const { log } = this.#tested
    const seq = log.takeNext(this.#view)
    if (seq >= 0) {
      this.taken.push(bodyOf(this.#view))
      log.settle(seq)
    } else if (log.readyCount > 0 && !this.#isAsked) {
      this.#isAsked = true
      this.#tested.loaded().then(() => {
        this.#isAsked = false
      })
    }
  }
}

/** Lets promises that are due come to their end. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

function inMemory(bodies: SharedBodies, count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1).filter((id) => bodies.has(id))
}

describe('bodies that several queues share', () => {
  it('stay in memory for a queue that is reading them while another settles its last one', async () => {
    const { store, bodies, logs } = await restoredFanout(['a', 'b'], 2)
    const [one, other] = logs.map((tested) => new Taker(tested))
    one?.takeOne()
    await turn()
    // Read for the first queue, which goes on with the second body.
    store.goOn()
    await turn()
    store.isSlow = false
    other?.takeOne()
    await turn()
    other?.takeOne()
    other?.takeOne()
    expect(other?.taken).toEqual(['a', 'b'])
    store.goOn()
    await turn()
    one?.takeOne()
    one?.takeOne()
    expect(one?.taken).toEqual(['a', 'b'])
    expect(logs.map(({ lost, damage }) => [lost, damage])).toEqual(logs.map(() => [[], []]))
    expect([bodies.size, inMemory(bodies, 2)]).toEqual([0, []])
  })

  it('do not stay in memory for a queue that was purged while it read them', async () => {
    const { store, bodies, logs } = await restoredFanout(['a', 'b'], 2)
    const [one] = logs
    one?.log.takeNext(new Message())
    await turn()
    store.goOn()
    await turn()
    expect(one?.log.purge()).toBe(2)
    expect(inMemory(bodies, 2)).toEqual([1])
    store.goOn()
    await turn()
    expect([bodies.size, inMemory(bodies, 2)]).toEqual([2, []])
  })

  it('reach every queue whole, in whatever order they are read and settled', async () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const step = fc.oneof(
      fc.record({ take: fc.nat(2) }),
      fc.record({ read: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const { store, bodies, logs } = await restoredFanout(names, 3)
        const takers = logs.map((tested) => new Taker(tested))
        for (const each of steps) {
          if ('take' in each) takers[each.take]?.takeOne()
          else store.goOn(each.read)
          await Promise.resolve()
        }
        while (logs.some(({ log }) => log.readyCount > 0)) {
          for (const taker of takers) taker.takeOne()
          store.goOn()
          await turn()
        }
        expect(takers.map(({ taken }) => taken)).toEqual(takers.map(() => names))
        expect([bodies.size, inMemory(bodies, names.length)]).toEqual([0, []])
      }),
    )
  })
})
