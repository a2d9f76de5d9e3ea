import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Place } from '../../src/store/batch.js'
import { backupDirectory } from '../../src/store/lmdb/backup-directory.js'
import type { StoredItem } from '../../src/store/lmdb/examine.js'
import { HeldRecordFiles, RecordFileMissedError } from '../../src/store/lmdb/held-record-files.js'
import { JOURNAL_FILES } from '../../src/store/lmdb/journal-recovery.js'
import { placedKey, placeKey } from '../../src/store/lmdb/keys.js'
import { type BlockWriter, LmdbFile } from '../../src/store/lmdb/lmdb-file.js'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import { OfflineDirectory } from '../../src/store/lmdb/offline-directory.js'
import type { StoredRecord } from '../../src/store/message-store.js'
import { type CompiledStore, compileStore } from './compiled-store.js'
import { makeJournaledDirectory } from './journaled-directory.js'
import { definitionsOf } from './message-store-contract.js'
import { PLACING_FILES, PLACING_JOURNAL, placedRecords } from './placed-records.js'
import { StoreProcess } from './started-process.js'

let parent: string
let directory: string
let compiled: CompiledStore

beforeAll(async () => {
  compiled = await compileStore()
})

afterAll(() => compiled.cleanUp())

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'leveret-record-tools-'))
  directory = join(parent, 'data')
})

afterEach(() => rm(parent, { recursive: true, force: true }))

const open = (where = directory, recordFileLimits = PLACING_FILES) =>
  openLmdbStore({ directory: where, journalLimits: PLACING_JOURNAL, recordFileLimits })

const recordFiles = (where = directory) => readdir(join(where, 'records'))

/** The batch whose state a directory has, octet by octet. */
async function batchIn(where: string): Promise<number> {
  const store = await open(where)
  try {
    const batch = Number((await definitionsOf(store))[1])
    const expected = [...placedRecords(batch)]
    let found = 0
    for await (const { queueId, firstSeq, bytes } of store.loadRecords()) {
      const wanted = expected[found++]
      expect([queueId, firstSeq]).toEqual([wanted?.queueId, wanted?.firstSeq])
      expect(wanted?.bytes.equals(bytes)).toBe(true)
    }
    expect(found).toBe(expected.length)
    return batch
  } finally {
    await store.close()
  }
}

describe('a backup of a directory whose record files come and go', () => {
  it('holds whatever was confirmed before it began', async () => {
    await makeJournaledDirectory(directory, PLACING_JOURNAL)
    const writer = new StoreProcess(compiled.program, 'place', directory)
    try {
      let stored = 0
      for (let copy = 0; copy < 12; copy++) {
        while (stored < (copy + 1) * 70) stored = Number(/^stored (\d+)$/.exec((await writer.line()) ?? '')?.[1])
        const target = join(parent, `copy ${copy}`)
        const octets = await backupDirectory(directory, target)
        expect((await readdir(target)).sort()).toEqual(['FORMAT', 'data.mdb', 'journal-0', 'journal-1', 'records'])
        expect(octets).toBe(await sizeOf(target, 'data.mdb', ...(await pathsOfRecords(target))))
        for (const path of await pathsOfRecords(target))
          expect((await stat(join(target, path))).mode & 0o777).toBe(0o600)
        expect((await examined(target)).damages).toEqual([])
        expect(await batchIn(target)).toBeGreaterThanOrEqual(stored)
        await rm(target, { recursive: true })
      }
    } finally {
      await writer.kill()
    }
    expect(Number((await recordFiles()).at(-1))).toBeGreaterThan(100)
    expect((await examined()).damages).toEqual([])
    await batchIn(directory)
  })
})

/** Where things are in a directory that was filled. */
const dataFile = () => join(directory, 'data.mdb')
const recordFile = (number: number) => join(directory, 'records', String(number).padStart(10, '0'))

/** Octets that occur nowhere else. */
const text = (what: string, octets: number) => Buffer.alloc(octets, `<${what}>`)

const SEQS = 30

/** With these, nothing is moved out of a file. */
const UNCLEARED = { ...PLACING_FILES, wasteOctets: Number.POSITIVE_INFINITY }

/** What `fill` stores, as `lineOf` has it: large records in record files, and small ones, some with bitmaps. */
function* filled(): Generator<StoredRecord & { label: Buffer }> {
  for (const queueId of [1, 2]) {
    for (let firstSeq = 0; firstSeq < SEQS; firstSeq++) {
      const bytes = text(`record ${queueId}/${firstSeq}`, firstSeq % 5 === 4 ? 200 : 5_000 + firstSeq * 300)
      const settled = firstSeq % 4 === 0 ? text(`settled ${queueId}/${firstSeq}`, 20) : undefined
      yield { queueId, firstSeq, bytes, settled, label: Buffer.from(`label ${firstSeq}`) }
    }
  }
}

function lineOf({ queueId, firstSeq, bytes, settled }: StoredRecord): string {
  return `${queueId}/${firstSeq} ${bytes.length} ${crc32(bytes)} ${settled === undefined ? '' : Buffer.from(settled)}`
}

/** @param beforeClose while the journal still holds the last batch. */
async function fill(beforeClose?: () => Promise<unknown>, limits = PLACING_FILES): Promise<void> {
  await makeJournaledDirectory(directory, PLACING_JOURNAL)
  const store = await open(directory, limits)
  for (const { queueId, firstSeq, bytes, settled, label } of filled()) {
    store.putRecord(queueId, firstSeq, bytes, label)
    if (settled) store.putSettled(queueId, firstSeq, settled)
    if (firstSeq % 6 === 5) await store.commit()
  }
  store.putDefinition(1, text('definition', 60))
  await store.commit()
  await beforeClose?.()
  await store.close()
}

async function stored(where = directory): Promise<string[]> {
  const store = await open(where)
  const lines: string[] = []
  for await (const record of store.loadRecords()) lines.push(lineOf(record))
  await store.close()
  return lines
}

async function offline<Result>(
  work: (directory: OfflineDirectory) => Promise<Result>,
  where = directory,
): Promise<Result> {
  const opened = await OfflineDirectory.open(where)
  try {
    return await work(opened)
  } finally {
    await opened.close()
  }
}

/** Records and their places, and what is damaged. */
function examined(where = directory) {
  return offline(async (opened) => {
    const items: Extract<StoredItem, { kind: 'record' }>[] = []
    const damages: string[] = []
    for await (const finding of opened.examine()) {
      if ('damage' in finding) damages.push(finding.damage)
      else if (finding.item.kind === 'record') items.push(finding.item)
    }
    damages.push(...((await opened.journal())?.damages ?? []).map(({ damage }) => damage))
    return { items, lines: items.map(lineOf), damages }
  }, where)
}

const repair = (where = directory) => offline((opened) => opened.repair((item) => item), where)

/** Changes an octet of a text in a file of the directory, wherever it is. */
async function spoil(path: string, what: Buffer): Promise<void> {
  const bytes = await readFile(path)
  let found = 0
  for (let at = bytes.indexOf(what); at >= 0; at = bytes.indexOf(what, at + 1), found++) bytes.writeUInt8(0, at + 1)
  expect(found).toBeGreaterThan(0)
  await writeFile(path, bytes)
}

async function placeIn(queueId: number, firstSeq: number): Promise<Place> {
  const found = (await examined()).items.find((item) => item.queueId === queueId && item.firstSeq === firstSeq)
  if (found?.place === undefined) throw new Error('the record is not placed')
  return found.place
}

async function change(write: (to: BlockWriter) => void): Promise<void> {
  const file = new LmdbFile(directory)
  await file.write(() => write)
  await file.close()
}

const ALL = () => [...filled()].map(lineOf)
const without = (...seqs: string[]) => ALL().filter((line) => !seqs.includes(line.slice(0, line.indexOf(' '))))

describe('a backup of a directory with record files', () => {
  it('has those that are needed, and no others', async () => {
    await fill()
    await writeFile(recordFile(999), 'of a broker that was killed')
    const target = join(parent, 'copy')
    await backupDirectory(directory, target)
    const needed = new Set((await examined()).items.flatMap(({ place }) => place?.file ?? []))
    expect((await recordFiles(target)).map(Number)).toEqual([...needed].sort((a, b) => a - b))
    expect((await stat(join(target, 'records'))).mode & 0o777).toBe(0o700)
    expect(await stored(target)).toEqual(ALL())
  })

  it('holds on to a file that is removed meanwhile, and knows what it may have missed', async () => {
    await mkdir(join(directory, 'records'), { recursive: true })
    await writeFile(recordFile(2), 'second')
    const held = new HeldRecordFiles(directory)
    await held.holdNew()
    await rm(recordFile(2))
    await writeFile(recordFile(3), 'third')
    await held.holdNew()
    await rm(recordFile(3))
    const copied = (...needed: [number, number][]) => held.copy(new Map(needed), join(parent, String(needed)))
    for (const needed of ['2,6,3,5', '4,1', '1,1', '2,7']) await mkdir(join(parent, needed))
    expect(await copied([2, 6], [3, 5])).toBe(11)
    await expect(copied([4, 1])).rejects.toThrow(RecordFileMissedError)
    await expect(copied([1, 1])).rejects.toThrow('records/0000000001 in')
    await expect(copied([2, 7])).rejects.toThrow('records/0000000002 in')
    // As a broker does that was started meanwhile.
    await writeFile(recordFile(2), 'another')
    await expect(held.holdNew()).rejects.toThrow(RecordFileMissedError)
    await held.close()
  })

  it('is begun anew when files come and go too quickly, and given up in the end', async () => {
    await fill()
    const target = join(parent, 'copy')
    const other = join(parent, 'other')
    const bytes = await readFile(recordFile(1))
    let isDone = false
    const copying = expect(backupDirectory(directory, target))
      .rejects.toThrow(`the record files in ${directory} came and went too quickly to be copied: make the backup again`)
      .finally(() => (isDone = true))
    while (!isDone) {
      await writeFile(other, bytes)
      await rename(other, recordFile(1))
    }
    await copying
    expect(await readdir(target)).toEqual([])
    await backupDirectory(directory, target)
    expect(await stored(target)).toEqual(ALL())
  })

  it('is refused when one of them is missing or too short, and leaves nothing', async () => {
    await fill()
    const target = join(parent, 'copy')
    await truncate(recordFile(2), 100)
    await expect(backupDirectory(directory, target)).rejects.toThrow(
      `records/0000000002 in ${directory} is missing, or`,
    )
    await rm(recordFile(1))
    await expect(backupDirectory(directory, target)).rejects.toThrow(
      `records/0000000001 in ${directory} is missing, or`,
    )
    expect(await readdir(target)).toEqual([])
  })
})

describe('examining a directory with record files', () => {
  it('finds everything in an intact one, and changes nothing', async () => {
    await fill()
    const [before, names] = [await readFile(dataFile()), await recordFiles()]
    const { items, lines, damages } = await examined()
    expect(damages).toEqual([])
    expect(lines).toEqual(ALL())
    for (const { bytes, place } of items) expect(place?.octets).toBe(bytes.length >= 4096 ? bytes.length : undefined)
    expect(Buffer.compare(before, await readFile(dataFile()))).toBe(0)
    expect(await recordFiles()).toEqual(names)
    expect(names.length).toBeGreaterThan(2)
  })

  it('finds nothing wrong in what a killed process leaves, nor after the next start', async () => {
    for (let round = 1; round <= 6; round++) {
      await makeJournaledDirectory(directory, PLACING_JOURNAL)
      const writer = new StoreProcess(compiled.program, 'place', directory)
      for (let line = 0; line < round * 37; line++) await writer.line()
      await writer.kill()
      expect((await examined()).damages).toEqual([])
      expect(await batchIn(directory)).toBeGreaterThanOrEqual(round * 37)
      expect((await examined()).damages).toEqual([])
      await rm(directory, { recursive: true })
    }
  })

  it('names a record whose octets are damaged, and its file', async () => {
    await fill()
    const { file } = await placeIn(2, 7)
    await spoil(recordFile(file), text('record 2/7', 20))
    const { lines, damages } = await examined()
    expect(damages).toEqual([`the record at 7 of queue 2, in records/${String(file).padStart(10, '0')}`])
    expect(lines).toEqual(without('2/7'))
  })

  it('names records whose file is missing, or too short', async () => {
    await fill()
    const { items } = await examined()
    const inFile = (number: number) => items.filter(({ place }) => place?.file === number)
    await rm(recordFile(1))
    const [last] = inFile(2).sort((a, b) => (b.place?.offset ?? 0) - (a.place?.offset ?? 0))
    await truncate(recordFile(2), (last?.place?.offset ?? 0) + 100)
    const { lines, damages } = await examined()
    const named = (seq: number, queueId: number) => `the record at ${seq} of queue ${queueId}`
    expect(damages.sort()).toEqual(
      [
        ...inFile(1).map(({ firstSeq, queueId }) => `${named(firstSeq, queueId)}, as records/0000000001 is missing`),
        `${named(last?.firstSeq ?? 0, last?.queueId ?? 0)}, as records/0000000002 ends before it does`,
      ].sort(),
    )
    expect(lines).toHaveLength(ALL().length - damages.length)
  })

  it('names a note of a place that is damaged or missing, without which the next start would remove the record', async () => {
    await fill()
    const [damaged, missing] = [await placeIn(1, 3), await placeIn(2, 6)]
    const name = (number: number) => `records/${String(number).padStart(10, '0')}`
    await change((to) => to.remove(placeKey(missing)))
    const found = await examined()
    expect(found.damages).toEqual([`the note that keeps the record at 6 of queue 2 in ${name(missing.file)}`])
    expect(found.lines).toEqual(ALL())
    await change((to) => to.put(placeKey(damaged), Buffer.from('no note')))
    expect((await examined()).damages).toEqual([`the note of what lies at ${damaged.offset} of ${name(damaged.file)}`])
    await repair()
    expect((await examined()).damages).toEqual([])
    expect(await stored()).toEqual(ALL())
  })

  it('names notes of places where no record is, which would keep a file for good', async () => {
    await fill()
    const place = await placeIn(1, 3)
    await change((to) => to.remove(placedKey(1, 3, Buffer.from('label 3'), place)))
    expect((await examined()).damages).toEqual(['records in record files that a note is about'])
    await repair()
    expect(await examined()).toMatchObject({ lines: without('1/3'), damages: [] })
  })

  it('counts notes that are left over', async () => {
    await fill()
    const [one, other] = [await placeIn(1, 3), await placeIn(2, 6)]
    await change((to) => {
      to.remove(placedKey(1, 3, Buffer.from('label 3'), one))
      to.remove(placedKey(2, 6, Buffer.from('label 6'), other))
    })
    expect((await examined()).damages).toEqual(['records in record files that 2 notes are about'])
  })

  it('names what the journal of a killed broker refers to and is damaged, and saves the rest of it', async () => {
    const killed = join(parent, 'killed')
    const isOwner = (path: string) => path.includes('owner-')
    await fill(() => cp(directory, killed, { recursive: true, filter: (path) => !isOwner(path) }))
    const places = (await examined(killed)).items.length
    expect(places).toBeLessThan(ALL().length)
    for (const name of await recordFiles(killed)) {
      const bytes = await readFile(join(killed, 'records', name))
      const at = bytes.indexOf(text('record 2/28', 20))
      if (at < 0) continue
      bytes.writeUInt8(0, at + 1)
      await writeFile(join(killed, 'records', name), bytes)
    }
    expect((await examined(killed)).damages).toEqual([
      expect.stringMatching(/^the record at 28 of queue 2, in records\/\d{10}$/),
    ])
    await repair(killed)
    expect((await examined(killed)).damages).toEqual([])
    expect(await stored(killed)).toEqual(without('2/28'))
  })

  it('never takes damaged octets for what was stored, wherever they are, and saves the rest', async () => {
    await fill()
    const good = join(parent, 'good')
    await cp(directory, good, { recursive: true })
    // From an earlier state of the data file, the journal would go on.
    for (const name of JOURNAL_FILES) await rm(join(good, name))
    const known = new Set(ALL().flatMap((line) => [line, line.replace(/ <settled.*$/, ' ')]))
    const names = ['data.mdb', ...(await pathsOfRecords(directory))]
    const damage = fc.record({
      name: fc.constantFrom(...names),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      octet: fc.integer({ min: 0, max: 255 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1 }), async (damages) => {
        await rm(directory, { recursive: true })
        await cp(good, directory, { recursive: true })
        for (const { name, at, octet } of damages) {
          const bytes = await readFile(join(directory, name))
          bytes[name === 'data.mdb' ? 8192 + Math.floor(at * (bytes.length - 8192)) : Math.floor(at * bytes.length)] =
            octet
          await writeFile(join(directory, name), bytes)
        }
        const found = await examined()
        expect(found.lines.filter((line) => !known.has(line))).toEqual([])
        if (found.damages.length === 0) expect(found.lines).toEqual(ALL())
        await repair()
        expect(await examined()).toMatchObject({ lines: found.lines, damages: [] })
        expect(await stored()).toEqual(found.lines)
      }),
      { numRuns: 40 },
    )
  })
})

describe('repairing a directory with record files', () => {
  it('leaves what is whole in its place, and keeps the files for the damaged one until the user removes them', async () => {
    await fill()
    const { file } = await placeIn(2, 7)
    await spoil(recordFile(file), text('record 2/7', 20))
    const places = new Map((await examined()).items.map((item) => [lineOf(item), item.place]))
    const files = await recordFiles()
    expect(await repair()).toEqual({ dataFile: 'data.mdb.damaged', recordFolder: 'records.damaged' })
    expect(await recordFiles()).toEqual(files)
    const { items, damages } = await examined()
    expect(damages).toEqual([])
    expect(new Map(items.map((item) => [lineOf(item), item.place]))).toEqual(places)
    const store = await open()
    store.removeQueue(1)
    store.removeQueue(2)
    await store.commit()
    await store.close()
    expect(await stored()).toEqual([])
    expect(await recordFiles()).toEqual([])
    // What was put aside can be put back.
    const again = join(parent, 'again')
    await cp(directory, again, { recursive: true })
    await rename(join(again, 'data.mdb.damaged'), join(again, 'data.mdb'))
    await rm(join(again, 'records'), { recursive: true })
    await rename(join(again, 'records.damaged'), join(again, 'records'))
    expect((await examined(again)).lines).toEqual(without('2/7'))
    expect((await repair(again)).recordFolder).toBe('records.damaged')
    expect((await repair(again)).recordFolder).toBe('records.damaged-2')
  })

  it('stores what it is given in place of a record in the data file', async () => {
    await fill()
    const before = await placeIn(1, 2)
    await offline((opened) =>
      opened.repair((item) =>
        item.kind === 'record' && item.firstSeq === 2 ? { ...item, bytes: text(`other ${item.queueId}`, 6_000) } : item,
      ),
    )
    const { items, damages } = await examined()
    expect(damages).toEqual([])
    const changed = items.filter(({ firstSeq }) => firstSeq === 2)
    expect(changed.map(({ bytes, place }) => [Buffer.from(bytes), place])).toEqual([
      [text('other 1', 6_000), undefined],
      [text('other 2', 6_000), undefined],
    ])
    expect(before.file).toBe(1)
    expect(await stored()).toHaveLength(ALL().length)
  })
})

describe('compacting a directory with record files', () => {
  const compact = (where = directory) => offline((opened) => opened.compact(), where)
  const isOwner = (path: string) => path.includes('owner-')

  /** Leaves one record in nine in files that nobody has moved anything out of. */
  async function fillAndThin(beforeClose?: () => Promise<unknown>): Promise<string[]> {
    await fill(undefined, UNCLEARED)
    const store = await open(directory, UNCLEARED)
    for (const { queueId, firstSeq } of filled()) {
      if (firstSeq % 9 !== 1) store.removeRecords(queueId, firstSeq, firstSeq + 1)
    }
    await store.commit()
    await beforeClose?.()
    await store.close()
    return ALL().filter((line) => Number(/\/(\d+) /.exec(line)?.[1]) % 9 === 1)
  }

  it('moves what is left together, keeps everything, and counts the record files', async () => {
    const lines = await fillAndThin()
    const size = async () => sizeOf(directory, 'data.mdb', ...(await pathsOfRecords(directory)))
    const sizeBefore = await size()
    const { before, after } = await compact()
    expect([before, after]).toEqual([sizeBefore, await size()])
    expect(after).toBeLessThan(before / 3)
    expect(await recordFiles()).toHaveLength(1)
    expect((await examined()).damages).toEqual([])
    expect(await stored()).toEqual(lines)
    expect((await compact()).after).toBe(after)
  })

  it('keeps what only the journal of a killed broker refers to', async () => {
    const killed = join(parent, 'killed')
    await fill(() => cp(directory, killed, { recursive: true, filter: (path) => !isOwner(path) }), UNCLEARED)
    expect((await examined(killed)).lines.length).toBeLessThan(ALL().length)
    await compact(killed)
    expect(await stored(killed)).toEqual(ALL())
  })

  it('leaves what the journal removes removed', async () => {
    const killed = join(parent, 'killed')
    const lines = await fillAndThin(() => cp(directory, killed, { recursive: true, filter: (path) => !isOwner(path) }))
    await compact(killed)
    expect((await examined(killed)).lines.length).toBeGreaterThan(lines.length)
    expect(await stored(killed)).toEqual(lines)
  })

  it('refuses a directory with a record file missing, and leaves it as it is', async () => {
    await fillAndThin()
    const place = await placeIn(2, 28)
    await rm(recordFile(place.file))
    const before = await readFile(dataFile())
    await expect(compact()).rejects.toThrow(
      `records/${String(place.file).padStart(10, '0')} in ${directory} is missing`,
    )
    expect(Buffer.compare(before, await readFile(dataFile()))).toBe(0)
  })

  it('has everything when its process is killed meanwhile', async () => {
    const lines = await fillAndThin()
    const good = join(parent, 'good')
    await cp(directory, good, { recursive: true })
    for (let attempt = 0; attempt < 12; attempt++) {
      const child = new StoreProcess(compiled.program, 'compact', directory)
      expect(await child.line()).toBe('compacting')
      // Where it is by then does not matter, as long as it differs.
      await delay(attempt * 3)
      await child.kill()
      expect((await examined()).damages).toEqual([])
      expect(await stored()).toEqual(lines)
      await rm(directory, { recursive: true })
      await cp(good, directory, { recursive: true })
    }
  })
})

async function pathsOfRecords(where: string): Promise<string[]> {
  return (await recordFiles(where)).map((name) => join('records', name))
}

async function sizeOf(where: string, ...names: string[]): Promise<number> {
  let octets = 0
  for (const name of names) octets += (await stat(join(where, name))).size
  return octets
}
