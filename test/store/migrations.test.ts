import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { open } from 'lmdb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Log, silentLog } from '../../src/base/log.js'
import { formatKey, formatValue, journalKey } from '../../src/store/lmdb/keys.js'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import { FORMAT_VERSION, MIGRATIONS } from '../../src/store/lmdb/migrations.js'
import { OfflineDirectory } from '../../src/store/lmdb/offline-directory.js'
import { type CompiledStore, compileStore } from './compiled-store.js'
import { definitionsOf, indexOf, recordsOf } from './message-store-contract.js'
import { binaryFile, oldRecord, writeOldDirectory } from './old-directory.js'
import { StoreProcess } from './started-process.js'

let parent: string
let directory: string

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'leveret-migration-'))
  directory = join(parent, 'data')
})

afterEach(() => rm(parent, { recursive: true, force: true }))

/** Opens the store, and expects in it what `writeOldDirectory` wrote. @returns what was logged. */
async function expectMigrated(records: number, recordBytes: number): Promise<string[]> {
  const lines: string[] = []
  const log: Log = { ...silentLog, info: (fields, text) => void lines.push(`${text} ${JSON.stringify(fields)}`) }
  const store = await openLmdbStore({ directory, log })
  const settled = (seq: number) => (seq % 3 === 0 ? ` settled settled ${seq}` : '')
  const seqs = Array.from({ length: records }, (_, seq) => seq)
  expect(await recordsOf(store)).toEqual([
    ...seqs.map((seq) => `7/${seq} ${oldRecord(seq, recordBytes)}${settled(seq)}`),
    ...[9, 12].map((seq) => `8/${seq} ${oldRecord(seq, 5)}`),
  ])
  expect(await indexOf(store)).toEqual([...seqs.map((seq) => `7/${seq} ${settled(seq)}`), '8/9 ', '8/12 '])
  expect(await definitionsOf(store)).toEqual({ 7: '{"kind":"queue","value":{}}' })
  await store.close()
  return lines
}

describe('a data directory of an older format', () => {
  it('is brought to the present one when it is opened, which is logged', async () => {
    await writeOldDirectory(directory, 30, 100)
    const lines = await expectMigrated(30, 100)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toContain('bringing the data directory to the present format')
    expect(lines[0]).toContain(`"from":1,"to":${FORMAT_VERSION}`)
    expect(lines[1]).toContain('"ms":')
    expect(await readFile(join(directory, 'FORMAT'), 'utf8')).toBe(`leveret-data ${FORMAT_VERSION}\n`)
    expect((await readdir(directory)).sort()).toEqual(['FORMAT', 'data.mdb', 'lock.mdb'])
    expect(await expectMigrated(30, 100)).toEqual([])
  })

  it('may be empty', async () => {
    await writeOldDirectory(directory, 0, 0)
    await expectMigrated(0, 0)
    await rm(join(directory, 'data.mdb'))
    await writeFile(join(directory, 'FORMAT'), 'leveret-data 1\n')
    const store = await openLmdbStore({ directory })
    expect(await recordsOf(store)).toEqual([])
    await store.close()
  })

  it('is migrated to its end when that was interrupted after the format was noted', async () => {
    await writeOldDirectory(directory, 10, 10)
    await writeFile(join(directory, 'FORMAT'), `leveret-data ${FORMAT_VERSION}\n`)
    await expectMigrated(10, 10)
  })

  it('stays as it is where only the format changes', async () => {
    const store = await openLmdbStore({ directory })
    store.putRecord(7, 0, Buffer.from('kept'))
    await store.commit()
    await store.close()
    const file = open<Uint8Array, Uint8Array>(binaryFile(directory))
    await file.put(formatKey, formatValue(2))
    await file.remove(journalKey)
    await file.close()
    await writeFile(join(directory, 'FORMAT'), 'leveret-data 2\n')
    const { ino } = await stat(join(directory, 'data.mdb'))
    const again = await openLmdbStore({ directory })
    expect(await recordsOf(again)).toEqual(['7/0 kept'])
    await again.close()
    expect((await stat(join(directory, 'data.mdb'))).ino).toBe(ino)
    expect(await readFile(join(directory, 'FORMAT'), 'utf8')).toBe(`leveret-data ${FORMAT_VERSION}\n`)
    const offline = await OfflineDirectory.open(directory)
    for await (const finding of offline.examine()) expect(finding).not.toHaveProperty('damage')
    await offline.close()
  })

  it('is told to tools as one that the broker has to migrate', async () => {
    await writeOldDirectory(directory, 1, 1)
    await expect(OfflineDirectory.open(directory)).rejects.toThrow(
      `the data directory ${directory} has format 1: start the broker on it once, which brings it to format ${FORMAT_VERSION}`,
    )
    await expectMigrated(1, 1)
  })

  it('has a way to the present format from each one before', () => {
    expect(MIGRATIONS.map(({ from }) => from)).toEqual(
      Array.from({ length: FORMAT_VERSION - 1 }, (_, from) => from + 1),
    )
  })
})

describe('a migration, in a process of its own', () => {
  let compiled: CompiledStore

  beforeAll(async () => {
    compiled = await compileStore()
  })

  afterAll(() => compiled.cleanUp())

  it('can be killed at any time', async () => {
    const RECORDS = 400
    const RECORD_BYTES = 60_000
    await writeOldDirectory(directory, RECORDS, RECORD_BYTES)
    for (let attempt = 0; attempt < 12; attempt++) {
      const child = new StoreProcess(compiled.program, 'migrate', directory)
      expect(await child.line()).toBe('migrating')
      // Where it is by then does not matter, as long as it differs.
      await delay(attempt * 12)
      await child.kill()
    }
    await expectMigrated(RECORDS, RECORD_BYTES)
    expect((await readdir(directory)).filter((name) => name === 'rebuild')).toEqual([])
  })
})
