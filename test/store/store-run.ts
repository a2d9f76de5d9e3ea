/**
 * A store whose batches are placed and whose record files are tiny, and what it has to hold: a state for each commit, as
 * each is stored whole or not at all, and in order.
 */

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, vi } from 'vitest'
import { DATA_FILE } from '../../src/store/lmdb/lmdb-file.js'
import { type LmdbStoreOptions, openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import type { MessageStore, StoredRecord } from '../../src/store/message-store.js'
import { copyCrashed } from './crashed-directory.js'
import { makeJournaledDirectory } from './journaled-directory.js'

const OPTIONS = {
  // Little enough for purges to go on after their commit.
  removedAtOnce: 8,
  journalLimits: { fileOctets: 65_536, batchOctets: 8192, waitedFlushMs: Number.POSITIVE_INFINITY },
  recordFileLimits: { fileOctets: 65_536, wasteOctets: 65_536 },
} satisfies Partial<LmdbStoreOptions>

/** Of a record. */
const OCTETS_MAX = 20_000
/** Of a batch: a file gets one when it is nearly as long as it may be. */
const BATCH_MAX = 16 * OCTETS_MAX

export type StoreStep =
  | { do: 'put'; queueId: number; sizes: number[]; hasLabel: boolean; lent: boolean }
  | { do: 'replace' | 'settle'; queueId: number; pick: number; size: number }
  | { do: 'remove'; queueId: number; pick: number; share: number }
  | { do: 'remove queue'; queueId: number }
  | { do: 'commit' | 'commit at once' | 'await' | 'read' | 'restart' }
  | { do: 'crash'; turns: number; goesOn: boolean }
  | { do: 'turns'; turns: number }

const queueId = fc.integer({ min: 1, max: 3 })
/** Which of those that there are. */
const pick = fc.double({ min: 0, max: 0.999, noNaN: true })
const turns = fc.integer({ min: 0, max: 12 })
const size = fc.oneof(
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 100 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4090, max: 4100 }) },
  { weight: 3, arbitrary: fc.integer({ min: 4096, max: OCTETS_MAX }) },
)

export const step: fc.Arbitrary<StoreStep> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      queueId,
      sizes: fc.array(size, { minLength: 1, maxLength: 5 }),
      hasLabel: fc.boolean(),
      lent: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace' as const), queueId, pick, size }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), queueId, pick, size: fc.constant(5) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      queueId,
      pick: fc.oneof(fc.constant(0), pick),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove queue' as const), queueId }) },
  { weight: 7, arbitrary: fc.constant<StoreStep>({ do: 'commit' }) },
  { weight: 2, arbitrary: fc.constant<StoreStep>({ do: 'commit at once' }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turns' as const), turns }) },
  { weight: 2, arbitrary: fc.constant<StoreStep>({ do: 'await' }) },
  { weight: 3, arbitrary: fc.constant<StoreStep>({ do: 'read' }) },
  { weight: 1, arbitrary: fc.constant<StoreStep>({ do: 'restart' }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), turns, goesOn: fc.boolean() }) },
)

interface ModelRecord {
  readonly bytes: Buffer
  readonly label: string
  readonly settled?: string
}

/** By queue, by first sequence number. */
type State = ReadonlyMap<number, ReadonlyMap<number, ModelRecord>>

export class StoreRun {
  readonly #parent: string
  #directory: string
  #store: MessageStore
  /** After each commit that may be stored, from the last one of which it is known. */
  #states: State[] = [new Map()]
  /** With what the next commit closes. */
  #next = new Map<number, Map<number, ModelRecord>>()
  readonly #nextSeqs = new Map<number, number>()
  #commits: Promise<void>[] = []
  readonly #reads: Promise<void>[] = []
  /** How many states have been passed: what a commit or a read remembers, when older ones are dropped. */
  #passed = 0
  #versions = 0
  #directories = 0
  readonly #lent = new Set<Uint8Array>()

  private constructor(parent: string, directory: string, store: MessageStore) {
    this.#parent = parent
    this.#directory = directory
    this.#store = store
  }

  static async begin(): Promise<StoreRun> {
    const parent = await mkdtemp(join(tmpdir(), 'leveret-run-'))
    const directory = join(parent, 'data')
    await makeJournaledDirectory(directory, OPTIONS.journalLimits)
    return new StoreRun(parent, directory, await openLmdbStore({ directory, ...OPTIONS }))
  }

  async run(steps: readonly StoreStep[]): Promise<void> {
    for (const each of steps) await this.#do(each)
    await this.#awaitAll()
    await this.#restart()
  }

  async end(): Promise<void> {
    await Promise.allSettled([...this.#commits, ...this.#reads])
    await this.#store.close()
    await rm(this.#parent, { recursive: true, force: true })
  }

  async #do(step: StoreStep): Promise<void> {
    switch (step.do) {
      case 'put':
        for (const size of step.sizes)
          this.#put(step.queueId, this.#newSeq(step.queueId), size, step.hasLabel, step.lent)
        return
      case 'replace':
        return this.#ofPicked(step, (seq) => this.#put(step.queueId, seq, step.size, true, false))
      case 'settle':
        return this.#ofPicked(step, (seq, record) => {
          const settled = `settled ${this.#versions++}`
          this.#store.putSettled(step.queueId, seq, Buffer.from(settled))
          this.#queue(step.queueId).set(seq, { ...record, settled })
        })
      case 'remove':
        return this.#remove(step.queueId, step.pick, step.share)
      case 'remove queue':
        this.#store.removeQueue(step.queueId)
        this.#next.delete(step.queueId)
        return
      case 'commit':
        return this.#commit()
      case 'commit at once':
        if (!this.#store.commitAtOnce()) return this.#commit()
        this.#passed += this.#states.length
        this.#states = [this.#closed()]
        return
      case 'await':
        return this.#awaitAll()
      case 'turns':
        return someTurns(step.turns)
      case 'read':
        for (const id of [1, 2, 3]) this.#reads.push(this.#read(id))
        return
      case 'restart':
        await this.#awaitAll()
        return this.#restart()
      case 'crash':
        await someTurns(step.turns)
        return this.#crash(step.goesOn)
    }
  }

  #queue(queueId: number): Map<number, ModelRecord> {
    const queue = this.#next.get(queueId) ?? new Map<number, ModelRecord>()
    this.#next.set(queueId, queue)
    return queue
  }

  #newSeq(queueId: number): number {
    const seq = this.#nextSeqs.get(queueId) ?? 0
    this.#nextSeqs.set(queueId, seq + 1 + (this.#versions % 3))
    return seq
  }

  #put(queueId: number, seq: number, size: number, hasLabel: boolean, lent: boolean): void {
    const version = this.#versions++
    const bytes = Buffer.alloc(size, `version ${version} `)
    const label = hasLabel ? `label ${version}` : ''
    // The store's own, which may be used for something else as soon as it gives that back.
    const given = Buffer.from(bytes)
    const memory = lent
      ? { take: (octets: number) => new Uint8Array(octets), giveBack: (b: Uint8Array) => this.#takeBack(b) }
      : undefined
    if (lent) this.#lent.add(given)
    // Whatever was settled of an earlier record of that number is gone, as a queue log has it.
    this.#store.removeRecords(queueId, seq, seq + 1)
    this.#store.putRecord(queueId, seq, given, hasLabel ? Buffer.from(label) : undefined, memory)
    this.#queue(queueId).set(seq, { bytes, label })
  }

  #takeBack(bytes: Uint8Array): void {
    if (!this.#lent.delete(bytes)) expect.fail('memory was given back that was not lent, or twice')
    bytes.fill(0xee)
  }

  #ofPicked(
    { queueId, pick }: { queueId: number; pick: number },
    work: (seq: number, record: ModelRecord) => void,
  ): void {
    const records = [...(this.#next.get(queueId) ?? [])]
    const [seq, record] = records[Math.floor(pick * records.length)] ?? []
    if (seq !== undefined && record !== undefined) work(seq, record)
  }

  #remove(queueId: number, pick: number, share: number): void {
    this.#ofPicked({ queueId, pick }, (from) => {
      const to = from + Math.ceil(share * ((this.#nextSeqs.get(queueId) ?? 0) - from))
      this.#store.removeRecords(queueId, from, to)
      const queue = this.#queue(queueId)
      for (const seq of queue.keys()) if (seq >= from && seq < to) queue.delete(seq)
    })
  }

  /** The state that a commit makes. */
  #closed(): State {
    return new Map([...this.#next].map(([id, records]) => [id, new Map(records)]))
  }

  #commit(): void {
    this.#states.push(this.#closed())
    const number = this.#passed + this.#states.length - 1
    this.#commits.push(
      this.#store.commit().then(() => {
        // The last ones of several may be heard of after what was stored at once behind them.
        if (number <= this.#passed) return
        this.#states.splice(0, number - this.#passed)
        this.#passed = number
      }),
    )
  }

  /** What has been committed, when nothing is under way. */
  get #state(): State {
    expect(this.#states).toHaveLength(1)
    return this.#states[0] ?? new Map()
  }

  async #awaitAll(): Promise<void> {
    this.#commit()
    await Promise.all(this.#commits.splice(0))
    await Promise.all(this.#reads.splice(0))
    expect(await linesIn(this.#store)).toEqual(linesOf(this.#state))
    await this.#expectIndex(this.#store, this.#state)
    this.#expectGivenBack()
  }

  async #expectIndex(store: MessageStore, state: State): Promise<void> {
    const lines: string[] = []
    for await (const { queueId, firstSeq, label, settled } of store.loadIndex()) {
      lines.push(`${queueId}/${firstSeq} ${Buffer.from(label)} ${textOf(settled)}`)
    }
    const expected = sorted(state).map(([id, seq, { label, settled }]) => `${id}/${seq} ${label} ${settled}`)
    expect(lines).toEqual(expected)
  }

  /** Memory that has not come back was of records that were replaced or removed before their commit. */
  #expectGivenBack(): void {
    const stored = new Set(sorted(this.#state).map(([, , { bytes }]) => bytes.toString('latin1', 0, 20)))
    for (const bytes of this.#lent) {
      const start = Buffer.from(bytes).toString('latin1', 0, 20)
      if (start.length === 20 && stored.has(start)) expect.fail(`the memory of ${start} was not given back`)
    }
  }

  /** While anything may be under way: a record is seen that was stored before and is not removed or replaced until after. */
  async #read(queueId: number): Promise<void> {
    const before = this.#states[0]?.get(queueId) ?? new Map<number, ModelRecord>()
    const since = [...this.#states]
    const store = this.#store
    const found = await store.readRecords(queueId, 0, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY)
    const states = [...since, ...this.#states].map((state) => state.get(queueId))
    const seen = new Map(found.map((record) => [record.firstSeq, record]))
    for (const [seq, { bytes }] of before) {
      if (states.every((state) => state?.get(seq)?.bytes === bytes)) expect(seen.has(seq)).toBe(true)
    }
    for (const [seq, { bytes }] of seen) {
      expect(states.some((state) => state?.get(seq)?.bytes.equals(bytes))).toBe(true)
    }
  }

  async #restart(): Promise<void> {
    await this.#store.close()
    this.#store = await openLmdbStore({ directory: this.#directory, ...OPTIONS })
    expect(await linesIn(this.#store)).toEqual(linesOf(this.#state))
    await this.#expectFiles()
  }

  /** The record files on disk are those that are counted, and there is not much in them that nobody needs. */
  async #expectFiles(): Promise<void> {
    const live = sorted(this.#state).reduce(
      (sum, [, , { bytes }]) => sum + (bytes.length >= 4096 ? bytes.length : 0),
      0,
    )
    const { fileOctets, wasteOctets } = OPTIONS.recordFileLimits
    await vi.waitFor(async () => {
      const sizes = await recordSizes(this.#directory)
      const octets = sizes.reduce((sum, each) => sum + each, 0)
      const [space, data] = await Promise.all([this.#store.space(), stat(join(this.#directory, DATA_FILE))])
      expect(octets).toBe((space?.sizeBytes ?? 0) - data.size)
      expect(octets).toBeLessThanOrEqual(live + Math.max(live, wasteOctets) + fileOctets + BATCH_MAX)
      if (live === 0) expect(sizes).toEqual([])
    })
  }

  /** Opens what a kill would leave now, in which there is the state of one of the commits that are under way, or of the last. */
  async #crash(goesOn: boolean): Promise<void> {
    const copy = join(this.#parent, `crashed-${this.#directories++}`)
    copyCrashed(this.#directory, copy)
    const states = [...this.#states]
    const store = await openLmdbStore({ directory: copy, ...OPTIONS })
    const lines = (await linesIn(store)).join('\n')
    const at = states.findIndex((state) => linesOf(state).join('\n') === lines)
    if (at < 0) expect(lines).toBe(states.map((state) => linesOf(state).join('\n')).join('\nor\n'))
    if (goesOn) return void (await store.close())
    await Promise.allSettled([...this.#commits.splice(0), ...this.#reads.splice(0)])
    await this.#store.close()
    this.#directory = copy
    this.#store = store
    this.#states = states.slice(at, at + 1)
    this.#next = new Map([...this.#state].map(([id, records]) => [id, new Map(records)]))
    this.#lent.clear()
    await this.#expectFiles()
  }
}

async function someTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
}

async function recordSizes(directory: string): Promise<number[]> {
  const names = await readdir(join(directory, 'records')).catch(() => [])
  return Promise.all(names.map(async (name) => (await stat(join(directory, 'records', name))).size))
}

function sorted(state: State): [queueId: number, seq: number, record: ModelRecord][] {
  return [...state]
    .sort(([a], [b]) => a - b)
    .flatMap(([id, records]) =>
      [...records].sort(([a], [b]) => a - b).map(([seq, record]): [number, number, ModelRecord] => [id, seq, record]),
    )
}

function linesOf(state: State): string[] {
  return sorted(state).map(([id, seq, { bytes, settled }]) => lineOf(id, seq, bytes, settled))
}

async function linesIn(store: MessageStore): Promise<string[]> {
  const lines: string[] = []
  for await (const { queueId, firstSeq, bytes, settled } of store.loadRecords()) {
    lines.push(lineOf(queueId, firstSeq, bytes, textOf(settled)))
  }
  return lines
}

function textOf(settled: StoredRecord['settled']): string | undefined {
  return settled && Buffer.from(settled).toString()
}

/** Short, and of all the octets. */
function lineOf(queueId: number, seq: number, bytes: Uint8Array, settled: string | undefined): string {
  return `${queueId}/${seq} ${bytes.length} octets ${crc32(bytes)} ${settled}`
}
