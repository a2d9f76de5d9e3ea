import fsPromises, { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Log, silentLog } from '../../src/base/log.js'
import { DamagedRecordError } from '../../src/store/damaged-data-error.js'
import { type LmdbStoreOptions, openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import type { MessageStore } from '../../src/store/message-store.js'
import { type CompiledStore, compileStore } from './compiled-store.js'
import { copyCrashed } from './crashed-directory.js'
import { makeJournaledDirectory } from './journaled-directory.js'
import { definitionsOf, indexOf } from './message-store-contract.js'
import { StoreProcess } from './started-process.js'

/** A batch with one of the records below is more than the journal takes, and gets a file of its own. */
const LIMITS = {
  journalLimits: { fileOctets: 65_536, batchOctets: 4096, waitedFlushMs: 0 },
  recordFileLimits: { fileOctets: 4096, wasteOctets: 0 },
} as const

/** A whole number of sectors, so that files without waste have none. */
const OCTETS = 8192

let parent: string
let directory: string
let opened: MessageStore[]
let logged: string[]

const log: Log = {
  ...silentLog,
  warn: (fields, text) => void logged.push(`warn ${text} ${JSON.stringify(fields)}`),
  error: (fields, text) => void logged.push(`error ${text} ${JSON.stringify(fields)}`),
}

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'leveret-placed-'))
  directory = join(parent, 'data')
  opened = []
  logged = []
  await makeJournaledDirectory(directory, LIMITS.journalLimits)
})

afterEach(async () => {
  for (const store of opened) await store.close()
  await rm(parent, { recursive: true, force: true })
})

async function openStore(from = directory, options: Partial<LmdbStoreOptions> = {}): Promise<MessageStore> {
  const store = await openLmdbStore({ directory: from, log, ...LIMITS, ...options })
  opened.push(store)
  return store
}

/** The octets of a record of the tests below. */
function recordOf(seq: number, octets = OCTETS): Buffer {
  return Buffer.alloc(octets, `record ${seq} `)
}

/** Commits a batch of records of queue 1, which get one record file. */
async function commitRecords(store: MessageStore, ...seqs: number[]): Promise<void> {
  for (const seq of seqs) store.putRecord(1, seq, recordOf(seq), Buffer.from(`label ${seq}`))
  await store.commit()
}

/** The sequence numbers of queue 1, each of whose records is what was put. */
async function seqsOf(store: MessageStore, octets = OCTETS): Promise<number[]> {
  const records = await store.readRecords(1, 0, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY)
  for (const { firstSeq, bytes } of records) expect(recordOf(firstSeq, octets).equals(bytes)).toBe(true)
  return records.map(({ firstSeq }) => firstSeq)
}

const filesIn = async (from = directory) => (await readdir(join(from, 'records'))).map(Number)
const pathOf = (number: number, from = directory) => join(from, 'records', String(number).padStart(10, '0'))

/** Waits until the record files have those numbers: they are removed by and by. */
async function untilFiles(...numbers: number[]): Promise<void> {
  await vi.waitFor(async () => expect(await filesIn()).toEqual(numbers))
}

/** What would be there if the process were killed now. */
function crashed(): string {
  const copy = join(parent, `crashed-${Math.random()}`)
  copyCrashed(directory, copy)
  return copy
}

describe('placed records', () => {
  it('lie in record files and nowhere else, and are there after a crash and after a stop', async () => {
    const store = await openStore()
    await commitRecords(store, 0, 1, 2)
    await commitRecords(store, 3)
    store.putRecord(1, 4, recordOf(4, 100))
    await store.commit()
    expect(await filesIn()).toEqual([1, 2])
    for (const name of ['data.mdb', 'journal-0', 'journal-1']) {
      expect((await readFile(join(directory, name))).includes('record 0 record 0')).toBe(false)
    }
    store.removeRecords(1, 4, 5)
    const copy = await openStore(crashed())
    await store.commit()
    expect((await seqsOf(store)).concat(await seqsOf(await openStore(crashed())))).toEqual([0, 1, 2, 3, 0, 1, 2, 3])
    expect((await copy.readRecords(1, 0, 9, 1e9)).map(({ firstSeq }) => firstSeq)).toEqual([0, 1, 2, 3, 4])
    await store.close()
    const again = await openStore()
    expect(await seqsOf(again)).toEqual([0, 1, 2, 3])
    expect(await indexOf(again)).toEqual([0, 1, 2, 3].map((seq) => `1/${seq} label ${seq}`))
    expect((await again.space())?.sizeBytes).toBe((await stat(join(directory, 'data.mdb'))).size + 4 * OCTETS)
  })

  it('take no disk any more when they are removed, whether the data file ever had them or not', async () => {
    const store = await openStore()
    for (const seq of [0, 1, 2, 3]) await commitRecords(store, seq)
    // Has the data file hold them.
    expect(await indexOf(store)).toHaveLength(4)
    for (const seq of [4, 5, 6]) await commitRecords(store, seq)
    store.removeRecords(1, 5, 6)
    await store.commit()
    await untilFiles(1, 2, 3, 4, 5, 7)
    store.removeRecords(1, 0, 5)
    await store.commit()
    expect(await seqsOf(store)).toEqual([6])
    await untilFiles(7)
  })

  it('are replaced, and then need their old place no more', async () => {
    const store = await openStore()
    await commitRecords(store, 0)
    await commitRecords(store, 0)
    await untilFiles(2)
    expect(await seqsOf(store)).toEqual([0])
    await commitRecords(store, 0)
    expect(await seqsOf(store)).toEqual([0])
    await untilFiles(3)
    store.putRecord(1, 0, recordOf(0, 10))
    await store.commit()
    expect(await seqsOf(store, 10)).toEqual([0])
    await commitRecords(store, 1)
    await untilFiles(4)
  })

  it('are removed piece by piece with a deep queue, and go on being removed after a crash', async () => {
    const store = await openStore(directory, { removedAtOnce: 2 })
    for (let seq = 0; seq < 20; seq++) await commitRecords(store, seq)
    store.putRecord(2, 0, recordOf(0))
    await store.commit()
    store.removeQueue(1)
    await store.commit()
    expect(await indexOf(store)).toEqual(['2/0 '])
    const copy = crashed()
    const again = await openStore(copy, { removedAtOnce: 2 })
    expect(await indexOf(again)).toEqual(['2/0 '])
    for (const from of [directory, copy]) await vi.waitFor(async () => expect(await filesIn(from)).toEqual([21]))
    expect((await again.readRecords(2, 0, 1, 1))[0]?.bytes).toEqual(new Uint8Array(recordOf(0)))
  })

  it('give their memory back when they are on disk, each once', async () => {
    const store = await openStore()
    const given: Uint8Array[] = []
    const memory = { take: (octets: number) => new Uint8Array(octets), giveBack: (b: Uint8Array) => void given.push(b) }
    const all = [recordOf(0), recordOf(1), recordOf(2, 10), recordOf(3)]
    for (const [seq, bytes] of all.entries()) store.putRecord(1, seq, bytes, undefined, memory)
    expect(given).toEqual([])
    await store.commit()
    store.removeRecords(1, 0, 2)
    await store.commit()
    expect(await indexOf(store)).toHaveLength(2)
    await store.close()
    expect(new Set(given)).toEqual(new Set(all))
    expect(given).toHaveLength(4)
  })

  describe('in files that are cleared', () => {
    /** Records 0, 1, 5 and 10 are in file 1, with much that is not needed; 2 is in file 2. */
    async function wasted(): Promise<MessageStore> {
      const store = await openStore()
      await commitRecords(store, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10)
      await commitRecords(store, 2)
      store.putSettled(1, 1, Buffer.from('some'))
      store.removeRecords(1, 3, 5)
      store.removeRecords(1, 6, 10)
      await store.commit()
      return store
    }

    it('are moved with their labels and bitmaps, and stay after a crash', async () => {
      const store = await wasted()
      expect(await filesIn()).toEqual([1, 2])
      const before = crashed()
      // Has the data file hold everything, which is when files are cleared.
      await definitionsOf(store)
      await untilFiles(2, 3)
      for (const from of [before, crashed()]) {
        expect(await seqsOf(await openStore(from))).toEqual([0, 1, 2, 5, 10])
      }
      expect(await seqsOf(store)).toEqual([0, 1, 2, 5, 10])
      const lines = ['1/0 label 0', '1/1 label 1 settled some', '1/2 label 2', '1/5 label 5', '1/10 label 10']
      expect(await indexOf(store)).toEqual(lines)
      await store.close()
      const again = await openStore()
      expect([await indexOf(again), await seqsOf(again), await filesIn()]).toEqual([lines, [0, 1, 2, 5, 10], [2, 3]])
      expect((await again.space())?.sizeBytes).toBe((await stat(join(directory, 'data.mdb'))).size + 5 * OCTETS)
    })

    it('can be removed, and replaced, afterwards', async () => {
      const store = await wasted()
      await definitionsOf(store)
      await untilFiles(2, 3)
      store.removeRecords(1, 3, 11)
      await store.commit()
      await commitRecords(store, 0, 1)
      expect(await seqsOf(store)).toEqual([0, 1, 2])
      await untilFiles(2, 4)
    })

    it('are read once by who reads all of them meanwhile', async () => {
      const store = await wasted()
      const index = store.loadIndex()[Symbol.asyncIterator]()
      const records = store.loadRecords()[Symbol.asyncIterator]()
      const seqs = [[(await index.next()).value?.firstSeq], [(await records.next()).value?.firstSeq]]
      await untilFiles(2, 3)
      for (const [at, iterator] of [index, records].entries()) {
        for (let next = await iterator.next(); !next.done; next = await iterator.next())
          seqs[at]?.push(next.value.firstSeq)
      }
      expect(seqs).toEqual([
        [0, 1, 2, 5, 10],
        [0, 1, 2, 5, 10],
      ])
    })

    it('are left out by who reads all of them once they are removed', async () => {
      const store = await wasted()
      const records = store.loadRecords()[Symbol.asyncIterator]()
      expect((await records.next()).value?.firstSeq).toBe(0)
      await untilFiles(2, 3)
      store.removeRecords(1, 1, 6)
      await store.commit()
      await definitionsOf(store)
      expect((await records.next()).value?.firstSeq).toBe(10)
      expect((await records.next()).done).toBe(true)
    })

    it('are read while they are moved', async () => {
      const store = await wasted()
      void definitionsOf(store)
      const reader = async () => {
        while ((await filesIn()).includes(1)) expect(await seqsOf(store)).toEqual([0, 1, 2, 5, 10])
      }
      await Promise.all([reader(), reader(), reader()])
      await reader()
    })

    it('stay where they are, and the file with them, when they are damaged', async () => {
      const store = await wasted()
      const bytes = await readFile(pathOf(1))
      bytes[OCTETS + 17] = 0
      await writeFile(pathOf(1), bytes)
      await definitionsOf(store)
      await definitionsOf(store)
      await vi.waitFor(async () => expect(await filesIn()).toContain(3))
      await commitRecords(store, 11)
      await expect(store.readRecords(1, 1, 9, 1)).rejects.toThrow(DamagedRecordError)
      for (const seq of [0, 2, 5, 10, 11]) {
        const [record] = await store.readRecords(1, seq, seq + 1, 1)
        expect(recordOf(seq).equals(record?.bytes ?? Buffer.of())).toBe(true)
      }
      expect(await filesIn()).toContain(1)
      store.removeRecords(1, 1, 2)
      await store.commit()
      expect(await seqsOf(store)).toEqual([0, 2, 5, 10, 11])
      await vi.waitFor(async () => expect(await filesIn()).not.toContain(1))
    })

    it('are there when the store is closed meanwhile', async () => {
      for (const turns of [0, 1, 2, 4]) {
        const store = await wasted()
        void definitionsOf(store)
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
        await store.close()
        const again = await openStore()
        expect(await seqsOf(again)).toEqual([0, 1, 2, 5, 10])
        again.removeQueue(1)
        await again.commit()
        await again.close()
        await (await openStore()).close()
        await untilFiles()
      }
    })
  })

  describe('in damaged files', () => {
    it('are damaged each by itself', async () => {
      const store = await openStore()
      await commitRecords(store, 0, 1, 2)
      await store.close()
      const bytes = await readFile(pathOf(1))
      bytes[OCTETS + 4000] = 0
      await writeFile(pathOf(1), bytes)
      const again = await openStore()
      expect(await indexOf(again)).toHaveLength(3)
      expect((await again.readRecords(1, 0, 9, 1e9)).map(({ firstSeq }) => firstSeq)).toEqual([0])
      const error = await again.readRecords(1, 1, 9, 1e9).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(DamagedRecordError)
      expect(error).toMatchObject({ queueId: 1, firstSeq: 1 })
      expect((await again.readRecords(1, 2, 9, 1e9)).map(({ firstSeq }) => firstSeq)).toEqual([2])
      const all = (async () => {
        for await (const _ of again.loadRecords());
      })()
      await expect(all).rejects.toThrow(DamagedRecordError)
    })

    it('are lost with their file, which is logged by name, and no others are', async () => {
      const store = await openStore()
      await commitRecords(store, 0, 1)
      await commitRecords(store, 2)
      await store.close()
      await rm(pathOf(1))
      const again = await openStore()
      expect(logged).toEqual([
        `error a file of records is missing: its messages are lost ${JSON.stringify({ directory: join(directory, 'records'), file: 1 })}`,
      ])
      for (const seq of [0, 1]) await expect(again.readRecords(1, seq, 9, 1e9)).rejects.toThrow(DamagedRecordError)
      await commitRecords(again, 3)
      expect((await again.readRecords(1, 2, 9, 1e9)).map(({ firstSeq }) => firstSeq)).toEqual([2, 3])
      again.removeRecords(1, 0, 2)
      await again.commit()
      await again.close()
      const last = await openStore()
      expect([await seqsOf(last), logged.length]).toEqual([[2, 3], 1])
    })
  })

  describe('that cannot be written', () => {
    const { open: openFile } = fsPromises
    let isFull: boolean

    beforeEach(() => {
      isFull = false
      fsPromises.open = async (path, flags, mode) => {
        const handle = await openFile(path, flags, mode)
        if (!String(path).startsWith(join(directory, 'records'))) return handle
        const write = handle.write.bind(handle)
        const failing = () => Promise.reject(new Error('ENOSPC: no space left on device, write'))
        return Object.assign(handle, {
          write: (...given: Parameters<typeof write>) => (isFull ? failing() : write(...given)),
        })
      }
      syncBuiltinESMExports()
    })

    afterEach(() => {
      fsPromises.open = openFile
      syncBuiltinESMExports()
    })

    const reason = () =>
      `nothing more is stored in ${directory}: ENOSPC: no space left on device, write (free on its disk: `

    it('fail their commit and every later one, and leave what was stored before', async () => {
      const store = await openStore()
      await commitRecords(store, 0)
      isFull = true
      await expect(commitRecords(store, 1)).rejects.toThrow(reason())
      isFull = false
      await expect(commitRecords(store, 2)).rejects.toThrow(reason())
      store.putDefinition(1, Buffer.from('small'))
      expect(store.commitAtOnce()).toBe(false)
      await expect(store.commit()).rejects.toThrow(reason())
      await store.close()
      const again = await openStore()
      expect([await seqsOf(again), await definitionsOf(again), await filesIn()]).toEqual([[0], {}, [1]])
      await commitRecords(again, 1)
      expect(await seqsOf(again)).toEqual([0, 1])
    })

    it('are not moved, and every later commit fails', async () => {
      const store = await openStore()
      await commitRecords(store, 0, 1, 2, 3)
      await commitRecords(store, 4)
      isFull = true
      store.removeRecords(1, 1, 4)
      await store.commit()
      await definitionsOf(store)
      // What is to be moved is read first, while commits go on.
      await vi.waitFor(() => expect(store.commit()).rejects.toThrow(reason()))
      expect(await seqsOf(store)).toEqual([0, 4])
      isFull = false
      await store.close()
      expect(await seqsOf(await openStore())).toEqual([0, 4])
    })
  })
})

describe('placed records, in a process of its own', () => {
  let compiled: CompiledStore

  beforeAll(async () => {
    compiled = await compileStore()
  })

  afterAll(() => compiled.cleanUp())

  const numberIn = (line: string | undefined) => Number(/^stored (\d+)$/.exec(line ?? '')?.[1])

  /** Holds a directory to what `churn` of `store-process.ts` has in it. @returns the last batch. */
  async function batchIn(): Promise<number> {
    const store = await openLmdbStore({ directory, log, recordFileLimits: { fileOctets: 65_536, wasteOctets: 65_536 } })
    const batch = Buffer.from((await definitionsOf(store))[1] ?? '', 'latin1').readUInt32BE()
    const last = batch * 6 + 5
    const expected = Array.from({ length: 600 }, (_, index) => last - 599 + index).filter(
      (seq) => seq >= 6 && (seq % 10 === 0 || seq > last - 60),
    )
    const seqs: number[] = []
    let octets = 0
    for await (const { firstSeq, bytes } of store.loadRecords()) {
      seqs.push(firstSeq)
      octets += bytes.length
      expect(Buffer.alloc(9000 + (firstSeq % 6), `record ${firstSeq} `).equals(bytes)).toBe(true)
    }
    expect(seqs).toEqual(expected)
    // Files are looked at when the data file has got what was committed.
    store.putDefinition(1, Buffer.of(batch >>> 24, batch >>> 16, batch >>> 8, batch))
    await store.commit()
    await definitionsOf(store)
    await vi.waitFor(async () => {
      const sizes = await Promise.all((await filesIn()).map(async (number) => (await stat(pathOf(number))).size))
      // One file more is being written, and one batch more goes into a file that is nearly long enough.
      expect(sizes.reduce((sum, each) => sum + each, 0)).toBeLessThan(2 * octets + 2 * (65_536 + 57_344))
    })
    await store.close()
    return batch
  }

  it('are there after kill -9, each that was stored, and the others are gone', async () => {
    await rm(directory, { recursive: true })
    await makeJournaledDirectory(directory)
    let stored = 0
    for (let round = 0; round < 4; round++) {
      const child = new StoreProcess(compiled.program, 'churn', directory)
      const last = stored + 40 + round * 33
      while (stored < last) {
        stored = numberIn(await child.line())
        if (Number.isNaN(stored)) throw new Error('the process has ended by itself')
      }
      const rest = child.rest()
      await child.kill()
      for (const line of await rest) stored = numberIn(line) || stored
      const found = await batchIn()
      expect(found).toBeGreaterThanOrEqual(stored)
      stored = found
    }
    expect(logged).toEqual([])
  })
})
