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

  it('is opened anew when only reads bring it in, once the block is written that is under way', async () => {
    const file = await opened()
    await put(file, KEY)
    let isWritten = false
    const block = put(file, LARGE).then(() => {
      isWritten = true
    })
    for (let reads = 0; reads < 3; reads++) file.get(KEY)
    expect(await isReopening(file)).toBe(true)
    expect(isWritten).toBe(true)
    await block
    expect(file.get(KEY)?.byteLength).toBe(LARGE.byteLength)
  })

  it('lets blocks wait that come while it is to be opened anew, and takes them in their order', async () => {
    const file = await opened()
    const first = put(file, LARGE)
    for (let reads = 0; reads < 3; reads++) file.get(KEY)
    const reopening = file.reopening
    expect(reopening).toBeDefined()
    const order: number[] = []
    const later = [1, 2, 3].map((number) =>
      file.write(() => {
        order.push(number)
        return (to) => to.put(KEY, Buffer.of(number))
      }),
    )
    expect(order).toEqual([])
    await Promise.all([first, reopening, ...later])
    expect(order).toEqual([1, 2, 3])
    while (file.reopening) await file.reopening
    expect(file.get(KEY)).toEqual(Buffer.of(3))
  })

  it('is opened anew while a long range of keys is read', async () => {
    const file = await opened()
    const keys = Array.from({ length: 5000 }, (_, index) => Buffer.from(`key ${index + 10_000}`))
    await file.write(() => (to) => {
      for (const key of keys) to.put(key, KEY)
    })
    await file.reopening
    let times = 0
    const found: Uint8Array[] = []
    for await (const chunk of file.readKeys({ start: Buffer.from('key'), end: Buffer.from('l') })) {
      found.push(...chunk)
      if (file.reopening) times++
    }
    expect(times).toBeGreaterThan(0)
    expect(found).toEqual(keys)
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
