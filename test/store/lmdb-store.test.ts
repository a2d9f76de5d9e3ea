import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { JOURNAL_LIMITS } from '../../src/store/lmdb/journal.js'
import { type LmdbStoreOptions, openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import type { MessageStore } from '../../src/store/message-store.js'
import { type CompiledStore, compileStore } from './compiled-store.js'
import { makeJournaledDirectory } from './journaled-directory.js'
import { definitionsOf, describeMessageStore, recordsOf, type StoreUnderTest } from './message-store-contract.js'
import { StoreProcess } from './started-process.js'
import { StretchedStore } from './stretched-store.js'

/** As many as `store-process.ts` stamps. */
const STAMPED = 40

describeMessageStore('LmdbStore', () => temporaryStore({}))

// Then nearly every removal leaves something to later batches.
describeMessageStore('LmdbStore that removes little at once', () => temporaryStore({ removedAtOnce: 2 }))

// Then it opens its file anew whenever nothing is being written.
describeMessageStore('LmdbStore that may hold no memory', () =>
  temporaryStore({ removedAtOnce: 2, mappedLimit: { octets: Number.NEGATIVE_INFINITY, touches: 1 } }),
)

describeMessageStore('LmdbStore with a journal', () => journaledStore({}))

// Then few batches are small enough, and epochs end after a commit or two.
describeMessageStore('LmdbStore with a tiny journal', () =>
  journaledStore({ removedAtOnce: 2, journalLimits: { fileOctets: 16_384, batchOctets: 8192, waitedFlushMs: 0 } }),
)

// Then most batches are stored before `commitAtOnce` returns.
describeMessageStore('LmdbStore that is waited for', async () => {
  const waited = await journaledStore({ journalLimits: { ...JOURNAL_LIMITS, waitedFlushMs: Number.POSITIVE_INFINITY } })
  return { ...waited, open: async () => storedAtOnce(await waited.open()) }
})

// Then every batch with a record in it has that in a record file, and these are begun, cleared and removed all the time.
describeMessageStore('LmdbStore with tiny record files', async () => {
  const placing = await journaledStore({
    removedAtOnce: 20,
    journalLimits: { fileOctets: 32_768, batchOctets: 4096, waitedFlushMs: 0 },
    recordFileLimits: { fileOctets: 65_536, wasteOctets: 65_536 },
  })
  return { ...placing, open: async () => new StretchedStore(await placing.open()) }
})

type Options = Omit<LmdbStoreOptions, 'directory'>

async function temporaryStore(options: Options): Promise<StoreUnderTest> {
  const parent = await mkdtemp(join(tmpdir(), 'leveret-store-'))
  return {
    open: () => openLmdbStore({ directory: join(parent, 'data'), ...options }),
    cleanUp: () => rm(parent, { recursive: true, force: true }),
  }
}

/** Commits at once where that is possible. */
function storedAtOnce(store: MessageStore): MessageStore {
  const commit = store.commit.bind(store)
  store.commit = async () => {
    if (!store.commitAtOnce()) await commit()
  }
  return store
}

/** With a journal from the first commit on. */
async function journaledStore(options: Options): Promise<StoreUnderTest> {
  const parent = await mkdtemp(join(tmpdir(), 'leveret-store-'))
  const directory = join(parent, 'data')
  await makeJournaledDirectory(directory, options.journalLimits)
  return {
    open: () => openLmdbStore({ directory, ...options }),
    cleanUp: () => rm(parent, { recursive: true, force: true }),
  }
}

describe('LmdbStore', () => {
  let parent: string
  let directory: string

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'leveret-store-'))
    directory = join(parent, 'data')
  })

  afterEach(() => rm(parent, { recursive: true, force: true }))

  it('commits nothing once it is closed', async () => {
    const store = await openLmdbStore({ directory })
    await store.close()
    store.putRecord(1, 0, Buffer.from('r'))
    await expect(store.commit()).rejects.toThrow('the store is closed')
  })

  it('lets a reader that stops half way stop', async () => {
    const store = await openLmdbStore({ directory })
    for (let seq = 0; seq < 10_000; seq++) store.putRecord(1, seq, Buffer.alloc(300))
    await store.commit()
    for await (const { firstSeq } of store.loadRecords()) if (firstSeq === 5_000) break
    store.removeQueue(1)
    await store.commit()
    expect(await recordsOf(store)).toEqual([])
    await store.close()
  })

  describe('removing more records than fit into one batch', () => {
    const MANY = 30_000

    /** How many keys the file has beside the notes of its format and its journal, whatever they mean. */
    async function keyCount(): Promise<number> {
      const file = open({ path: directory, noSubdir: false, readOnly: true })
      const { entryCount } = file.getStats() as { entryCount: number } // lmdb declares no type of its statistics
      await file.close()
      return entryCount - 2
    }

    async function openFull(): Promise<MessageStore> {
      const store = await openLmdbStore({ directory })
      for (let seq = 0; seq < MANY; seq++) store.putRecord(1, seq, Buffer.from('r'))
      store.putRecord(2, 0, Buffer.from('kept'))
      await store.commit()
      return store
    }

    it('hides them at once, and goes on after a restart', async () => {
      const store = await openFull()
      store.removeQueue(1)
      await store.commit()
      expect(await recordsOf(store)).toEqual(['2/0 kept'])
      await store.close()
      expect(await keyCount()).toBeGreaterThan(5_000)
      const again = await openLmdbStore({ directory })
      expect(await recordsOf(again)).toEqual(['2/0 kept'])
      await again.close()
      expect(await keyCount()).toBe(1)
    })

    it('hides them from who reads meanwhile', async () => {
      const store = await openLmdbStore({ directory, removedAtOnce: 2 })
      for (const seq of [0, 1]) store.putRecord(1, seq, Buffer.from('kept'))
      for (let seq = 0; seq < 30; seq++) store.putRecord(2, seq, Buffer.from('r'))
      await store.commit()
      store.removeQueue(2)
      await store.commit()
      const readers = [store.loadIndex(), store.loadRecords()].map((each) => each[Symbol.asyncIterator]())
      for (const reader of readers) expect((await reader.next()).value).toMatchObject({ queueId: 1, firstSeq: 0 })
      while ((await keyCount()) > 2) await new Promise(setImmediate)
      for (const reader of readers) {
        expect((await reader.next()).value).toMatchObject({ queueId: 1, firstSeq: 1 })
        expect((await reader.next()).done).toBe(true)
      }
      await store.close()
    })

    it('removes them by and by', async () => {
      const store = await openFull()
      store.removeRecords(1, 10, MANY - 10)
      store.removeRecords(1, 5, MANY - 10)
      store.removeQueue(2)
      await store.commit()
      // Commits are stored in order, with the pieces between them.
      for (let commit = 0; commit < 40; commit++) {
        store.putDefinition(1, Buffer.from('d'))
        await store.commit()
        await new Promise(setImmediate)
      }
      await store.close()
      expect(await keyCount()).toBe(16)
    })

    it('keeps what is put in their place afterwards', async () => {
      const store = await openFull()
      store.putSettled(1, MANY - 2, Buffer.from('old'))
      await store.commit()
      store.removeQueue(1)
      const removed = store.commit()
      store.putRecord(1, MANY - 2, Buffer.from('new'))
      await Promise.all([removed, store.commit()])
      store.removeRecords(1, 0, 100)
      store.putRecord(1, 50, Buffer.from('new'))
      await store.commit()
      const left = [`1/50 new`, `1/${MANY - 2} new`, '2/0 kept']
      expect(await recordsOf(store)).toEqual(left)
      await store.close()
      const again = await openLmdbStore({ directory })
      expect(await recordsOf(again)).toEqual(left)
      await again.close()
      expect(await keyCount()).toBe(3)
    })
  })

  /** Octets of mapped files that count as memory of this process. */
  async function mapped(): Promise<number> {
    return Number(/RssFile:\s+(\d+)/.exec(await readFile('/proc/self/status', 'utf8'))?.[1]) * 1024
  }

  async function fillLarge(store: MessageStore): Promise<void> {
    for (let seq = 0; seq < 1200; seq++) {
      store.putRecord(1, seq, Buffer.alloc(130_000, seq))
      if (seq % 8 === 7) await store.commit()
    }
  }

  it.runIf(process.platform === 'linux')('holds little of a file in memory that is read and removed', async () => {
    const store = await openLmdbStore({ directory })
    await fillLarge(store)
    const before = await mapped()
    let most = 0
    for (let seq = 0; seq < 1200; seq += 8) {
      expect(await store.readRecords(1, seq, seq + 8, 1e9)).toHaveLength(8)
      store.removeRecords(1, seq, seq + 8)
      await store.commit()
      most = Math.max(most, await mapped())
    }
    await store.close()
    expect(most - before).toBeLessThan(80 << 20)
  })

  it.runIf(process.platform === 'linux')(
    'holds little of it in memory when the journal tells of removals',
    async () => {
      await makeJournaledDirectory(directory)
      const store = await openLmdbStore({ directory })
      await fillLarge(store)
      const before = await mapped()
      let most = 0
      // Every other one, so that each is a range, and a place in the file, of its own.
      for (let seq = 0; seq < 1200; seq += 2) {
        store.removeRecords(1, seq, seq + 1)
        await store.commit()
        most = Math.max(most, await mapped())
      }
      await store.close()
      expect(most - before).toBeLessThan(30 << 20)
    },
  )

  it('uses the space of removed records again', async () => {
    const store = await openLmdbStore({ directory })
    for (let seq = 0; seq < 400; seq++) {
      store.putRecord(1, seq, Buffer.alloc(60_000, seq))
      store.removeRecords(1, 0, seq - 4)
      await store.commit()
    }
    await store.close()
    const { size } = await stat(join(directory, 'data.mdb'))
    expect(size).toBeLessThan(20 * 60_000)
  })
})

describe('LmdbStore, in a process of its own', () => {
  let compiled: CompiledStore
  let parent: string
  let directory: string

  beforeAll(async () => {
    compiled = await compileStore()
  })

  afterAll(() => compiled.cleanUp())

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'leveret-store-'))
    directory = join(parent, 'data')
  })

  afterEach(() => rm(parent, { recursive: true, force: true }))

  it('shows all of a batch or nothing, and each batch that was stored, after kill -9', async () => {
    let stored = 0
    for (let round = 0; round < 5; round++) {
      const child = new StoreProcess(compiled.program, 'stamp', directory)
      const last = stored + 20 + round * 13
      for (;;) {
        const line = await child.line()
        if (line === undefined) throw new Error('the process has ended by itself')
        stored = Number(/^stored (\d+)$/.exec(line)?.[1])
        if (stored >= last) break
      }
      const rest = child.rest()
      await child.kill()
      for (const line of await rest) stored = Number(/^stored (\d+)$/.exec(line)?.[1] ?? stored)
      expect(await stampFound()).toBeGreaterThanOrEqual(stored)
    }
  })

  /** The batch that everything in the directory is of. */
  async function stampFound(): Promise<number> {
    const store = await openLmdbStore({ directory })
    const stamp = Buffer.from((await definitionsOf(store))[1] ?? '', 'latin1').readUInt32BE()
    let records = 0
    for await (const { firstSeq, bytes, settled } of store.loadRecords()) {
      expect(Buffer.from(bytes).readUInt32BE()).toBe(stamp)
      expect(bytes.length).toBe(100 + ((stamp * 7919) % 6000))
      expect([0, stamp]).toContain(firstSeq)
      if (firstSeq === 0) expect(Buffer.from(settled ?? []).readUInt32BE()).toBe(stamp)
      records++
    }
    expect(records).toBe(2 * STAMPED)
    await store.close()
    return stamp
  }

  it.skipIf(process.platform === 'win32')(
    'rejects every commit from the first that fails, and keeps the earlier ones',
    async () => {
      const limited = ['-c', 'ulimit -f 2000; exec "$0" "$@"', process.execPath]
      const child = new StoreProcess(compiled.program, 'fill', directory, '/bin/sh', limited)
      const lines = await child.rest()
      await child.ended
      const stored = lines.filter((line) => line.startsWith('stored')).length
      expect(stored).toBeGreaterThan(5)
      const failures = lines.slice(stored, -1)
      expect(failures).toHaveLength(3)
      expect(new Set(failures).size).toBe(1)
      expect(failures[0]).toMatch(/^failed Error: nothing more is stored in .*data: .* \(free on its disk: \d+ MiB\)$/)
      expect(lines.at(-1)).toBe('closed')
      const store = await openLmdbStore({ directory })
      const records = await recordsOf(store)
      for (let batch = 1; batch <= stored; batch++) {
        expect(records[batch - 1]?.startsWith(`1/${batch} `)).toBe(true)
      }
      expect(records.filter((line) => line.startsWith('2/'))).toEqual([])
      await store.close()
    },
  )
})
