import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { LABEL_BYTES_MAX, type MessageStore, type StoredRecord } from '../../src/store/message-store.js'

/** Stores of one kind on the same data: `open` finds what the ones before it have stored. */
export interface StoreUnderTest {
  open(): Promise<MessageStore>
  /** Takes the data away. */
  cleanUp(): Promise<void>
}

const MAX = Number.MAX_SAFE_INTEGER

/** A record as one line: queue, sequence number, bytes and bitmap. */
function lineOf({ queueId, firstSeq, bytes, settled }: StoredRecord): string {
  return `${queueId}/${firstSeq} ${textOf(bytes)}${settled === undefined ? '' : ` settled ${textOf(settled)}`}`
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

export async function recordsOf(store: MessageStore): Promise<string[]> {
  const lines: string[] = []
  for await (const record of store.loadRecords()) lines.push(lineOf(record))
  return lines
}

/** Queue, sequence number, label and bitmap of each record, as lines. */
export async function indexOf(store: MessageStore): Promise<string[]> {
  const lines: string[] = []
  for await (const { queueId, firstSeq, label, settled } of store.loadIndex()) {
    lines.push(lineOf({ queueId, firstSeq, bytes: label, settled }))
  }
  return lines
}

export async function blobIdsOf(store: MessageStore): Promise<number[]> {
  const ids: number[] = []
  for await (const id of store.loadBlobIds()) ids.push(id)
  return ids
}

export async function definitionsOf(store: MessageStore): Promise<Record<number, string>> {
  const texts: Record<number, string> = {}
  for await (const { id, bytes } of store.loadDefinitions()) texts[id] = textOf(bytes)
  return texts
}

/** What every store promises, whatever it is made of. */
export function describeMessageStore(kind: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${kind}: the store contract`, () => {
    const undo: (() => Promise<void>)[] = []

    afterEach(async () => {
      for (const step of undo.splice(0).reverse()) await step()
    })

    async function prepare(): Promise<StoreUnderTest> {
      const underTest = await make()
      undo.push(() => underTest.cleanUp())
      return underTest
    }

    async function openFresh(): Promise<MessageStore> {
      return reopen(await prepare())
    }

    async function reopen(underTest: StoreUnderTest): Promise<MessageStore> {
      const store = await underTest.open()
      undo.push(() => store.close())
      return store
    }

    it('is empty at first', async () => {
      const store = await openFresh()
      expect(await definitionsOf(store)).toEqual({})
      expect(await recordsOf(store)).toEqual([])
    })

    it('keeps definitions by id, replaces and removes them', async () => {
      const store = await openFresh()
      store.putDefinition(1, bytesOf('one'))
      store.putDefinition(2, bytesOf('two'))
      store.putDefinition(MAX, bytesOf('last'))
      await store.commit()
      expect(await definitionsOf(store)).toEqual({ 1: 'one', 2: 'two', [MAX]: 'last' })
      store.putDefinition(1, bytesOf('uno'))
      store.removeDefinition(2)
      store.removeDefinition(77)
      await store.commit()
      expect(await definitionsOf(store)).toEqual({ 1: 'uno', [MAX]: 'last' })
    })

    it('lets the last change of a definition in a batch win', async () => {
      const store = await openFresh()
      store.putDefinition(1, bytesOf('a'))
      store.removeDefinition(1)
      store.removeDefinition(2)
      store.putDefinition(2, bytesOf('b'))
      await store.commit()
      expect(await definitionsOf(store)).toEqual({ 2: 'b' })
    })

    it('reads records in the order of queues and sequence numbers, whatever the order of the puts', async () => {
      const store = await openFresh()
      for (const queueId of [256, 1, 255, MAX, 2 ** 32, 65536]) {
        for (const seq of [300, 2 ** 32 + 5, 0, 255, MAX, 256]) store.putRecord(queueId, seq, bytesOf('r'))
      }
      await store.commit()
      const seqs = [0, 255, 256, 300, 2 ** 32 + 5, MAX]
      expect(await recordsOf(store)).toEqual(
        [1, 255, 256, 65536, 2 ** 32, MAX].flatMap((queueId) => seqs.map((seq) => `${queueId}/${seq} r`)),
      )
    })

    it('keeps every byte, NUL among them, and the empty value', async () => {
      const all = Uint8Array.from({ length: 256 }, (_, index) => index)
      const store = await openFresh()
      store.putDefinition(1, all)
      store.putRecord(1, 0, all)
      store.putSettled(1, 0, all)
      store.putRecord(1, 9, new Uint8Array(0))
      await store.commit()
      const records: StoredRecord[] = []
      for await (const record of store.loadRecords()) records.push(record)
      expect(records.map(({ bytes }) => [...bytes])).toEqual([[...all], []])
      expect([...(records[0]?.settled ?? [])]).toEqual([...all])
      expect((await definitionsOf(store))[1]).toBe(textOf(all))
    })

    it('keeps values of several MiB among small ones', async () => {
      const store = await openFresh()
      const sizes = [1, 5 * 2 ** 20, 100, 2 ** 20 + 1, 70_000, 8_000_000, 3]
      for (const [seq, size] of sizes.entries()) store.putRecord(1, seq, Buffer.alloc(size, seq + 1))
      await store.commit()
      let seq = 0
      for await (const { firstSeq, bytes } of store.loadRecords()) {
        expect(firstSeq).toBe(seq)
        expect(Buffer.compare(bytes, Buffer.alloc(sizes[seq] ?? 0, seq + 1))).toBe(0)
        expect(bytes.length).toBe(sizes[seq])
        seq++
      }
      expect(seq).toBe(sizes.length)
    })

    it('gives each reader bytes of its own', async () => {
      const store = await openFresh()
      store.putRecord(1, 0, bytesOf('record'))
      store.putSettled(1, 0, bytesOf('bitmap'))
      store.putDefinition(1, bytesOf('definition'))
      await store.commit()
      for await (const { bytes, settled } of store.loadRecords()) {
        bytes.fill(0)
        settled?.fill(0)
      }
      for await (const { bytes } of store.loadDefinitions()) bytes.fill(0)
      expect(await recordsOf(store)).toEqual(['1/0 record settled bitmap'])
      expect(await definitionsOf(store)).toEqual({ 1: 'definition' })
    })

    it('returns each record with the bitmap last put for it', async () => {
      const store = await openFresh()
      store.putRecord(1, 0, bytesOf('a'))
      store.putRecord(1, 5, bytesOf('b'))
      store.putRecord(2, 5, bytesOf('c'))
      store.putSettled(1, 5, bytesOf('old'))
      await store.commit()
      store.putSettled(1, 5, bytesOf('older'))
      store.putSettled(1, 5, bytesOf('new'))
      await store.commit()
      expect(await recordsOf(store)).toEqual(['1/0 a', '1/5 b settled new', '2/5 c'])
    })

    it('replaces a record', async () => {
      const store = await openFresh()
      store.putRecord(1, 0, bytesOf('a'))
      await store.commit()
      store.putRecord(1, 0, bytesOf('b'))
      store.putRecord(1, 0, bytesOf('c'))
      await store.commit()
      expect(await recordsOf(store)).toEqual(['1/0 c'])
    })

    it('shows no bitmap without its record', async () => {
      const store = await openFresh()
      store.putRecord(1, 0, bytesOf('a'))
      store.putSettled(1, 3, bytesOf('none'))
      store.putSettled(2, 0, bytesOf('none'))
      await store.commit()
      expect(await recordsOf(store)).toEqual(['1/0 a'])
    })

    it('removes the records from one sequence number up to another, with their bitmaps', async () => {
      const store = await openFresh()
      for (const seq of [0, 10, 20, 30, MAX]) {
        store.putRecord(1, seq, bytesOf('r'))
        store.putSettled(1, seq, bytesOf('s'))
        store.putRecord(2, seq, bytesOf('r'))
      }
      await store.commit()
      store.removeRecords(1, 10, 30)
      store.removeRecords(1, 21, 21)
      await store.commit()
      const others = [0, 10, 20, 30, MAX].map((seq) => `2/${seq} r`)
      expect(await recordsOf(store)).toEqual(['1/0 r settled s', '1/30 r settled s', `1/${MAX} r settled s`, ...others])
      store.removeRecords(1, 30, MAX)
      await store.commit()
      expect(await recordsOf(store)).toEqual(['1/0 r settled s', `1/${MAX} r settled s`, ...others])
    })

    it('leaves no bitmap behind for a later record of the same sequence number', async () => {
      const store = await openFresh()
      store.putRecord(1, 5, bytesOf('a'))
      store.putSettled(1, 5, bytesOf('s'))
      await store.commit()
      store.removeRecords(1, 0, 10)
      store.putRecord(1, 5, bytesOf('b'))
      await store.commit()
      expect(await recordsOf(store)).toEqual(['1/5 b'])
    })

    it('removes what the same batch has put, and keeps what it puts afterwards', async () => {
      const store = await openFresh()
      store.putRecord(1, 0, bytesOf('early'))
      store.putSettled(1, 0, bytesOf('early'))
      store.putRecord(1, 7, bytesOf('early'))
      store.removeRecords(1, 0, 8)
      store.putRecord(1, 3, bytesOf('late'))
      store.putSettled(1, 3, bytesOf('late'))
      store.putRecord(2, 1, bytesOf('early'))
      store.removeQueue(2)
      store.putRecord(2, 2, bytesOf('late'))
      await store.commit()
      expect(await recordsOf(store)).toEqual(['1/3 late settled late', '2/2 late'])
    })

    it('removes what earlier batches have put while their commits are under way', async () => {
      const store = await openFresh()
      const commits: Promise<void>[] = []
      for (let seq = 0; seq < 50; seq++) {
        store.putRecord(1, seq, bytesOf('r'))
        store.putSettled(1, seq, bytesOf('s'))
        store.putRecord(2, seq, bytesOf('r'))
        commits.push(store.commit())
        if (seq % 10 === 9) {
          store.removeRecords(1, seq - 9, seq)
          commits.push(store.commit())
        }
      }
      store.removeQueue(2)
      commits.push(store.commit())
      store.putRecord(2, 7, bytesOf('again'))
      commits.push(store.commit())
      await Promise.all(commits)
      expect(await recordsOf(store)).toEqual([...[9, 19, 29, 39, 49].map((seq) => `1/${seq} r settled s`), '2/7 again'])
    })

    it('removes a queue and no other', async () => {
      const store = await openFresh()
      for (const queueId of [1, 2, 3]) {
        for (const seq of [0, 1, MAX]) store.putRecord(queueId, seq, bytesOf('r'))
        store.putSettled(queueId, MAX, bytesOf('s'))
      }
      await store.commit()
      store.removeQueue(2)
      store.removeQueue(99)
      await store.commit()
      const left = [1, 3].flatMap((id) => [`${id}/0 r`, `${id}/1 r`, `${id}/${MAX} r settled s`])
      expect(await recordsOf(store)).toEqual(left)
    })

    it('removes thousands of records at once', async () => {
      const store = await openFresh()
      for (let seq = 0; seq < 20_000; seq++) store.putRecord(1, seq, bytesOf('r'))
      await store.commit()
      store.removeRecords(1, 0, 19_998)
      await store.commit()
      expect(await recordsOf(store)).toEqual(['1/19998 r', '1/19999 r'])
    })

    it('resolves the commits in their order, empty ones among them', async () => {
      const store = await openFresh()
      const order: number[] = []
      const commits: Promise<unknown>[] = []
      for (let number = 0; number < 60; number++) {
        if (number % 3 !== 2) store.putRecord(1, number, Buffer.alloc((number * 7919) % 9000))
        commits.push(store.commit().then(() => order.push(number)))
        if (number % 10 === 0) await new Promise(setImmediate)
      }
      await Promise.all(commits)
      expect(order).toEqual(Array.from({ length: 60 }, (_, number) => number))
      expect(await recordsOf(store)).toHaveLength(40)
    })

    it('commits nothing when there is nothing', async () => {
      const store = await openFresh()
      expect(await store.commit()).toBeUndefined()
      store.removeRecords(1, 0, 5)
      store.removeQueue(3)
      expect(await store.commit()).toBeUndefined()
    })

    it('shows nothing of a batch before its commit', async () => {
      const store = await openFresh()
      store.putRecord(1, 0, bytesOf('r'))
      store.putDefinition(1, bytesOf('d'))
      expect(await recordsOf(store)).toEqual([])
      expect(await definitionsOf(store)).toEqual({})
    })

    it('refuses numbers that are no ids or sequence numbers', async () => {
      const store = await openFresh()
      for (const bad of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
        expect(() => store.putRecord(bad, 0, bytesOf('r'))).toThrow(RangeError)
        expect(() => store.putRecord(1, bad, bytesOf('r'))).toThrow(RangeError)
        expect(() => store.putSettled(1, bad, bytesOf('r'))).toThrow(RangeError)
        expect(() => store.putDefinition(bad, bytesOf('r'))).toThrow(RangeError)
      }
      await store.commit()
      expect(await recordsOf(store)).toEqual([])
    })

    it('has after a restart what was committed, and nothing else', async () => {
      const underTest = await prepare()
      const first = await reopen(underTest)
      first.putDefinition(1, bytesOf('d'))
      first.putRecord(1, 0, bytesOf('a'))
      first.putSettled(1, 0, bytesOf('s'))
      first.putRecord(1, 1, bytesOf('b'))
      await first.commit()
      first.putRecord(1, 2, bytesOf('lost'))
      first.putDefinition(2, bytesOf('lost'))
      first.removeRecords(1, 0, 1)
      await first.close()
      const second = await reopen(underTest)
      expect(await definitionsOf(second)).toEqual({ 1: 'd' })
      expect(await recordsOf(second)).toEqual(['1/0 a settled s', '1/1 b'])
      second.removeRecords(1, 0, 1)
      second.putRecord(1, 2, bytesOf('c'))
      await second.commit()
      await second.close()
      expect(await recordsOf(await reopen(underTest))).toEqual(['1/1 b', '1/2 c'])
    })

    it('closes after what was committed is stored', async () => {
      const underTest = await prepare()
      const store = await reopen(underTest)
      const commits: Promise<void>[] = []
      for (let seq = 0; seq < 20; seq++) {
        store.putRecord(1, seq, Buffer.alloc(50_000, seq))
        commits.push(store.commit())
      }
      await store.close()
      await Promise.all(commits)
      await store.close()
      expect(await recordsOf(await reopen(underTest))).toHaveLength(20)
    })

    it('gives labels and bitmaps back in the order of the records, without their bytes', async () => {
      const underTest = await prepare()
      const first = await reopen(underTest)
      const longest = Uint8Array.from({ length: LABEL_BYTES_MAX }, (_, index) => 255 - index)
      first.putRecord(2, 7, Buffer.alloc(300_000))
      first.putRecord(1, 300, bytesOf('r'), longest)
      first.putRecord(1, 4, bytesOf(''), bytesOf('label'))
      first.putRecord(1, 5, bytesOf('r'), Buffer.alloc(24))
      first.putSettled(1, 4, bytesOf('settled'))
      first.putSettled(1, 6, bytesOf('no record'))
      await first.commit()
      const lines = ['1/4 label settled settled', `1/5 ${'\0'.repeat(24)}`, `1/300 ${textOf(longest)}`, '2/7 ']
      expect(await indexOf(first)).toEqual(lines)
      await first.close()
      expect(await indexOf(await reopen(underTest))).toEqual(lines)
    })

    it('gives each reader of the index and of blobs bytes of its own', async () => {
      const store = await openFresh()
      store.putRecord(1, 0, bytesOf('r'), bytesOf('label'))
      store.putSettled(1, 0, bytesOf('bitmap'))
      store.putBlob(1, bytesOf('blob'))
      await store.commit()
      for await (const { label, settled } of store.loadIndex()) {
        label.fill(0)
        settled?.fill(0)
      }
      for (const { bytes, settled } of await store.readRecords(1, 0, 1, 100)) {
        bytes.fill(0)
        settled?.fill(0)
      }
      ;(await store.readBlob(1))?.fill(0)
      expect(await indexOf(store)).toEqual(['1/0 label settled bitmap'])
      expect(await recordsOf(store)).toEqual(['1/0 r settled bitmap'])
      expect(textOf((await store.readBlob(1)) ?? bytesOf('none'))).toBe('blob')
    })

    it('replaces the label with the record', async () => {
      const store = await openFresh()
      store.putRecord(1, 5, bytesOf('a'), bytesOf('old'))
      store.putRecord(1, 9, bytesOf('z'), bytesOf('same'))
      const commits = [store.commit()]
      store.putRecord(1, 5, bytesOf('b'), bytesOf('newer'))
      commits.push(store.commit())
      store.putRecord(1, 5, bytesOf('b'))
      store.putRecord(1, 9, bytesOf('y'), bytesOf('same'))
      await Promise.all([...commits, store.commit()])
      expect(await indexOf(store)).toEqual(['1/5 ', '1/9 same'])
      expect(await recordsOf(store)).toEqual(['1/5 b', '1/9 y'])
      store.putRecord(1, 5, bytesOf('c'), bytesOf('last'))
      await store.commit()
      expect(await indexOf(store)).toEqual(['1/5 last', '1/9 same'])
      store.removeRecords(1, 0, 9)
      await store.commit()
      expect(await indexOf(store)).toEqual(['1/9 same'])
    })

    it('refuses a label that is too long', async () => {
      const store = await openFresh()
      expect(() => store.putRecord(1, 0, bytesOf('r'), Buffer.alloc(LABEL_BYTES_MAX + 1))).toThrow(RangeError)
      await store.commit()
      expect(await recordsOf(store)).toEqual([])
    })

    it('reads a range of the records of one queue, at least one and until it has enough octets', async () => {
      const store = await openFresh()
      for (const queueId of [1, 2, 3]) {
        for (const seq of [0, 10, 20, 30, MAX]) store.putRecord(queueId, seq, Buffer.alloc(100, seq), bytesOf('l'))
      }
      store.putSettled(2, 20, bytesOf('s'))
      store.putSettled(2, 25, bytesOf('no record'))
      await store.commit()
      const seqs = async (from: number, to: number, maxBytes: number) =>
        (await store.readRecords(2, from, to, maxBytes)).map(({ firstSeq }) => firstSeq)
      expect(await seqs(0, MAX + 1, 1e9)).toEqual([0, 10, 20, 30, MAX])
      expect(await seqs(0, Number.POSITIVE_INFINITY, 1e9)).toEqual([0, 10, 20, 30, MAX])
      expect(await seqs(1, MAX, 1e9)).toEqual([10, 20, 30])
      expect(await seqs(10, 30, 1e9)).toEqual([10, 20])
      expect(await seqs(11, 20, 1e9)).toEqual([])
      expect(await seqs(20, 20, 1e9)).toEqual([])
      expect(await seqs(0, MAX, 0)).toEqual([0])
      expect(await seqs(0, MAX, 100)).toEqual([0])
      expect(await seqs(0, MAX, 101)).toEqual([0, 10])
      expect(await seqs(5, MAX, 200)).toEqual([10, 20])
      expect((await store.readRecords(2, 15, 31, 1e9)).map(lineOf)).toEqual([
        `2/20 ${'\x14'.repeat(100)} settled s`,
        `2/30 ${'\x1e'.repeat(100)}`,
      ])
      expect(await store.readRecords(4, 0, MAX, 1e9)).toEqual([])
    })

    it('puts records that it reads into the memory that it is given', async () => {
      const store = await openFresh()
      for (const seq of [0, 10, 20]) store.putRecord(1, seq, Buffer.alloc(100 + seq, seq))
      store.putSettled(1, 10, bytesOf('s'))
      await store.commit()
      const taken: Uint8Array[] = []
      const memory = {
        take(octets: number) {
          const bytes = new Uint8Array(octets)
          taken.push(bytes)
          return bytes
        },
        giveBack: () => expect.fail('what was read belongs to the reader'),
      }
      const records = await store.readRecords(1, 0, MAX, 1e9, memory)
      expect(records.map(lineOf)).toEqual((await store.readRecords(1, 0, MAX, 1e9)).map(lineOf))
      expect(records).toHaveLength(3)
      // A store that has nothing to copy from elsewhere may use memory of its own.
      if (taken.length > 0) expect(records.map(({ bytes }) => bytes)).toEqual(taken)
    })

    it('has records on disk, or keeps their memory, before it gives that back', async () => {
      const store = await openFresh()
      const given: Uint8Array[] = []
      const memory = {
        take: (octets: number) => new Uint8Array(octets),
        giveBack(bytes: Uint8Array) {
          given.push(bytes)
          bytes.fill(0)
        },
      }
      const commits: Promise<void>[] = []
      for (let seq = 0; seq < 50; seq++) {
        const bytes = Buffer.alloc(20_000, `record ${seq} `)
        store.putRecord(1, seq, bytes, undefined, memory)
        // Replaced before it is stored, and removed afterwards.
        if (seq % 5 === 0) store.putRecord(1, seq, Buffer.from(bytes), undefined, memory)
        if (seq % 7 === 6) store.removeRecords(1, seq - 1, seq)
        commits.push(store.commit())
        if (seq % 3 === 0) await new Promise(setImmediate)
      }
      await Promise.all(commits)
      const records = await store.readRecords(1, 0, 50, 1e9)
      expect(records).toHaveLength(43)
      for (const { firstSeq, bytes } of records) {
        expect(Buffer.compare(bytes, Buffer.alloc(20_000, `record ${firstSeq} `))).toBe(0)
      }
      expect(new Set(given).size).toBe(given.length)
    })

    it('reads every record whose commit has resolved, while others are under way', async () => {
      const store = await openFresh()
      const commits: Promise<void>[] = []
      for (let seq = 0; seq < 300; seq++) {
        store.putRecord(1, seq, bytesOf(`record ${seq}`))
        store.putSettled(1, seq, bytesOf(`settled ${seq}`))
        store.putBlob(seq + 1, bytesOf(`blob ${seq}`))
        commits.push(
          store.commit().then(async () => {
            const [record] = await store.readRecords(1, seq, seq + 1, 1)
            expect(record && lineOf(record)).toBe(`1/${seq} record ${seq} settled settled ${seq}`)
            expect(textOf((await store.readBlob(seq + 1)) ?? bytesOf('none'))).toBe(`blob ${seq}`)
          }),
        )
        // Readers of every state, so that a later one could be given an earlier one's.
        await store.readRecords(1, 0, 1, 1)
        if (seq % 7 === 0) await new Promise(setImmediate)
      }
      await Promise.all(commits)
    })

    it('does not read what has been removed', async () => {
      const store = await openFresh()
      for (let seq = 0; seq < 50; seq++) store.putRecord(1, seq, bytesOf('r'))
      await store.commit()
      store.removeRecords(1, 5, 48)
      await store.commit()
      expect((await store.readRecords(1, 3, 60, 1e9)).map(({ firstSeq }) => firstSeq)).toEqual([3, 4, 48, 49])
      expect(await indexOf(store)).toHaveLength(7)
    })

    it('keeps blobs by id, replaces and removes them', async () => {
      const underTest = await prepare()
      const store = await reopen(underTest)
      const large = Buffer.alloc(3_000_000, 'large')
      store.putBlob(MAX, bytesOf('last'))
      store.putBlob(2, large)
      store.putBlob(300, bytesOf(''))
      store.putBlob(5, bytesOf('early'))
      store.removeBlob(5)
      store.removeBlob(6)
      store.putBlob(6, bytesOf('late'))
      await store.commit()
      expect(await blobIdsOf(store)).toEqual([2, 6, 300, MAX])
      expect(Buffer.compare((await store.readBlob(2)) ?? bytesOf(''), large)).toBe(0)
      expect(await store.readBlob(300)).toHaveLength(0)
      expect(await store.readBlob(3)).toBeUndefined()
      store.putBlob(2, bytesOf('a'))
      const commits = [store.commit()]
      store.putBlob(2, bytesOf('b'))
      commits.push(store.commit())
      store.removeBlob(6)
      store.removeBlob(MAX)
      await Promise.all([...commits, store.commit()])
      await store.close()
      const again = await reopen(underTest)
      expect(await blobIdsOf(again)).toEqual([2, 300])
      expect(textOf((await again.readBlob(2)) ?? bytesOf('none'))).toBe('b')
      expect(await again.readBlob(6)).toBeUndefined()
    })

    it('removes blobs while the commits that put them are under way', async () => {
      const store = await openFresh()
      const commits: Promise<void>[] = []
      for (let id = 1; id <= 20; id++) {
        store.putBlob(id, bytesOf(`blob ${id}`))
        commits.push(store.commit())
        store.removeBlob(id - (id % 3))
        commits.push(store.commit())
      }
      await Promise.all(commits)
      expect(await blobIdsOf(store)).toEqual([1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20])
    })

    it('refuses numbers that are no ids of blobs', async () => {
      const store = await openFresh()
      for (const bad of [-1, 0.5, 2 ** 53]) expect(() => store.putBlob(bad, bytesOf('b'))).toThrow(RangeError)
    })

    it('tells how much room there is, when it has a disk', async () => {
      const space = await (await openFresh()).space()
      if (space === undefined) return
      expect(space.freeBytes).toBeGreaterThan(0)
      expect(space.sizeBytes).toBeGreaterThan(0)
    })

    it('holds what a naive model holds, over random batches and restarts', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
          const underTest = await make()
          const model = new ModelStore()
          let store = await underTest.open()
          try {
            const commits: Promise<void>[] = []
            for (const each of steps) {
              model.apply(each)
              if (each.do !== 'restart') {
                apply(store, each, commits)
                if (each.do !== 'await') continue
              }
              await Promise.all(commits.splice(0))
              if (each.do === 'restart') {
                await store.close()
                store = await underTest.open()
              }
              expect(await recordsOf(store)).toEqual(model.stored())
              expect(await indexOf(store)).toEqual(model.index())
              expect((await store.readRecords(1, 2, 8, 4)).map(lineOf)).toEqual(model.read())
            }
            await Promise.all(commits)
            expect(await recordsOf(store)).toEqual(model.stored())
          } finally {
            await store.close()
            await underTest.cleanUp()
          }
        }),
        { numRuns: 40 },
      )
    })
  })
}

type Step =
  | { do: 'put' | 'settle'; queueId: number; seq: number; text: string }
  | { do: 'remove'; queueId: number; seq: number; count: number }
  | { do: 'remove queue'; queueId: number }
  | { do: 'commit' | 'await' | 'restart' }

const queueId = fc.integer({ min: 1, max: 2 })
const seq = fc.integer({ min: 0, max: 9 })
const text = fc.string({ unit: 'binary-ascii', maxLength: 3 })

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('put' as const), queueId, seq, text }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const), queueId, seq, text }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('remove' as const), queueId, seq, count: fc.integer({ min: 0, max: 20 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove queue' as const), queueId }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'commit' as const, 'await' as const) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

/** The label that the model gives a record of that text. */
function labelFor(text: string): Uint8Array {
  return bytesOf(text.length === 1 ? '' : `label of ${text}`)
}

/** Settles only what the store has: whether a note without a record is kept is left to the store. */
function apply(store: MessageStore, step: Step, commits: Promise<void>[]): void {
  switch (step.do) {
    case 'put':
      // Whatever was settled of an earlier record of that number is gone, as a queue log has it.
      store.removeRecords(step.queueId, step.seq, step.seq + 1)
      return store.putRecord(step.queueId, step.seq, bytesOf(step.text), labelFor(step.text))
    case 'settle':
      store.putRecord(step.queueId, step.seq, bytesOf('settled'), labelFor('settled'))
      return store.putSettled(step.queueId, step.seq, bytesOf(step.text))
    case 'remove':
      return store.removeRecords(step.queueId, step.seq, step.seq + step.count)
    case 'remove queue':
      return store.removeQueue(step.queueId)
    case 'commit':
    case 'await':
      commits.push(store.commit())
  }
}

interface ModelRecord {
  readonly text: string
  readonly settled?: string
}

/** Records by queue and sequence number: those committed, and those that the next commit makes so. */
class ModelStore {
  #committed = new Map<string, ModelRecord>()
  #next = new Map<string, ModelRecord>()

  apply(step: Step): void {
    switch (step.do) {
      case 'put':
        this.#next.set(`${step.queueId}/${step.seq}`, { text: step.text })
        break
      case 'settle':
        this.#next.set(`${step.queueId}/${step.seq}`, { text: 'settled', settled: step.text })
        break
      case 'remove':
        for (let seq = step.seq; seq < step.seq + step.count; seq++) this.#next.delete(`${step.queueId}/${seq}`)
        break
      case 'remove queue':
        for (let seq = 0; seq < 50; seq++) this.#next.delete(`${step.queueId}/${seq}`)
        break
      case 'restart':
        this.#next = new Map(this.#committed)
        break
      default:
        this.#committed = new Map(this.#next)
    }
  }

  /** What `loadRecords` gives. */
  stored(): string[] {
    return this.#sorted().map(([place, record]) => modelLine(place, record, record.text))
  }

  /** What `loadIndex` gives. */
  index(): string[] {
    return this.#sorted().map(([place, record]) => modelLine(place, record, textOf(labelFor(record.text))))
  }

  /** What `readRecords` gives of queue 1 in [2, 8), up to 4 octets. */
  read(): string[] {
    const lines: string[] = []
    let octets = 0
    for (const [place, record] of this.#sorted()) {
      if (!/^1\/[2-7]$/.test(place) || (lines.length > 0 && octets >= 4)) continue
      lines.push(modelLine(place, record, record.text))
      octets += record.text.length
    }
    return lines
  }

  #sorted(): [place: string, record: ModelRecord][] {
    const order = (place: string) => place.split('/').reduce((sum, part) => sum * 100 + Number(part), 0)
    return [...this.#committed].sort(([a], [b]) => order(a) - order(b))
  }
}

function modelLine(place: string, { settled }: ModelRecord, text: string): string {
  return `${place} ${text}${settled === undefined ? '' : ` settled ${settled}`}`
}
