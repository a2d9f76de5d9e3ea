import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { open } from 'lmdb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Log, silentLog } from '../../src/base/log.js'
import { DamagedRecordError } from '../../src/store/damaged-data-error.js'
import { DataDirectory } from '../../src/store/lmdb/data-directory.js'
import {
  checkedValue,
  definitionKey,
  definitionRange,
  formatKey,
  formatValue,
  Part,
  queueKey,
} from '../../src/store/lmdb/keys.js'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import { FORMAT_VERSION, MIGRATIONS } from '../../src/store/lmdb/migrations.js'
import { OfflineDirectory } from '../../src/store/lmdb/offline-directory.js'
import { openDataFile } from '../../src/store/lmdb/open-data-file.js'
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
    store.putDefinition(7, Buffer.from('kept'))
    await store.commit()
    await store.close()
    const { ino } = await stat(join(directory, 'data.mdb'))
    const owned = await DataDirectory.open(directory, silentLog)
    const step = { from: FORMAT_VERSION, what: 'lets something new be there' }
    const file = await openDataFile(owned, silentLog, undefined, [step])
    expect(file.get(formatKey)).toEqual(formatValue(FORMAT_VERSION + 1))
    expect([...file.keys(definitionRange)]).toEqual([definitionKey(7)])
    await file.close()
    await owned.close()
    expect((await stat(join(directory, 'data.mdb'))).ino).toBe(ino)
    expect(await readFile(join(directory, 'FORMAT'), 'utf8')).toBe(`leveret-data ${FORMAT_VERSION + 1}\n`)
  })

  it('of format 3 keeps which messages are settled, and what is damaged stays so', async () => {
    const store = await openLmdbStore({ directory })
    for (const seq of [0, 1, 2]) {
      store.putRecord(7, seq, Buffer.from(`record ${seq}`))
      store.putSettled(7, seq, Buffer.from(`settled ${seq}`))
    }
    await store.commit()
    await store.close()
    const file = open<Uint8Array, Uint8Array>(binaryFile(directory))
    for (const seq of [0, 1, 2]) {
      const key = queueKey(7, seq, Part.BITMAP)
      const oldKey = Buffer.from(key)
      oldKey[oldKey.length - 1] = 1
      const value = checkedValue(oldKey, Buffer.from(`settled ${seq}`))
      if (seq === 2) value[0] = 0
      await file.put(oldKey, value)
      await file.remove(key)
    }
    await file.put(formatKey, formatValue(3))
    await file.close()
    await writeFile(join(directory, 'FORMAT'), 'leveret-data 3\n')
    const again = await openLmdbStore({ directory })
    const [first, second] = await again.readRecords(7, 0, 2, 1000)
    expect([first?.settled, second?.settled]).toEqual([Buffer.from('settled 0'), Buffer.from('settled 1')])
    await expect(again.readRecords(7, 2, 3, 1000)).rejects.toThrow(DamagedRecordError)
    await again.close()
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
