import { describe, expect, it } from 'vitest'
import { Page, Slot } from '../../src/broker/page.js'
import {
  encodeLabel,
  RecordCursor,
  readLabel,
  readRecord,
  recordStates,
  StoredState,
  takeRecord,
} from '../../src/broker/queue-record.js'
import { Message } from '../../src/protocol/message.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { bodyOf, messageOf } from '../support/broker-messages.js'
import { QUEUE_ID, restoreLog, takeAll, testedLog } from '../support/broker-queue-log.js'

/** A page of messages, persistent where the body begins with `p`. */
function pageOf(...bodies: string[]): Page {
  const page = new Page(4096, 128)
  page.reset(0)
  for (const body of bodies) page.append(messageOf({ body }), body.startsWith('p') ? Slot.PERSISTENT : 0)
  return page
}

function settle(page: Page, slot: number): void {
  page.states[slot] = (page.stateOf(slot) & ~Slot.STATE_MASK) | Slot.SETTLED
}

describe('a record of a queue', () => {
  it('holds the persistent messages of a page that are not settled, from the first of them on', () => {
    const page = pageOf('t0', 'p1', 't2', 'p3', 'p4', 'p5')
    settle(page, 4)
    const record = takeRecord(page, 0, false) ?? expect.fail('no record')
    expect([record.firstSlot, record.count]).toEqual([1, 3])
    expect(readRecord(record.bytes, undefined).map(({ slot, state }) => [slot, state])).toEqual([
      [0, StoredState.UNTOUCHED],
      [2, StoredState.UNTOUCHED],
      [4, StoredState.UNTOUCHED],
    ])
  })

  it('is none where nothing is to be stored, and holds no message twice', () => {
    const page = pageOf('t0', 'p1')
    expect(takeRecord(page, 2, false)).toBeUndefined()
    expect(takeRecord(page, 0, false)?.count).toBe(1)
    expect(takeRecord(page, 0, false)).toBeUndefined()
  })

  it('holds transient messages too, marked, where they have to leave memory', () => {
    const page = pageOf('t0', 'p1', 't2')
    const { bytes, label, count } = takeRecord(page, 0, true) ?? expect.fail('no record')
    expect(readRecord(bytes, undefined).map(({ slot, isTransient }) => [slot, isTransient])).toEqual([
      [0, true],
      [1, false],
      [2, true],
    ])
    expect({ label, count }).toEqual({
      label: { slots: 3, messages: 1, bodyBytes: 2, sharedBodies: 0, expires: false },
      count: 3,
    })
    expect(readLabel(encodeLabel(label))).toEqual(label)
  })

  it('has states that say what was settled and what was handed out', () => {
    const page = pageOf('p0', 'p1', 'p2', 'p3', 'p4')
    const { bytes } = takeRecord(page, 0, false) ?? expect.fail('no record')
    settle(page, 1)
    page.states[2] = page.stateOf(2) | Slot.REDELIVERED
    page.states[4] = page.stateOf(4) | Slot.UNACKED
    const states = readRecord(bytes, recordStates(page, 0, 5)).map(({ state }) => state)
    const { UNTOUCHED, REDELIVERED, SETTLED } = StoredState
    expect(states).toEqual([UNTOUCHED, SETTLED, REDELIVERED, UNTOUCHED, REDELIVERED])
  })

  it('is gone through as often as wanted, and stays at its last message', () => {
    const page = pageOf('p0', 't1', 'p2')
    const { bytes } = takeRecord(page, 0, false) ?? expect.fail('no record')
    const cursor = new RecordCursor()
    cursor.open(bytes, recordStates(page, 0, 3))
    for (let round = 0; round < 2; round++) {
      const slots: number[] = []
      while (cursor.next()) slots.push(cursor.slot)
      expect([slots, cursor.next(), cursor.slot, cursor.end]).toEqual([[0, 2], false, 2, bytes.length])
      cursor.rewind()
    }
    cursor.close()
    expect(cursor.next()).toBe(false)
  })

  it('that is cut off is refused before any of its messages is seen', () => {
    const { bytes } = takeRecord(pageOf('p0', 'p1'), 0, false) ?? expect.fail('no record')
    const cursor = new RecordCursor()
    expect(() => cursor.open(bytes.subarray(0, -1), undefined)).toThrow('holds messages of')
    expect(() => cursor.open(bytes.subarray(0, 8), undefined)).toThrow('announces 2 messages')
  })

  it('with nothing left in it is removed when it is restored, and its numbers may be used again', async () => {
    const store = new MemoryStore()
    const page = pageOf('p0', 'p1')
    const { bytes, label } = takeRecord(page, 0, false) ?? expect.fail('no record')
    settle(page, 0)
    settle(page, 1)
    let isDirty = false
    const { log } = testedLog(store, {
      onDirty: () => {
        isDirty = true
      },
    })
    store.putRecord(QUEUE_ID, 0, bytes, encodeLabel(label))
    store.putSettled(QUEUE_ID, 0, recordStates(page, 0, 2))
    await store.commit()
    await restoreLog(log, store, true)
    expect([log.readyCount, isDirty]).toEqual([0, true])
    log.append(messageOf({ body: 'p2', isPersistent: true }))
    log.collect(store, QUEUE_ID)
    await store.commit()

    const again = testedLog(store)
    await restoreLog(again.log, store, true)
    expect(await takeAll(again)).toEqual(['p2'])
  })

  it('of many pages with gaps between their records is restored in order', async () => {
    const store = new MemoryStore()
    const { log } = testedLog(store)
    const view = new Message()
    const kept: string[] = []
    for (let i = 0; i < 1000; i++) {
      log.append(messageOf({ body: `message ${i}`, isPersistent: true }))
      if (i % 10 === 9) log.collect(store, QUEUE_ID)
    }
    for (let i = 0; i < 1000; i++) {
      const seq = log.takeNext(view)
      if (i % 97 === 5) kept.push(bodyOf(view))
      else log.settle(seq)
    }
    log.collect(store, QUEUE_ID)
    await store.commit()
    const again = testedLog(store)
    await restoreLog(again.log, store, false)
    expect(await takeAll(again)).toEqual(kept)
  })
})
