import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import type { MessageStore } from '../../src/store/message-store.js'
import { StoreOpenError } from '../../src/store/store-open-error.js'
import { type CompiledStore, compileStore } from './compiled-store.js'
import { recordsOf } from './message-store-contract.js'
import { StoreProcess } from './started-process.js'

let parent: string
let directory: string
const open: MessageStore[] = []

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'leveret-directory-'))
  directory = join(parent, 'data')
})

afterEach(async () => {
  for (const store of open.splice(0)) await store.close()
  await rm(parent, { recursive: true, force: true })
})

async function openHere(): Promise<MessageStore> {
  const store = await openLmdbStore({ directory })
  open.push(store)
  return store
}

async function openAndClose(): Promise<void> {
  await (await openHere()).close()
}

/** What the user is told. Always a sentence of ours, never what the file system or LMDB says. */
async function refusal(): Promise<string> {
  try {
    await openHere()
  } catch (error) {
    expect(error).toBeInstanceOf(StoreOpenError)
    return error instanceof Error ? error.message : ''
  }
  throw new Error('the store was opened')
}

describe('a data directory', () => {
  it('is created for its user alone, with the directories above it', async () => {
    directory = join(parent, 'a', 'b.c', 'data')
    await openAndClose()
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect((await stat(join(directory, 'data.mdb'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(directory, 'FORMAT'), 'utf8')).toBe('leveret-data 4\n')
  })

  it('holds nothing of a process that has closed it but data', async () => {
    await openAndClose()
    expect((await readdir(directory)).sort()).toEqual(['FORMAT', 'data.mdb', 'lock.mdb'])
  })

  it('may be empty, or as a new file system is', async () => {
    await mkdir(join(directory, 'lost+found'), { recursive: true })
    await openAndClose()
  })

  it('may be what an interrupted start has left', async () => {
    await mkdir(directory)
    await writeFile(join(directory, 'FORMAT.new'), 'lev')
    await openAndClose()
    await rm(join(directory, 'data.mdb'))
    await writeFile(join(directory, 'data.mdb'), '')
    await openAndClose()
  })

  it('may have a long name', async () => {
    directory = join(parent, 'd'.repeat(200), 'e'.repeat(200))
    const store = await openHere()
    await expect(openLmdbStore({ directory })).rejects.toThrow(`is used by the running process ${process.pid}`)
    await store.close()
    await openAndClose()
  })

  it('is refused when its files are those of others, and is left as it was', async () => {
    await mkdir(directory)
    await writeFile(join(directory, 'thesis.txt'), 'mine')
    const text = await refusal()
    expect(text).toContain(directory)
    expect(text).toContain('"thesis.txt"')
    expect(text).toContain('choose another directory with --data-dir')
    expect(await readdir(directory)).toEqual(['thesis.txt'])
  })

  it('is refused when it has a data file and no format', async () => {
    await openAndClose()
    await rm(join(directory, 'FORMAT'))
    expect(await refusal()).toContain('has no file FORMAT')
  })

  it('is refused when a later version has written it', async () => {
    await openAndClose()
    await writeFile(join(directory, 'FORMAT'), 'leveret-data 5\n')
    const text = await refusal()
    expect(text).toContain(
      `the data directory ${directory} has format 5, and this version of Leveret knows formats up to 4`,
    )
    expect(text).toContain('start the version that wrote it, or choose another directory with --data-dir')
  })

  it('is refused when its format cannot be read', async () => {
    await openAndClose()
    await writeFile(join(directory, 'FORMAT'), 'something else')
    expect(await refusal()).toContain('names no format')
  })

  it('is refused when it is a file, or below one', async () => {
    await writeFile(directory, '')
    expect(await refusal()).toContain(`${directory} is a file, not a directory`)
    directory = join(directory, 'below')
    expect(await refusal()).toContain(directory)
  })

  it.skipIf(process.getuid?.() === 0)('is refused when it must not be written', async () => {
    await openAndClose()
    await chmod(directory, 0o500)
    expect(await refusal()).toContain(`let this user read and write it`)
    await chmod(directory, 0o700)
  })
})

describe('the data file', () => {
  async function makeData(): Promise<Buffer> {
    const store = await openHere()
    for (let seq = 0; seq < 300; seq++) store.putRecord(1, seq, Buffer.alloc(seq % 2 === 0 ? 100 : 20_000, seq))
    await store.commit()
    await store.close()
    return readFile(join(directory, 'data.mdb'))
  }

  async function expectDamaged(bytes: Uint8Array): Promise<void> {
    await writeFile(join(directory, 'data.mdb'), bytes)
    const text = await refusal()
    expect(text).toContain(`the data file ${join(directory, 'data.mdb')} is damaged`)
    expect(text).toContain('restore it from a backup, or choose another directory with --data-dir')
  }

  it('is refused when it is garbage, and the directory is free again', async () => {
    const good = await makeData()
    await expectDamaged(Buffer.from('nothing that LMDB would know'))
    await expectDamaged(Buffer.alloc(good.length, 0x5a))
    await expectDamaged(Buffer.alloc(good.length))
    await writeFile(join(directory, 'data.mdb'), good)
    expect(await recordsOf(await openHere())).toHaveLength(300)
  })

  it('is refused when its second header is garbage', async () => {
    const bytes = await makeData()
    bytes.fill(0x5a, 4096, 4296)
    await expectDamaged(bytes)
  })

  it('is refused when it is truncated anywhere', async () => {
    const good = await makeData()
    for (const part of [0.000_05, 0.001, 0.01, 0.3, 0.6, 0.9, 0.999]) {
      await expectDamaged(good.subarray(0, Math.floor(good.length * part)))
    }
    await expectDamaged(good.subarray(0, good.length - 1))
  })

  it('is refused when its root pages are overwritten', async () => {
    const bytes = await makeData()
    const meta = bytes.readBigUInt64LE(4096 + 152) > bytes.readBigUInt64LE(152) ? 4096 : 0
    const root = Number(bytes.readBigUInt64LE(meta + 136))
    bytes.fill(0, root * 4096, root * 4096 + 64)
    await expectDamaged(bytes)
  })

  it('is accepted when only pages that are free are missing at its end', async () => {
    const good = await makeData()
    // Says that there is one page more than the file has, as LMDB does when it has given up the last page in a batch.
    for (const meta of [0, 4096]) {
      const lastPage = good.readBigUInt64LE(meta + 144)
      good.writeBigUInt64LE(lastPage + 1n, meta + 144)
    }
    await writeFile(join(directory, 'data.mdb'), good)
    expect(await recordsOf(await openHere())).toHaveLength(300)
  })
})

describe('the owner of a data directory', () => {
  let compiled: CompiledStore
  const started: StoreProcess[] = []

  beforeAll(async () => {
    compiled = await compileStore()
  })

  afterAll(() => compiled.cleanUp())

  afterEach(async () => {
    for (const child of started.splice(0)) await child.kill()
  })

  function start(task: string): StoreProcess {
    const child = new StoreProcess(compiled.program, task, directory)
    started.push(child)
    return child
  }

  it('keeps a second store of the same process out, until it is closed', async () => {
    const store = await openHere()
    const text = await refusal()
    expect(text).toBe(
      `the data directory ${directory} is used by the running process ${process.pid}: stop it, or choose another directory with --data-dir`,
    )
    await store.close()
    await openAndClose()
  })

  it('keeps another process out, which names it', async () => {
    const owner = start('hold')
    expect(await owner.line()).toBe('open')
    expect(await refusal()).toContain(`is used by the running process ${owner.pid}: stop it, or`)
    owner.say('stop')
    await owner.ended
    await openAndClose()
  })

  it('is none once the process was killed', async () => {
    const owner = start('hold')
    expect(await owner.line()).toBe('open')
    await owner.kill()
    await openAndClose()
    expect((await readdir(directory)).filter((name) => name.startsWith('owner-'))).toEqual([])
  })

  it('is at most one of many that come at once, also over the remains of dead ones', async () => {
    const dead = start('hold')
    await dead.line()
    await dead.kill()
    const rivals = Array.from({ length: 6 }, () => start('attempt'))
    const lines = await Promise.all(rivals.map((rival) => rival.line()))
    expect(lines.filter((line) => line === 'open').length).toBeLessThanOrEqual(1)
    for (const line of lines)
      expect(line).toMatch(/^open$|^refused the data directory .* is used by the running process \d+: stop it/)
    for (const rival of rivals) rival.say('stop')
    await Promise.all(rivals.map((rival) => rival.ended))
    await openAndClose()
  })
})
