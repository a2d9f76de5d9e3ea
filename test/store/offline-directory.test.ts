import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DamagedBlobError, DamagedDefinitionError, DamagedRecordError } from '../../src/store/damaged-data-error.js'
import { backupDirectory } from '../../src/store/lmdb/backup-directory.js'
import { OWNER_FILE } from '../../src/store/lmdb/directory-owner.js'
import type { StoredItem } from '../../src/store/lmdb/examine.js'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import { OfflineDirectory, type PutAside } from '../../src/store/lmdb/offline-directory.js'
import type { MessageStore } from '../../src/store/message-store.js'
import { StoreOpenError } from '../../src/store/store-open-error.js'
import { type CompiledStore, compileStore } from './compiled-store.js'
import { blobIdsOf, definitionsOf, indexOf, recordsOf } from './message-store-contract.js'
import { StoreProcess } from './started-process.js'

let parent: string
let directory: string

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'leveret-offline-'))
  directory = join(parent, 'data')
})

afterEach(() => rm(parent, { recursive: true, force: true }))

const dataFile = () => join(directory, 'data.mdb')

/** The text of a value: its octets occur nowhere else in the file. */
const text = (what: string, octets: number) => Buffer.alloc(octets, `<${what}>`)

/** Records small and large, a removed one, settled ones, definitions and blobs. */
async function fill(): Promise<void> {
  const store = await openLmdbStore({ directory })
  for (let id = 1; id <= 40; id++) store.putDefinition(id, text(`definition ${id}`, 60))
  for (let seq = 0; seq < 120; seq++) {
    store.putRecord(1, seq, text(`record ${seq}`, seq % 4 === 0 ? 9_000 : 120), Buffer.from(`label ${seq}`))
    if (seq % 5 === 0) store.putSettled(1, seq, text(`settled ${seq}`, 20))
  }
  store.putRecord(2, 5, text('gone', 100))
  store.putBlob(1, text('blob 1', 40_000))
  store.putBlob(2, text('blob 2', 10))
  await store.commit()
  store.removeQueue(2)
  await store.commit()
  await store.close()
}

/** Everything that a store holds, as lines. */
async function everythingIn(store: MessageStore): Promise<string[]> {
  const blobs: string[] = []
  for (const id of await blobIdsOf(store)) blobs.push(`blob ${id} ${Buffer.from((await store.readBlob(id)) ?? [])}`)
  const definitions = Object.entries(await definitionsOf(store)).map(([id, line]) => `definition ${id} ${line}`)
  return [...definitions, ...(await recordsOf(store)), ...(await indexOf(store)), ...blobs]
}

async function everythingStored(where = directory): Promise<string[]> {
  const store = await openLmdbStore({ directory: where })
  try {
    return await everythingIn(store)
  } finally {
    await store.close()
  }
}

interface Examined {
  readonly items: string[]
  readonly damages: string[]
}

function itemLine(item: StoredItem): string {
  if (item.kind === 'definition') return `definition ${item.id} ${Buffer.from(item.bytes)}`
  if (item.kind === 'blob') return `blob ${item.blobId} ${Buffer.from(item.bytes)}`
  const settled = item.settled === undefined ? '' : ` settled ${Buffer.from(item.settled)}`
  return `${item.queueId}/${item.firstSeq} ${Buffer.from(item.label)} ${Buffer.from(item.bytes)}${settled}`
}

async function examined(): Promise<Examined> {
  const offline = await OfflineDirectory.open(directory)
  const found: Examined = { items: [], damages: [] }
  try {
    for await (const finding of offline.examine()) {
      if ('item' in finding) found.items.push(itemLine(finding.item))
      else found.damages.push(finding.damage)
    }
    return found
  } finally {
    await offline.close()
  }
}

async function repair(): Promise<PutAside> {
  const offline = await OfflineDirectory.open(directory)
  try {
    return await offline.repair((item) => item)
  } finally {
    await offline.close()
  }
}

/** Where the header of the last change is. */
const lastHeader = (bytes: Buffer) => (bytes.readBigUInt64LE(4096 + 152) > bytes.readBigUInt64LE(152) ? 4096 : 0)

/** Where the page is that leads to everything there is after the last change. */
const lastRoot = (bytes: Buffer) => Number(bytes.readBigUInt64LE(lastHeader(bytes) + 136)) * 4096

/** What is found in place of everything after the last change when that cannot be reached. */
const READS_EARLIER = 'the last change, so that what was before it is read instead'

/** Wipes out the header of the last change, so that only the state before it can be reached. */
async function wipeLastHeader(): Promise<void> {
  const bytes = await readFile(dataFile())
  const at = lastHeader(bytes)
  bytes.fill(0, at, at + 160)
  await writeFile(dataFile(), bytes)
}

/** Changes an octet of a value in the file, each time that it occurs. */
async function damage(value: Buffer, at = 5): Promise<void> {
  const bytes = await readFile(dataFile())
  let count = 0
  for (let found = bytes.indexOf(value); found >= 0; found = bytes.indexOf(value, found + value.length)) {
    bytes[found + at] = (bytes[found + at] ?? 0) ^ 1
    count++
  }
  expect(count).toBeGreaterThan(0)
  await writeFile(dataFile(), bytes)
}

describe('reading a data file with a flipped bit', () => {
  beforeEach(fill)

  async function withStore<T>(work: (store: MessageStore) => Promise<T>): Promise<T> {
    const store = await openLmdbStore({ directory })
    try {
      return await work(store)
    } finally {
      await store.close()
    }
  }

  it.each([
    [8, 9_000],
    [9, 120],
  ])('names record %i instead of handing it out, and reads the others', async (seq, octets) => {
    await damage(text(`record ${seq}`, octets), 50)
    await withStore(async (store) => {
      const error = await store.readRecords(1, seq, 120, 1e9).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(DamagedRecordError)
      expect(error).toMatchObject({ queueId: 1, firstSeq: seq })
      expect(String(error)).toContain(`the messages stored for queue 1 at ${seq} cannot be read`)
      const before = await store.readRecords(1, seq - 3, 120, 1e9)
      expect(before.map(({ firstSeq }) => firstSeq)).toEqual([seq - 3, seq - 2, seq - 1])
      expect(await store.readRecords(1, seq + 1, 120, 1e9)).toHaveLength(119 - seq)
      await expect(recordsOf(store)).rejects.toThrow(DamagedRecordError)
      expect(await indexOf(store)).toHaveLength(120)
    })
  })

  it('names a record whose note of settled messages is damaged', async () => {
    await damage(text('settled 15', 20))
    await withStore(async (store) => {
      await expect(store.readRecords(1, 15, 16, 1)).rejects.toMatchObject({ queueId: 1, firstSeq: 15 })
      await expect(indexOf(store)).rejects.toThrow('the note of settled messages stored for queue 1 at 15')
      await expect(recordsOf(store)).rejects.toThrow(DamagedRecordError)
    })
  })

  it('names a record whose label is damaged', async () => {
    await damage(Buffer.from('label 33'))
    await withStore((store) => expect(store.readRecords(1, 33, 34, 1)).rejects.toThrow(DamagedRecordError))
  })

  it('names blobs and definitions', async () => {
    await damage(text('blob 1', 40_000), 39_999)
    await damage(text('definition 7', 60))
    await withStore(async (store) => {
      await expect(store.readBlob(1)).rejects.toThrow(DamagedBlobError)
      expect(Buffer.from((await store.readBlob(2)) ?? [])).toEqual(text('blob 2', 10))
      await expect(definitionsOf(store)).rejects.toThrow(DamagedDefinitionError)
      await expect(definitionsOf(store)).rejects.toThrow('definition 7 cannot be read')
    })
  })
})

describe('examining a data directory', () => {
  beforeEach(fill)

  it('finds everything in an intact one, and changes nothing', async () => {
    const before = await readFile(dataFile())
    const { items, damages } = await examined()
    expect(damages).toEqual([])
    expect(items).toHaveLength(40 + 120 + 2)
    expect(items[0]).toBe(`definition 1 ${text('definition 1', 60)}`)
    expect(items[45]).toBe(`1/5 label 5 ${text('record 5', 120)} settled ${text('settled 5', 20)}`)
    expect(items.at(-1)).toBe(`blob 2 ${text('blob 2', 10)}`)
    expect(Buffer.compare(before, await readFile(dataFile()))).toBe(0)
    expect((await readdir(directory)).sort()).toEqual(['FORMAT', 'data.mdb', 'lock.mdb'])
  })

  it('names what is damaged, and no more', async () => {
    await damage(text('record 8', 9_000))
    await damage(text('settled 15', 20))
    await damage(text('definition 7', 60))
    await damage(text('blob 1', 40_000))
    const { items, damages } = await examined()
    expect(damages).toEqual([
      'definition 7',
      'the record at 8 of queue 1',
      'which messages are settled of the record at 15 of queue 1',
      'the shared message body 1',
    ])
    expect(items).toHaveLength(162 - 3)
    expect(items).toContain(`1/15 label 15 ${text('record 15', 120)}`)
  })

  it('goes on behind a page that is overwritten', async () => {
    const bytes = await readFile(dataFile())
    const page = Math.floor(bytes.lastIndexOf(text('record 61', 120)) / 4096)
    bytes.fill(0, page * 4096, (page + 1) * 4096)
    await writeFile(dataFile(), bytes)
    const { items, damages } = await examined()
    expect(damages).toEqual([
      expect.stringMatching(/^everything from the record at \d+ of queue 1 up to the record at \d+ of queue 1$/),
    ])
    const [from = 0, to = 0] = (damages[0] ?? '').match(/(?<=at )\d+/g)?.map(Number) ?? []
    expect(from).toBeLessThanOrEqual(61)
    expect(to).toBeGreaterThan(61)
    expect(items.length).toBeGreaterThan(100)
  })

  it('takes nothing twice when a page has come to lie in the place of another', async () => {
    const bytes = await readFile(dataFile())
    const pageOf = (seq: number) => Math.floor(bytes.lastIndexOf(text(`record ${seq}`, 120)) / 4096) * 4096
    const [from, to] = [pageOf(21), pageOf(81)]
    expect(from).not.toBe(to)
    // Behind its number, which says where it belongs.
    bytes.copyWithin(to + 8, from + 8, from + 4096)
    await writeFile(dataFile(), bytes)
    const { items, damages } = await examined()
    expect(new Set(items).size).toBe(items.length)
    expect(items.some((item) => item.startsWith('1/21 '))).toBe(true)
    expect(items.some((item) => item.startsWith('1/81 '))).toBe(false)
    expect(damages.length).toBeGreaterThan(0)
  })

  it('finds the state before the last one when the last one cannot be reached', async () => {
    await wipeLastHeader()
    const { items, damages } = await examined()
    expect(damages[0]).toContain('one of the two headers')
    expect(items).toContain(`2/5  ${text('gone', 100)}`)
    expect(items).toHaveLength(163)
  })

  it('finds the state before the last one when the last one has lost its root, and says so', async () => {
    const bytes = await readFile(dataFile())
    bytes.fill(0, lastRoot(bytes), lastRoot(bytes) + 4096)
    await writeFile(dataFile(), bytes)
    const { items, damages } = await examined()
    expect(damages).toEqual([READS_EARLIER])
    expect(items).toContain(`2/5  ${text('gone', 100)}`)
    expect(items).toHaveLength(163)
  })

  it('says so when nothing can be reached, or the file is missing', async () => {
    const bytes = await readFile(dataFile())
    await writeFile(dataFile(), bytes.fill(0x5a))
    expect(await examined()).toEqual({
      items: [],
      damages: [expect.stringContaining('one of the two headers'), expect.stringContaining('as a whole')],
    })
    await rm(dataFile())
    expect((await examined()).damages).toEqual([expect.stringContaining('missing')])
  })

  it('names what is missing at the end of a truncated file (corner persistence 4)', async () => {
    const bytes = await readFile(dataFile())
    const { items } = await examined()
    for (const part of [0.2, 0.5, 0.8, 0.99]) {
      await writeFile(dataFile(), bytes.subarray(0, Math.floor(bytes.length * part)))
      const found = await examined()
      expect(found.damages.length).toBeGreaterThan(0)
      expect(found.items.filter((item) => !items.includes(item))).toEqual([])
    }
  })

  it('never takes damaged octets for what was stored, wherever they are, and saves the rest', async () => {
    const good = await readFile(dataFile())
    const { items } = await examined()
    await wipeLastHeader()
    const earlier = (await examined()).items
    expect(earlier.filter((item) => !items.includes(item))).toEqual([`2/5  ${text('gone', 100)}`])
    const withoutNote = (line: string) => line.replace(/ settled <.*$/, '')
    const knownOf = (lines: string[]) => new Set([...lines, ...lines.map(withoutNote)])
    const [known, knownEarlier] = [knownOf(items), knownOf(earlier)]
    const place = fc.integer({ min: 8192, max: good.length - 1 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(place, fc.integer({ min: 0, max: 255 })), { minLength: 1 }),
        async (octets) => {
          const bytes = Buffer.from(good)
          for (const [at, octet] of octets) bytes[at] = octet
          await writeFile(dataFile(), bytes)
          const found = await examined()
          const stored = found.damages.includes(READS_EARLIER) ? knownEarlier : known
          expect(found.items.filter((item) => !stored.has(item))).toEqual([])
          if (found.damages.length === 0) expect(found.items).toEqual(items)
          if (found.items.length === 0) return
          await repair()
          expect(await examined()).toEqual({ items: found.items, damages: [] })
          await everythingStored()
        },
      ),
      { numRuns: 60, examples: [[[[lastRoot(good), 0]]]] },
    )
  })
})

describe('repairing a data directory', () => {
  it('keeps what is intact and wanted, and puts the damaged file aside (corner persistence 4)', async () => {
    await fill()
    await damage(text('record 8', 9_000))
    const damaged = await readFile(dataFile())
    const offline = await OfflineDirectory.open(directory)
    const putAside = await offline.repair((item) => (item.kind === 'definition' && item.id === 3 ? undefined : item))
    await offline.close()
    expect(putAside).toEqual({ dataFile: 'data.mdb.damaged', recordFolder: undefined })
    expect(Buffer.compare(await readFile(join(directory, 'data.mdb.damaged')), damaged)).toBe(0)
    expect((await stat(dataFile())).mode & 0o777).toBe(0o600)
    const lines = await everythingStored()
    expect(lines.filter((line) => /^(1\/8|definition 3) /.test(line))).toEqual([])
    expect(lines).toHaveLength(39 + 119 + 119 + 2)
    await damage(text('record 9', 120))
    expect((await repair()).dataFile).toBe('data.mdb.damaged-2')
  })

  it('is refused while the directory is in use', async () => {
    const store = await openLmdbStore({ directory })
    await expect(OfflineDirectory.open(directory)).rejects.toThrow(`is used by the running process ${process.pid}`)
    await store.close()
  })

  it('is refused where there is no data directory', async () => {
    await expect(OfflineDirectory.open(directory)).rejects.toThrow(StoreOpenError)
    await expect(OfflineDirectory.open(parent)).rejects.toThrow(`the directory ${parent} has no data in it`)
    expect(await readdir(parent)).toEqual([])
  })
})

describe('compacting a data directory', () => {
  it('gives the room of removed records back, and keeps everything else (corner persistence 7)', async () => {
    await fill()
    const store = await openLmdbStore({ directory })
    for (let seq = 0; seq < 200; seq++) store.putRecord(3, seq, Buffer.alloc(50_000, seq))
    await store.commit()
    store.removeQueue(3)
    await store.commit()
    await store.close()
    const stored = await everythingStored()
    const offline = await OfflineDirectory.open(directory)
    const { before, after } = await offline.compact()
    await offline.close()
    expect(before).toBeGreaterThan(200 * 50_000)
    expect(after).toBe((await stat(dataFile())).size)
    expect(after).toBeLessThan(before / 10)
    expect((await stat(dataFile())).mode & 0o777).toBe(0o600)
    expect((await readdir(directory)).sort()).toEqual(['FORMAT', 'data.mdb'])
    expect(await everythingStored()).toEqual(stored)
    // The file goes on working when it is written to.
    const again = await openLmdbStore({ directory })
    again.putRecord(9, 0, text('new', 20_000))
    await again.commit()
    await again.close()
    expect(await everythingStored()).toHaveLength(stored.length + 2)
  })

  it('refuses a damaged file and leaves it as it is', async () => {
    await fill()
    const bytes = await readFile(dataFile())
    const cut = bytes.subarray(0, bytes.length / 2)
    await writeFile(dataFile(), cut)
    const offline = await OfflineDirectory.open(directory)
    await expect(offline.compact()).rejects.toThrow(StoreOpenError)
    await offline.close()
    expect(Buffer.compare(await readFile(dataFile()), cut)).toBe(0)
  })
})

describe('backing up a data directory', () => {
  it('makes a directory that can be used, of one that is not in use', async () => {
    await fill()
    const target = join(parent, 'a', 'copy')
    const octets = await backupDirectory(directory, target)
    expect(octets).toBe((await stat(join(target, 'data.mdb'))).size)
    expect((await readdir(target)).sort()).toEqual(['FORMAT', 'data.mdb'])
    expect((await stat(join(target, 'data.mdb'))).mode & 0o777).toBe(0o600)
    expect(await everythingStored(target)).toEqual(await everythingStored())
  })

  it('refuses a target with something in it, and one in the directory itself', async () => {
    await fill()
    await writeFile(join(parent, 'mine.txt'), 'mine')
    await expect(backupDirectory(directory, parent)).rejects.toThrow(
      `the directory ${parent} has files in it, such as "data": choose an empty one with --to`,
    )
    await expect(backupDirectory(directory, join(directory, 'copy'))).rejects.toThrow('in the data directory itself')
    await expect(backupDirectory(directory, directory)).rejects.toThrow('in the data directory itself')
    await expect(backupDirectory(directory, join(parent, 'mine.txt'))).rejects.toThrow('no backup can be written to')
    expect((await readdir(directory)).sort()).toEqual(['FORMAT', 'data.mdb', 'lock.mdb'])
  })

  it('refuses a source that has no data, or a damaged file, and leaves no copy', async () => {
    const target = join(parent, 'copy')
    await expect(backupDirectory(directory, target)).rejects.toThrow(StoreOpenError)
    await fill()
    const bytes = await readFile(dataFile())
    await writeFile(dataFile(), bytes.subarray(0, bytes.length / 2))
    await expect(backupDirectory(directory, target)).rejects.toThrow('is damaged')
    await rm(dataFile())
    await expect(backupDirectory(directory, target)).rejects.toThrow('there is no data in')
    expect(await readdir(target)).toEqual([])
  })

  it('copies one state while this process writes', async () => {
    const store = await openLmdbStore({ directory })
    store.putRecord(1, 0, text('record', 100))
    await store.commit()
    await backupDirectory(directory, join(parent, 'copy'))
    store.putRecord(1, 1, text('later', 100))
    await store.commit()
    await store.close()
    expect(await everythingStored(join(parent, 'copy'))).toEqual([`1/0 ${text('record', 100)}`, '1/0 '])
    expect(await everythingStored()).toHaveLength(4)
  })
})

describe('a data directory and another process', () => {
  let compiled: CompiledStore

  beforeAll(async () => {
    compiled = await compileStore()
  })

  afterAll(() => compiled.cleanUp())

  it('is backed up in one state while the other process writes to it', async () => {
    const writer = new StoreProcess(compiled.program, 'stamp', directory)
    for (let copy = 0; copy < 4; copy++) {
      let stored = 0
      while (stored < (copy + 1) * 15) stored = Number(/^stored (\d+)$/.exec((await writer.line()) ?? '')?.[1])
      const target = join(parent, `copy ${copy}`)
      await backupDirectory(directory, target)
      expect(await stampIn(target)).toBeGreaterThanOrEqual(stored)
    }
    await writer.kill()
    await stampIn(directory)
  })

  /** The batch of which everything in a directory is. */
  async function stampIn(where: string): Promise<number> {
    const store = await openLmdbStore({ directory: where })
    const stamp = Buffer.from((await definitionsOf(store))[1] ?? '', 'latin1').readUInt32BE()
    let records = 0
    for await (const { bytes } of store.loadRecords()) {
      expect(Buffer.from(bytes).readUInt32BE()).toBe(stamp)
      records++
    }
    expect(records).toBe(80)
    await store.close()
    return stamp
  }

  it('has everything when the other process is killed while it compacts', async () => {
    await fill()
    const stored = await everythingStored()
    for (let attempt = 0; attempt < 12; attempt++) {
      const child = new StoreProcess(compiled.program, 'compact', directory)
      expect(await child.line()).toBe('compacting')
      // Where it is by then does not matter, as long as it differs.
      await delay(attempt * 5)
      await child.kill()
      const copy = join(parent, 'copy')
      await cp(directory, copy, { recursive: true, filter: (path) => !OWNER_FILE.test(basename(path)) })
      expect(await everythingStored(copy)).toEqual(stored)
      await rm(copy, { recursive: true })
    }
    expect(await everythingStored()).toEqual(stored)
    const names = (await readdir(directory)).filter((name) => !OWNER_FILE.test(name))
    expect(names.sort()).toEqual(['FORMAT', 'data.mdb', 'lock.mdb'])
  })
})
