import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { LmdbFile } from '../../src/store/lmdb/lmdb-file.js'

const KEY = Buffer.from('key')
const LARGE = Buffer.alloc(3 << 16, 7)

/** A file that counts as holding too much whenever somebody looks, which is after three touches. */
async function opened(): Promise<LmdbFile> {
  const directory = await mkdtemp(join(tmpdir(), 'leveret-test-'))
  const file = new LmdbFile(directory, { octets: Number.NEGATIVE_INFINITY, touches: 3 })
  onTestFinished(async () => {
    await file.close()
    await rm(directory, { recursive: true })
  })
  return file
}

const put = (file: LmdbFile, value: Uint8Array) => file.write(() => (to) => to.put(KEY, value))

/** Whether the file is being opened anew; then waits for that. */
async function isReopening(file: LmdbFile): Promise<boolean> {
  const { reopening } = file
  await reopening
  return reopening !== undefined
}

describe('a file of which too much is in memory', () => {
  it('is opened anew after the block that makes the touches enough, and counts from there on', async () => {
    const file = await opened()
    const seen: boolean[] = []
    for (let block = 0; block < 6; block++) {
      await put(file, KEY)
      seen.push(await isReopening(file))
    }
    expect(seen).toEqual([false, false, true, false, false, true])
    expect(file.get(KEY)).toEqual(KEY)
  })

  it('counts values that were read and keys that were removed', async () => {
    const file = await opened()
    await put(file, KEY)
    file.get(KEY)
    file.get(Buffer.from('missing'))
    expect(await isReopening(file)).toBe(false)
    await file.write(() => (to) => to.remove(KEY))
    expect(await isReopening(file)).toBe(true)
  })

  it('counts a large value by its size', async () => {
    const file = await opened()
    await put(file, LARGE)
    expect(await isReopening(file)).toBe(true)
    expect(file.get(KEY)).toEqual(LARGE)
  })
})
