import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { backupDirectory } from '../../src/store/lmdb/backup-directory.js'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import { type CompiledStore, compileStore } from './compiled-store.js'
import { makeJournaledDirectory } from './journaled-directory.js'
import { definitionsOf } from './message-store-contract.js'
import { PLACING_FILES, PLACING_JOURNAL, placedRecords } from './placed-records.js'
import { StoreProcess } from './started-process.js'

let parent: string
let directory: string

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'leveret-record-tools-'))
  directory = join(parent, 'data')
})

afterEach(() => rm(parent, { recursive: true, force: true }))

const open = (where = directory) =>
  openLmdbStore({ directory: where, journalLimits: PLACING_JOURNAL, recordFileLimits: PLACING_FILES })

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
  let compiled: CompiledStore

  beforeAll(async () => {
    compiled = await compileStore()
  })

  afterAll(() => compiled.cleanUp())

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
        expect(await batchIn(target)).toBeGreaterThanOrEqual(stored)
        await rm(target, { recursive: true })
      }
    } finally {
      await writer.kill()
    }
    expect(Number((await recordFiles()).at(-1))).toBeGreaterThan(100)
    await batchIn(directory)
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
