import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import fsPromises, { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Log, silentLog } from '../../src/base/log.js'
import type { Place } from '../../src/store/batch.js'
import { SECTOR_OCTETS } from '../../src/store/lmdb/record-file.js'
import { RECORD_FILE_LIMITS, RecordFiles } from '../../src/store/lmdb/record-files.js'

const MIB = 1 << 20

/** A file gets one batch, and waste hardly counts. */
const TINY = { fileOctets: SECTOR_OCTETS, wasteOctets: 0 }

let directory: string
let records: string
let opened: RecordFiles[]
let logged: string[]

const log: Log = {
  ...silentLog,
  warn: (fields, text) => void logged.push(`warn ${text} ${JSON.stringify(fields)}`),
  error: (fields, text) => void logged.push(`error ${text} ${JSON.stringify(fields)}`),
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'leveret-records-'))
  records = join(directory, 'records')
  opened = []
  logged = []
})

afterEach(async () => {
  for (const files of opened) await files.close()
  await rm(directory, { recursive: true, force: true })
})

async function open(limits = RECORD_FILE_LIMITS): Promise<RecordFiles> {
  const files = await RecordFiles.open(directory, limits, log)
  opened.push(files)
  return files
}

/** Appends all of them at once, and keeps them. @returns where each lies. */
async function put(files: RecordFiles, all: readonly Uint8Array[]): Promise<Place[]> {
  const { file, offset } = await files.append(all)
  let end = offset
  return all.map(({ length }) => {
    const place = { file, offset: end, octets: length, checksum: 0 }
    end += length
    files.keep(place)
    return place
  })
}

/** One record in a batch of its own. */
async function putOne(files: RecordFiles, octets: number): Promise<Place> {
  const [place] = await put(files, [randomBytes(octets)])
  if (place === undefined) throw new Error('nothing was put')
  return place
}

function read(files: RecordFiles, places: readonly Place[]): Promise<(Uint8Array | Error)[]> {
  return files.read(places, (octets) => new Uint8Array(octets))
}

async function expectRead(files: RecordFiles, places: readonly Place[], all: readonly Uint8Array[]): Promise<void> {
  const found = await read(files, places)
  expect(found).toHaveLength(all.length)
  for (const [index, bytes] of all.entries()) {
    const each = found[index]
    if (!(each instanceof Uint8Array)) throw each
    expect(Buffer.compare(each, bytes)).toBe(0)
  }
}

const names = () => readdir(records)

/** Waits until the files of those numbers, and no others, are on disk: they are removed by and by. */
async function expectFiles(...numbers: number[]): Promise<void> {
  await vi.waitFor(async () => expect((await names()).map(Number)).toEqual(numbers))
}

describe('RecordFiles', () => {
  it('gives back what was appended, whatever its length, one behind the other', async () => {
    const files = await open()
    const lengths = [1, 4095, 4096, 4097, 3 * MIB + 5, 2 * MIB, MIB + 1, 0, 70_001, 2 * MIB - 1]
    const all = lengths.map((length) => randomBytes(length))
    const places = await put(files, all)
    await expectRead(files, places, all)
    expect(places.map(({ offset }) => offset)).toEqual(lengths.map((_, i) => sum(lengths.slice(0, i))))
    const end = Math.ceil(sum(lengths) / SECTOR_OCTETS) * SECTOR_OCTETS
    expect([files.octets, (await stat(join(records, '0000000001'))).size]).toEqual([end, end])
    const written = await readFile(join(records, '0000000001'))
    expect(written.subarray(0, sum(lengths)).equals(Buffer.concat(all))).toBe(true)
  })

  it('writes batches that end where its memory does', async () => {
    const files = await open()
    for (const lengths of [[2 * MIB], [MIB, MIB], [2 * MIB + 1], [2 * MIB - 1, 1], [4 * MIB], [1]]) {
      const all = lengths.map((length) => randomBytes(length))
      await expectRead(files, await put(files, all), all)
    }
  })

  it('begins a batch at a sector, and a file when the last one is long enough', async () => {
    const files = await open({ fileOctets: 3 * SECTOR_OCTETS, wasteOctets: MIB })
    const places: Place[] = []
    for (const octets of [5000, 1, 9000, 20_000, 4096]) places.push(await putOne(files, octets))
    expect(places.map(({ file, offset }) => [file, offset])).toEqual([
      [1, 0],
      [1, 2 * SECTOR_OCTETS],
      [2, 0],
      [3, 0],
      [4, 0],
    ])
    expect(await names()).toEqual(['0000000001', '0000000002', '0000000003', '0000000004'])
  })

  it('reads places of several files in any order, near each other and far apart', async () => {
    const files = await open({ fileOctets: 4 * MIB, wasteOctets: MIB })
    const all = Array.from({ length: 400 }, (_, index) => randomBytes(1 + ((index * 7919) % 50_000)))
    const places: Place[] = []
    for (let at = 0; at < all.length; at += 25) places.push(...(await put(files, all.slice(at, at + 25))))
    expect(new Set(places.map(({ file }) => file)).size).toBeGreaterThan(2)
    const orders = [
      places.map((_, index) => index),
      places.map((_, index) => places.length - 1 - index),
      places.map((_, index) => (index * 149) % places.length),
      places.flatMap((_, index) => (index % 3 === 0 ? [index] : [])),
      places.flatMap((_, index) => (index % 30 === 0 ? [index, index] : [])),
    ]
    // Several at once, which take turns.
    await Promise.all(
      orders.map((order) => {
        const at = <T>(list: readonly T[]) => order.flatMap((index) => list[index] ?? [])
        return expectRead(files, at(places), at(all))
      }),
    )
  })

  it('reads into the memory that it is given', async () => {
    const files = await open()
    const all = [randomBytes(5000), randomBytes(3 * MIB), randomBytes(10)]
    const places = await put(files, all)
    const taken: Uint8Array[] = []
    const found = await files.read(places, (octets) => {
      const bytes = new Uint8Array(octets)
      taken.push(bytes)
      return bytes
    })
    expect(found.map((bytes, index) => bytes === taken[index])).toEqual([true, true, true])
  })

  it('tells of a file that is missing or short for exactly the places that it concerns', async () => {
    const files = await open(TINY)
    const all = [randomBytes(9000), randomBytes(9000), randomBytes(9000)]
    const places: Place[] = []
    for (const bytes of all) places.push(...(await put(files, [bytes, bytes])))
    await rm(join(records, '0000000001'))
    await truncate(join(records, '0000000002'), 9000)
    const found = await read(files, places)
    expect(found.map((each) => each instanceof Error)).toEqual([true, true, false, true, false, false])
    expect(String(found[0])).toContain('ENOENT')
    expect(String(found[3])).toBe('Error: the file ends at 9000, before 9000')
    await expectRead(files, places.slice(2, 3), all.slice(1, 2))
    // Of a number that it never had.
    const [none] = await read(files, [{ file: 99, offset: 0, octets: 10, checksum: 0 }])
    expect(String(none)).toBe('Error: the file of records 99 is missing')
  })

  it('tells why there is no memory to read into, and goes on', async () => {
    const files = await open()
    const place = await putOne(files, 5000)
    const [found] = await files.read([place], () => {
      throw new RangeError('no memory')
    })
    expect(String(found)).toBe('RangeError: no memory')
    expect((await read(files, [place]))[0]).toBeInstanceOf(Uint8Array)
  })

  it('removes a file when its last record is released, which may be said twice', async () => {
    const files = await open(TINY)
    const [first, second] = await put(files, [randomBytes(4000), randomBytes(4000)])
    const other = await putOne(files, 4096)
    await putOne(files, 4096)
    if (!first || !second) throw new Error('nothing was put')
    for (let times = 0; times < 3; times++) files.release(first)
    await expectFiles(1, 2, 3)
    expect(files.octets).toBe(4 * SECTOR_OCTETS)
    files.release(second)
    files.release(second)
    await expectFiles(2, 3)
    expect(files.octets).toBe(2 * SECTOR_OCTETS)
    files.release(first)
    files.release(other)
    await expectFiles(3)
    expect([files.octets, logged]).toEqual([SECTOR_OCTETS, []])
  })

  it('keeps the file that it writes to until the next one begins, though nothing in it is needed', async () => {
    const files = await open({ fileOctets: 2 * SECTOR_OCTETS, wasteOctets: 0 })
    files.release(await putOne(files, 100))
    const again = await putOne(files, 100)
    expect([again.file, again.offset]).toEqual([1, SECTOR_OCTETS])
    files.release(again)
    await expectFiles(1)
    await putOne(files, 100)
    await expectFiles(2)
    expect(files.octets).toBe(SECTOR_OCTETS)
  })

  it('reads what was asked for before it was released, and removes the file then', async () => {
    const files = await open(TINY)
    const all = [randomBytes(3 * MIB), randomBytes(5000)]
    const first = await put(files, all.slice(0, 1))
    const second = await put(files, all.slice(1))
    await putOne(files, 1)
    const reads = [expectRead(files, first, all.slice(0, 1)), expectRead(files, second, all.slice(1))]
    for (const place of [...first, ...second]) files.release(place)
    expect(files.octets).toBe(SECTOR_OCTETS)
    expect(await names()).toHaveLength(3)
    await Promise.all(reads)
    await expectFiles(3)
    expect(await read(files, second)).toEqual([expect.any(Error)])
  })

  it('numbers its files on, and removes those that nobody needs when it is opened', async () => {
    const files = await open(TINY)
    const places: Place[] = []
    const all = [randomBytes(10), randomBytes(20), randomBytes(30)]
    for (const bytes of all) places.push(...(await put(files, [bytes])))
    await files.close()
    await writeFile(join(records, 'something else'), 'not its own')
    const again = await open(TINY)
    for (const place of places.slice(1, 2)) again.restore(place)
    again.removeUnneeded()
    await vi.waitFor(async () => expect(await names()).toEqual(['0000000002', 'something else']))
    await expectRead(again, places.slice(1, 2), all.slice(1, 2))
    expect([again.octets, (await putOne(again, 1)).file, logged]).toEqual([SECTOR_OCTETS, 4, []])
  })

  it('logs once that a file is missing, and never uses its number', async () => {
    const files = await open()
    for (const offset of [0, 4096]) files.restore({ file: 7, offset, octets: 4096, checksum: 0 })
    files.removeUnneeded()
    expect(logged).toEqual([
      `error a file of records is missing: its messages are lost ${JSON.stringify({ directory: records, file: 7 })}`,
    ])
    files.release({ file: 7, offset: 0, octets: 4096, checksum: 0 })
    expect([(await putOne(files, 1)).file, files.octets]).toEqual([8, SECTOR_OCTETS])
  })

  it('warns of a file that cannot be removed, and goes on', async () => {
    const files = await open(TINY)
    const place = await putOne(files, 10)
    await putOne(files, 10)
    await rm(join(records, '0000000001'))
    files.release(place)
    await files.close()
    expect(logged).toHaveLength(1)
    expect(logged[0]).toContain('warn a file of records that nobody needs stays')
  })

  it('removes what is to be removed before it is closed', async () => {
    const files = await open(TINY)
    const places = [await putOne(files, 10), await putOne(files, 10), await putOne(files, 10)]
    const reading = read(files, places)
    for (const place of places) files.release(place)
    await files.close()
    expect(await names()).toEqual(['0000000003'])
    expect((await reading).filter((each) => each instanceof Error)).toEqual([])
  })

  describe('of which much is waste', () => {
    /** Files of so many records of a sector, of which so many each are released. */
    async function wasted(limits: typeof TINY, released: readonly number[]): Promise<RecordFiles> {
      const files = await open(limits)
      for (const count of released) {
        const places = await put(
          files,
          Array.from({ length: 10 }, () => randomBytes(SECTOR_OCTETS)),
        )
        for (const place of places.slice(0, count)) files.release(place)
      }
      return files
    }

    it('names the worst of them, but for the one that is written to', async () => {
      expect((await wasted(TINY, [3, 8, 7, 6, 9])).toClear).toBe(2)
    })

    it.each([
      { what: 'no more waste than is needed', released: [7, 7, 0], wasteSectors: 0, named: false },
      { what: 'more waste than is needed', released: [8, 8, 0], wasteSectors: 0, named: true },
      { what: 'no more waste than it may have', released: [9, 9, 9, 0], wasteSectors: 27, named: false },
      { what: 'more waste than it may have', released: [9, 9, 9, 0], wasteSectors: 26, named: true },
      { what: 'much waste in the one that is written to', released: [8, 9, 9, 9], wasteSectors: 26, named: false },
    ])('names one or none when there is $what', async ({ released, wasteSectors, named }) => {
      const files = await wasted({ ...TINY, wasteOctets: wasteSectors * SECTOR_OCTETS }, released)
      expect(files.toClear !== undefined).toBe(named)
    })

    it('names no other than those that may help', async () => {
      const files = await wasted(TINY, [9, 8, 9, 9])
      const named: (number | undefined)[] = []
      for (let turn = 0; turn < 4; turn++) {
        named.push(files.toClear)
        files.giveUpClearing(files.toClear ?? 0)
      }
      expect(named).toEqual([1, 3, 2, undefined])
    })
  })

  describe.runIf(process.platform === 'linux')('where the system does not go past its cache', () => {
    const { open: openFile } = fsPromises
    let refused: number

    beforeEach(() => {
      refused = 0
      // As Linux does it: a file that is to be made is made before that is found out.
      fsPromises.open = async (path, flags, mode) => {
        const handle = await openFile(path, flags, mode)
        if (typeof flags !== 'number' || (flags & constants.O_DIRECT) === 0) return handle
        await handle.close()
        refused++
        throw Object.assign(new Error('EINVAL: invalid argument, open'), { code: 'EINVAL' })
      }
      syncBuiltinESMExports()
    })

    afterEach(() => {
      fsPromises.open = openFile
      syncBuiltinESMExports()
    })

    it('writes and reads through it', async () => {
      const files = await open(TINY)
      const all = [randomBytes(5001), randomBytes(3 * MIB)]
      for (const bytes of all) await expectRead(files, await put(files, [bytes]), [bytes])
      // It does not ask again.
      expect(refused).toBe(1)
      await files.close()
      const again = await open()
      const place = { file: 1, offset: 0, octets: 5001, checksum: 0 }
      again.restore(place)
      await expectRead(again, [place], all.slice(0, 1))
      expect(refused).toBe(2)
    })
  })
})

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

describe('record files, when too many files are open', () => {
  const { open: openFile } = fsPromises
  let refusals: number

  beforeEach(() => {
    refusals = 0
    fsPromises.open = async (path, flags, mode) => {
      if (refusals === 0 || !String(path).startsWith(join(records, '0'))) return openFile(path, flags, mode)
      refusals--
      throw Object.assign(new Error('EMFILE: too many open files, open'), { code: 'EMFILE' })
    }
    syncBuiltinESMExports()
  })

  afterEach(() => {
    fsPromises.open = openFile
    syncBuiltinESMExports()
  })

  it('are written and read when that is over, and say so once each time', async () => {
    const files = await open(TINY)
    const bytes = randomBytes(5001)
    refusals = 3
    const places = await put(files, [bytes])
    expect([refusals, logged.length]).toEqual([0, 1])
    refusals = 2
    await expectRead(files, places, [bytes])
    expect([refusals, logged.length]).toEqual([0, 2])
    expect(logged[1]).toContain('warn too many files are open: a file of records is opened when it is possible')
  })
})
