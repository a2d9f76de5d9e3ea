/** A process that opens the store of a directory and does one thing with it, told on its command line. */

import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import { OfflineDirectory } from '../../src/store/lmdb/offline-directory.js'
import {
  isKeptLong,
  PLACED_OLD,
  PLACED_QUEUES,
  PLACED_YOUNG,
  PLACING_FILES,
  PLACING_JOURNAL,
  placedBytes,
} from './placed-records.js'

/** How many records each batch of `stamp` puts. */
export const STAMPED = 40

/** How many records `count` keeps. */
export const COUNTED = 50

const [, , task, directory = ''] = process.argv

/** Says a line to whoever started this process, which may be the last thing that it does. */
function say(line: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${line}\n`, () => resolve()))
}

/** Writes batch after batch, each with the same stamp in many places, and says which were stored. Never ends. */
async function stamp(): Promise<void> {
  const store = await openLmdbStore({ directory })
  for (let batch = 1; ; batch++) {
    const bytes = Buffer.alloc(100 + ((batch * 7919) % 6000), String(batch % 10))
    bytes.writeUInt32BE(batch)
    for (let queueId = 1; queueId <= STAMPED; queueId++) {
      store.putRecord(queueId, 0, bytes)
      store.putSettled(queueId, 0, bytes.subarray(0, 4))
      store.putRecord(queueId, batch, bytes)
      store.removeRecords(queueId, 1, batch)
    }
    store.putDefinition(1, bytes.subarray(0, 4))
    const stored = store.commit()
    // Sometimes two are under way at once.
    if (batch % 3 !== 0) await stored
    void stored.then(() => say(`stored ${batch}`))
  }
}

/**
 * Writes batch after batch of large records, some of which stay for long among many that do not, and says which were stored:
 * record files come and go, and what is left in them is moved. Never ends.
 */
async function place(): Promise<void> {
  const store = await openLmdbStore({ directory, journalLimits: PLACING_JOURNAL, recordFileLimits: PLACING_FILES })
  for (let batch = 1; ; batch++) {
    for (let queueId = 1; queueId <= PLACED_QUEUES; queueId++) {
      store.putRecord(queueId, batch, placedBytes(queueId, batch))
      const [young, old] = [batch - PLACED_YOUNG, batch - PLACED_OLD]
      if (!isKeptLong(young)) store.removeRecords(queueId, Math.max(young, 0), young + 1)
      if (isKeptLong(old)) store.removeRecords(queueId, Math.max(old, 0), old + 1)
    }
    store.putDefinition(1, Buffer.from(String(batch)))
    await store.commit()
    await say(`stored ${batch}`)
  }
}

/** Writes until the file must not grow any more, and says what it hears. */
async function fill(): Promise<void> {
  // Otherwise the signal for a file that is too large ends the process, and the write never gets its error.
  process.on('SIGXFSZ', () => undefined)
  const store = await openLmdbStore({ directory })
  for (let batch = 1; ; batch++) {
    store.putRecord(1, batch, Buffer.alloc(60_000, batch))
    const outcomes = [store.commit()]
    store.putRecord(1, batch + 1_000_000, Buffer.alloc(10))
    outcomes.push(store.commit())
    const failures = (await Promise.allSettled(outcomes)).flatMap((outcome) =>
      outcome.status === 'rejected' ? [String(outcome.reason)] : [],
    )
    if (failures.length === 0) {
      await say(`stored ${batch}`)
      continue
    }
    for (const failure of failures) await say(`failed ${failure}`)
    store.putRecord(2, 0, Buffer.alloc(10))
    await store.commit().catch((error: unknown) => say(`failed ${error}`))
    await store.close()
    await say('closed')
    return
  }
}

/** Makes one small commit after another, each with its number, and says what it hears, up to the first failures. */
async function count(): Promise<void> {
  process.on('SIGXFSZ', () => undefined)
  const store = await openLmdbStore({ directory })
  let failures = 0
  for (let number = 1; failures < 3; number++) {
    store.putRecord(1, number, Buffer.from(`number ${number}`))
    store.removeRecords(1, 0, number - COUNTED)
    store.putDefinition(1, Buffer.from(`${number}`))
    try {
      await store.commit()
      await say(`stored ${number}`)
    } catch (error) {
      failures++
      await say(`failed ${error}`)
    }
  }
  await store.close()
  await say('closed')
}

/** What `churn` puts in a record. */
const CHURNED_OCTETS = 9000

/** How many records `churn` keeps, and how many of them each batch puts. */
const CHURNED = 60
const CHURNED_AT_ONCE = 6

/**
 * Writes batch after batch of records that are placed in tiny files, removes most of the older ones, and says which batches
 * were stored. Never ends.
 */
async function churn(): Promise<void> {
  const recordFileLimits = { fileOctets: 65_536, wasteOctets: 65_536 }
  const store = await openLmdbStore({ directory, recordFileLimits })
  let last = 0
  for await (const { bytes } of store.loadDefinitions()) last = Buffer.from(bytes).readUInt32BE()
  for (let batch = last + 1; ; batch++) {
    for (let each = 0; each < CHURNED_AT_ONCE; each++) {
      const seq = batch * CHURNED_AT_ONCE + each
      store.putRecord(1, seq, Buffer.alloc(CHURNED_OCTETS + each, `record ${seq} `))
      // Every tenth is kept for long, so that files are mostly waste.
      if (seq % 10 !== 0) store.removeRecords(1, Math.max(0, seq - CHURNED), seq - CHURNED + 1)
      store.removeRecords(1, Math.max(0, seq - 10 * CHURNED), seq - 10 * CHURNED + 1)
    }
    const stamp = Buffer.alloc(4)
    stamp.writeUInt32BE(batch)
    store.putDefinition(1, stamp)
    const stored = store.commit()
    if (batch % 3 !== 0) await stored
    void stored.then(() => say(`stored ${batch}`))
  }
}

/** Owns the directory until it is told to stop, or is killed. */
async function hold(): Promise<void> {
  const store = await openLmdbStore({ directory })
  await say('open')
  process.stdin.once('data', () => void store.close().then(() => process.exit()))
}

/** Tries to own the directory, and says how that went. */
async function attempt(): Promise<void> {
  try {
    const store = await openLmdbStore({ directory })
    await say('open')
    // The others are to find an owner, not the place that one has left.
    process.stdin.once('data', () => void store.close().then(() => process.exit()))
  } catch (error) {
    await say(`refused ${error instanceof Error ? error.message : error}`)
  }
}

/** Compacts the directory over and over. Never ends. */
async function compact(): Promise<void> {
  for (;;) {
    const offline = await OfflineDirectory.open(directory)
    await say('compacting')
    await offline.compact()
    await offline.close()
  }
}

/** Says what it is about to do, and opens the store, which may have to be migrated. */
async function migrate(): Promise<void> {
  await say('migrating')
  const store = await openLmdbStore({ directory })
  await store.close()
  await say('done')
}

const tasks: Record<string, () => Promise<void>> = { stamp, place, churn, fill, count, hold, attempt, compact, migrate }
await tasks[task ?? '']?.()
