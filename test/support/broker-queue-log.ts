import { silentLog } from '../../src/base/log.js'
import type { PagePool } from '../../src/broker/page.js'
import { QueueLog } from '../../src/broker/queue-log.js'
import { readLabel, unsettledPart } from '../../src/broker/queue-record.js'
import { SharedBodies } from '../../src/broker/shared-bodies.js'
import { Message } from '../../src/protocol/message.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { MessageStore } from '../../src/store/message-store.js'
import { bodyOf } from './broker-messages.js'
import { WatchedPool } from './broker-watched-pool.js'

/** The queue that the logs of tests belong to in their store. */
export const QUEUE_ID = 1

export interface TestedLog {
  readonly log: QueueLog
  readonly bodies: SharedBodies
  /** What was said to be damaged, and how many messages that has cost. */
  readonly damage: unknown[]
  readonly lost: number[]
  /** Resolves when the log has read something from the store. */
  loaded(): Promise<void>
}

/** What a log is made of where a test says so. */
interface LogParts {
  readonly pool?: PagePool
  readonly bodies?: SharedBodies
  readonly queueId?: number
  readonly onDirty?: () => void
}

/** The shared bodies of all queues in `store`. */
export function bodiesOf(store: MessageStore): SharedBodies {
  return new SharedBodies(store, { touch: () => undefined, touchDefinitions: () => undefined }, silentLog)
}

/** A log of a durable queue that reads from `store`. */
export function testedLog(
  store: MessageStore = new MemoryStore(),
  { pool = new WatchedPool(), bodies = bodiesOf(store), queueId = QUEUE_ID, onDirty = () => undefined }: LogParts = {},
): TestedLog {
  const waiting: (() => void)[] = []
  const damage: unknown[] = []
  const lost: number[] = []
  const log = new QueueLog(pool, {
    isDurable: true,
    onDirty,
    bodies,
    readRecords: (fromSeq, toSeq) => store.readRecords(queueId, fromSeq, toSeq, 100_000),
    onLoaded: () => {
      for (const resolve of waiting.splice(0)) resolve()
    },
    onDamage: (error) => damage.push(error),
    onLost: (count) => lost.push(count),
  })
  return { log, bodies, damage, lost, loaded: () => new Promise((resolve) => waiting.push(resolve)) }
}

/** Restores a log as a broker does. */
export async function restoreLog(
  log: QueueLog,
  store: MessageStore,
  afterCleanStop: boolean,
  ofQueue = QUEUE_ID,
): Promise<void> {
  for await (const { queueId, firstSeq, label, settled } of store.loadIndex()) {
    if (queueId !== ofQueue) continue
    const whole = readLabel(label)
    const [record] =
      settled || whole.sharedBodies > 0 ? await store.readRecords(queueId, firstSeq, firstSeq + 1, 1) : []
    const left = record ? unsettledPart(record) : { ...whole, sharedIds: [] }
    log.restore(firstSeq, left, afterCleanStop ? 0 : Number.MAX_SAFE_INTEGER, left.sharedIds)
  }
}

/** Takes every message, and gives their bodies. They stay unacked. */
export async function takeAll({ log, loaded }: TestedLog): Promise<string[]> {
  const view = new Message()
  const bodies: string[] = []
  while (log.readyCount > 0) {
    if (log.takeNext(view) >= 0) bodies.push(bodyOf(view))
    else await loaded()
  }
  return bodies
}
