import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Log, silentLog } from '../../src/base/log.js'
import { Batch } from '../../src/store/batch.js'
import { backupDirectory } from '../../src/store/lmdb/backup-directory.js'
import { journalMarkIn } from '../../src/store/lmdb/examine.js'
import { JOURNAL_LIMITS, Journal } from '../../src/store/lmdb/journal.js'
import { BLOCK_OCTETS } from '../../src/store/lmdb/journal-entry.js'
import { JournalFile } from '../../src/store/lmdb/journal-file.js'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import { OfflineDirectory } from '../../src/store/lmdb/offline-directory.js'
import type { MessageStore } from '../../src/store/message-store.js'
import { type CompiledStore, compileStore } from './compiled-store.js'
import { makeJournaledDirectory } from './journaled-directory.js'
import { blobIdsOf, definitionsOf, recordsOf } from './message-store-contract.js'
import { StoreProcess } from './started-process.js'

/** As many records as `store-process.ts` keeps when it counts. */
const COUNTED = 50

let parent: string
let directory: string
let opened: MessageStore[]

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'leveret-journal-'))
  directory = join(parent, 'data')
  opened = []
  await makeJournaledDirectory(directory)
})

afterEach(async () => {
  for (const store of opened) await store.close()
  await rm(parent, { recursive: true, force: true })
})

async function openStore(from = directory, log: Log = silentLog): Promise<MessageStore> {
  const store = await openLmdbStore({ directory: from, log })
  opened.push(store)
  return store
}

/** What would be there if the machine stopped now. */
async function crashed(): Promise<string> {
  const copy = join(parent, `crashed-${Math.random()}`)
  await cp(directory, copy, { recursive: true, filter: (path) => !path.includes('owner-') })
  return copy
}

async function commitRecord(store: MessageStore, seq: number, octets = 10): Promise<void> {
  store.putRecord(1, seq, Buffer.alloc(octets, `record ${seq} `))
  await store.commit()
}

async function seqsIn(store: MessageStore): Promise<number[]> {
  return (await recordsOf(store)).map((line) => Number(/^1\/(\d+) /.exec(line)?.[1]))
}

/** The octets of a journal file, changed by `change`. */
async function changeJournal(of: string, name: string, change: (bytes: Buffer) => void): Promise<void> {
  const path = join(of, name)
  const bytes = await readFile(path)
  change(bytes)
  await writeFile(path, bytes)
}

describe('a journal', () => {
  it('brings back after a crash what was committed, in the order of the commits', async () => {
    const store = await openStore()
    const before = await readFile(join(directory, 'data.mdb'))
    for (let seq = 0; seq < 5; seq++) await commitRecord(store, seq)
    store.removeRecords(1, 1, 3)
    store.putSettled(1, 3, Buffer.from('some'))
    store.putDefinition(7, Buffer.from('seven'))
    store.putBlob(9, Buffer.from('blob'))
    await store.commit()
    store.putRecord(1, 1, Buffer.from('again'), Buffer.from('label'))
    store.removeBlob(9)
    store.putBlob(10, Buffer.from('other'))
    await store.commit()
    store.putRecord(1, 5, Buffer.from('never committed'))
    // None of it is in the data file.
    expect((await readFile(join(directory, 'data.mdb'))).equals(before)).toBe(true)
    const again = await openStore(await crashed())
    expect(await recordsOf(again)).toEqual([
      '1/0 record 0 r',
      '1/1 again',
      '1/3 record 3 r settled some',
      '1/4 record 4 r',
    ])
    expect(await definitionsOf(again)).toEqual({ 7: 'seven' })
    expect([await blobIdsOf(again), Buffer.from((await again.readBlob(10)) ?? []).toString()]).toEqual([[10], 'other'])
  })

  it('is applied once, which is logged, and then counts no more', async () => {
    const lines: string[] = []
    const log: Log = { ...silentLog, info: (fields, text) => void lines.push(`${text} ${JSON.stringify(fields)}`) }
    const store = await openStore()
    for (let seq = 0; seq < 3; seq++) await commitRecord(store, seq)
    const copy = await crashed()
    const again = await openStore(copy, log)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('applied what the journal held')
    expect(lines[0]).toContain('"commits":3')
    again.removeRecords(1, 0, 2)
    await again.commit()
    await again.close()
    const last = await openStore(copy, log)
    expect([await seqsIn(last), lines.length]).toEqual([[2], 1])
  })

  it('has nothing after a clean stop', async () => {
    const store = await openStore()
    await commitRecord(store, 0)
    await store.close()
    const offline = await OfflineDirectory.open(directory)
    expect(await offline.journal()).toMatchObject({ commits: 0, unusable: 0 })
    await offline.close()
    expect(await seqsIn(await openStore())).toEqual([0])
  })

  it('never has what a larger commit has overtaken', async () => {
    const store = await openStore()
    for (let round = 0; round < 6; round++) {
      await commitRecord(store, round)
      // Larger than the journal takes, and removes what it has.
      store.removeRecords(1, 0, 100)
      await commitRecord(store, 100 + round, JOURNAL_LIMITS.batchOctets)
      if (round % 2 === 0) await commitRecord(store, 50)
      const expected = await seqsIn(await openStore(await crashed()))
      expect(expected).toEqual([
        ...(round % 2 === 0 ? [50] : []),
        ...Array.from({ length: round + 1 }, (_, i) => 100 + i),
      ])
      if (round % 2 === 0) continue
      expect(await store.readRecords(1, 0, 100, 1e9)).toEqual([])
    }
  })

  it('begins anew in its other file when it is half full, and loses nothing then', async () => {
    const store = await openStore()
    const perEpoch = JOURNAL_LIMITS.fileOctets / BLOCK_OCTETS / 2
    for (let seq = 0; seq < 3 * perEpoch; seq++) {
      store.putDefinition(1, Buffer.from(`${seq}`))
      await store.commit()
    }
    expect((await journalMarkIn(directory))?.epoch).toBeGreaterThan(1)
    // Asks for everything, so that nothing is being applied when it is copied.
    expect(await definitionsOf(store)).toEqual({ 1: `${3 * perEpoch - 1}` })
    await commitRecord(store, 1)
    const again = await openStore(await crashed())
    expect([await definitionsOf(again), await seqsIn(again)]).toEqual([{ 1: `${3 * perEpoch - 1}` }, [1]])
  })

  it('is read through two epochs, of which the data file has neither', async () => {
    const mark = await journalMarkIn(directory)
    if (!mark) throw new Error('the data file has no mark')
    const journal = await Journal.open(directory, mark, JOURNAL_LIMITS)
    const append = async (change: (batch: Batch) => void) => {
      const batch = new Batch()
      change(batch)
      await journal?.append(batch)
    }
    for (let seq = 0; seq < 3; seq++) await append((batch) => batch.putRecord(1, seq, Buffer.from('first')))
    journal?.endEpoch()
    await append((batch) => batch.removeRecords(1, 0, 2))
    await append((batch) => batch.putRecord(1, 3, Buffer.from('second')))
    await journal?.close()
    expect(await recordsOf(await openStore())).toEqual(['1/2 first', '1/3 second'])
  })

  it('leaves out a commit that was being written when the machine stopped', async () => {
    const store = await openStore()
    for (let seq = 0; seq < 3; seq++) await commitRecord(store, seq, 6000)
    const whole = await crashed()
    for (const torn of [4, 40, 4000, 5000]) {
      const copy = join(parent, `torn ${torn}`)
      await cp(whole, copy, { recursive: true })
      await changeJournal(copy, 'journal-1', (bytes) =>
        bytes.fill(0, 2 * 2 * BLOCK_OCTETS + torn, 3 * 2 * BLOCK_OCTETS),
      )
      const again = await openStore(copy)
      expect(await seqsIn(again)).toEqual([0, 1])
      await commitRecord(again, 7)
      expect(await seqsIn(again)).toEqual([0, 1, 7])
    }
  })

  it('is refused when it is damaged before intact commits, and repaired up to there', async () => {
    const store = await openStore()
    for (let seq = 0; seq < 5; seq++) await commitRecord(store, seq)
    const copy = await crashed()
    await changeJournal(copy, 'journal-1', (bytes) =>
      bytes.writeUInt8((bytes[2 * BLOCK_OCTETS + 60] ?? 0) ^ 1, 2 * BLOCK_OCTETS + 60),
    )
    await expect(openStore(copy)).rejects.toThrow(
      `the journal in ${copy} is damaged behind 2 commits, and 2 later ones are intact: leveret check --data-dir --repair drops those, or restore the directory from a backup`,
    )
    const offline = await OfflineDirectory.open(copy)
    expect(await offline.journal()).toMatchObject({ commits: 2, unusable: 2 })
    await offline.repair((item) => item)
    expect(await offline.journal()).toMatchObject({ commits: 0, unusable: 0 })
    await offline.close()
    const again = await openStore(copy)
    expect(await seqsIn(again)).toEqual([0, 1])
    for (let seq = 10; seq < 13; seq++) await commitRecord(again, seq)
    expect(await seqsIn(again)).toEqual([0, 1, 10, 11, 12])
  })

  it('of another data file, or of a later state of this one, is of no use', async () => {
    const old = await crashed()
    const store = await openStore()
    for (let epoch = 0; epoch < 4; epoch++) {
      await commitRecord(store, epoch)
      await definitionsOf(store)
    }
    await commitRecord(store, 4)
    await store.close()
    const warnings: string[] = []
    const log: Log = { ...silentLog, warn: (_, text) => void warnings.push(text) }
    const other = join(parent, 'other')
    await makeJournaledDirectory(other)
    for (const from of [old, other]) {
      for (const name of ['journal-0', 'journal-1']) await cp(join(directory, name), join(from, name))
      const again = await openStore(from, log)
      expect(await seqsIn(again)).toEqual([])
      // As many epochs as before, each shorter: what is left behind them must not count.
      for (let seq = 20; seq < 26; seq++) {
        await commitRecord(again, seq)
        await definitionsOf(again)
      }
      await again.close()
      expect(await seqsIn(await openStore(from, log))).toEqual([20, 21, 22, 23, 24, 25])
    }
    expect(warnings).toEqual(['the journal is of a later state than the data file, and of no use'])
  })

  it('is made when a directory has seen some commits, and not for fewer', async () => {
    const young = join(parent, 'young')
    const store = await openStore(young)
    for (let seq = 0; seq < 10; seq++) await commitRecord(store, seq)
    await expect(readFile(join(young, 'journal-0'))).rejects.toThrow('ENOENT')
    // Until it is there, and it is used.
    let seq = 10
    const isUsed = async () => {
      const bytes = await readFile(join(young, 'journal-1')).catch(() => Buffer.alloc(0))
      return bytes.subarray(0, 4).toString('latin1') === 'LVRJ'
    }
    while (!(await isUsed())) await commitRecord(store, seq++)
    await store.close()
    expect(await seqsIn(await openStore(young))).toHaveLength(seq)
  })

  it.runIf(process.platform === 'linux')('says why a write fails', async () => {
    const full = await JournalFile.open('/dev/full', 1 << 20)
    await expect(full.append(Buffer.alloc(BLOCK_OCTETS))).rejects.toThrow('ENOSPC')
    expect(() => full.appendAtOnce(Buffer.alloc(BLOCK_OCTETS))).toThrow('ENOSPC')
    await full.close()
  })

  describe('that is waited for', () => {
    const openWaited = async (waitedFlushMs: number, from = directory) => {
      const store = await openLmdbStore({ directory: from, journalLimits: { ...JOURNAL_LIMITS, waitedFlushMs } })
      opened.push(store)
      return store
    }

    const put = (store: MessageStore, seq: number, octets = 10) => store.putRecord(1, seq, Buffer.alloc(octets, 'x'))

    it('has what was committed at once when that returns, in order with what was not', async () => {
      const store = await openWaited(Number.POSITIVE_INFINITY)
      put(store, 0)
      expect(store.commitAtOnce()).toBe(true)
      await commitRecord(store, 1)
      put(store, 2)
      put(store, 3)
      expect(store.commitAtOnce()).toBe(true)
      store.removeRecords(1, 0, 2)
      put(store, 4)
      expect(store.commitAtOnce()).toBe(true)
      put(store, 5)
      expect(await seqsIn(await openStore(await crashed()))).toEqual([2, 3, 4])
      expect(await seqsIn(store)).toEqual([2, 3, 4])
    })

    it('writes nothing for a batch without anything in it', async () => {
      const store = await openWaited(Number.POSITIVE_INFINITY)
      expect(store.commitAtOnce()).toBe(true)
      expect((await readFile(join(directory, 'journal-1'))).every((octet) => octet === 0)).toBe(true)
    })

    it('is not waited for while a commit is under way, and keeps the batch for the next', async () => {
      const store = await openWaited(Number.POSITIVE_INFINITY)
      put(store, 0)
      const first = store.commit()
      put(store, 1)
      expect(store.commitAtOnce()).toBe(false)
      await first
      expect(store.commitAtOnce()).toBe(true)
      expect(await seqsIn(await openStore(await crashed()))).toEqual([0, 1])
    })

    it('is not waited for with more than a block, nor when its flushes take longer than that is worth', async () => {
      const store = await openWaited(Number.POSITIVE_INFINITY)
      put(store, 0, BLOCK_OCTETS)
      expect(store.commitAtOnce()).toBe(false)
      await store.commit()
      const patient = await openWaited(0, await crashed())
      put(patient, 1)
      expect(patient.commitAtOnce()).toBe(false)
      await patient.commit()
      expect(await seqsIn(patient)).toEqual([0, 1])
    })

    it('stores nothing at once any more when it is closed', async () => {
      const store = await openWaited(Number.POSITIVE_INFINITY)
      put(store, 0)
      await store.close()
      expect(store.commitAtOnce()).toBe(false)
    })

    it('goes on in its other file when the first one is full', async () => {
      const store = await openWaited(Number.POSITIVE_INFINITY)
      const blocks = JOURNAL_LIMITS.fileOctets / BLOCK_OCTETS
      let atOnce = 0
      for (let seq = 0; seq < 2 * blocks; seq++) {
        store.putDefinition(1, Buffer.from(`${seq}`))
        if (store.commitAtOnce()) atOnce++
        else await store.commit()
      }
      expect(atOnce).toBeGreaterThan(blocks)
      expect(await definitionsOf(await openStore(await crashed()))).toEqual({ 1: `${2 * blocks - 1}` })
    })
  })
})

describe('a journal, in a process of its own', () => {
  let compiled: CompiledStore

  beforeAll(async () => {
    compiled = await compileStore()
  })

  afterAll(() => compiled.cleanUp())

  async function untilStored(child: StoreProcess, number: number): Promise<number> {
    for (;;) {
      const line = await child.line()
      const stored = Number(/^stored (\d+)$/.exec(line ?? '')?.[1])
      if (!(stored < number)) return stored
    }
  }

  /** The number that all of a directory is of. */
  async function numberIn(from: string): Promise<number> {
    const store = await openStore(from)
    const number = Number((await definitionsOf(store))[1])
    const first = Math.max(1, number - COUNTED)
    const expected = Array.from({ length: number - first + 1 }, (_, index) => first + index)
    expect(await recordsOf(store)).toEqual(expected.map((seq) => `1/${seq} number ${seq}`))
    await store.close()
    return number
  }

  it('has all that was stored, each commit as a whole, after kill -9', async () => {
    let stored = 0
    for (let round = 0; round < 6; round++) {
      const child = new StoreProcess(compiled.program, 'count', directory)
      const last = await untilStored(child, 100 + round * 137)
      await child.kill()
      stored = await numberIn(directory)
      expect(stored).toBeGreaterThanOrEqual(last)
      await rm(directory, { recursive: true })
      await makeJournaledDirectory(directory)
    }
  })

  it('is part of a backup that is made meanwhile', async () => {
    const child = new StoreProcess(compiled.program, 'count', directory)
    try {
      let stored = 0
      for (let round = 0; round < 6; round++) {
        stored = await untilStored(child, stored + 100 + round * 50)
        const target = join(parent, `backup ${round}`)
        await backupDirectory(directory, target)
        expect(await numberIn(target)).toBeGreaterThanOrEqual(stored)
      }
    } finally {
      await child.kill()
    }
  })

  it.skipIf(process.platform === 'win32')(
    'that cannot be written fails every commit from then on, and keeps the earlier ones',
    async () => {
      const limited = ['-c', 'ulimit -f 600; exec "$0" "$@"', process.execPath]
      const child = new StoreProcess(compiled.program, 'count', directory, '/bin/sh', limited)
      const lines = await child.rest()
      await child.ended
      const stored = lines.filter((line) => line.startsWith('stored')).length
      expect(stored).toBeGreaterThan(50)
      const failures = lines.slice(stored, -1)
      expect([failures.length, new Set(failures).size, lines.at(-1)]).toEqual([3, 1, 'closed'])
      expect(failures[0]).toMatch(
        /^failed Error: nothing more is stored in .*data: .*EFBIG.* \(free on its disk: \d+ MiB\)$/,
      )
      expect(await numberIn(directory)).toBe(stored)
    },
  )
})
