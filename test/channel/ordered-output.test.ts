import { describe, expect, it } from 'vitest'
import { HeldMemory } from '../../src/base/held-memory.js'
import { Committer } from '../../src/broker/committer.js'
import type { ChannelOutput } from '../../src/channel/channel-context.js'
import { OrderedOutput } from '../../src/channel/ordered-output.js'
import { OutputBuffer } from '../../src/protocol/output-buffer.js'
import { HeldStore } from '../support/broker-held-store.js'

/** The socket's end: says what has been encoded for it so far. */
class FakeOutput implements ChannelOutput {
  readonly buffer = new OutputBuffer()
  canTake = true
  touched = 0
  refused = 0

  touch(): void {
    this.touched++
  }

  refuse(): void {
    this.refused++
  }

  get text(): string {
    return Buffer.concat(this.buffer.pieces()).toString('latin1')
  }
}

function started() {
  const store = new HeldStore()
  const committer = new Committer(store, (error) => {
    throw error
  })
  const output = new FakeOutput()
  return { store, committer, output, ordered: new OrderedOutput(output, committer) }
}

describe('OrderedOutput', () => {
  it('goes straight to the socket while nothing durable is promised', () => {
    const { ordered, output } = started()
    ordered.buffer.text('a')
    expect(output.touched).toBe(1)
    ordered.holdUntilStored() // Nothing has changed, so there is nothing to wait for.
    ordered.buffer.text('b')
    expect([output.text, output.touched]).toEqual(['ab', 2])
  })

  it('holds back what follows a promise until its batch is stored', async () => {
    const { ordered, output, committer, store } = started()
    ordered.buffer.text('before ')
    committer.touchDefinitions()
    ordered.holdUntilStored()
    ordered.buffer.text('promise ')
    ordered.buffer.text('after ')
    committer.endTurn()
    expect([output.text, ordered.isHolding]).toEqual(['before ', true])
    const { touched } = output
    await store.release()
    expect(ordered.isHolding).toBe(false)
    expect(output.text).toBe('before promise after ')
    expect(output.touched).toBeGreaterThan(touched)
    ordered.buffer.text('later')
    expect(output.text).toBe('before promise after later')
  })

  it('holds back what is referred to as well, in its place', async () => {
    const { ordered, output, committer, store } = started()
    const memory = new HeldMemory()
    committer.touchDefinitions()
    ordered.holdUntilStored()
    ordered.buffer.text('promise ')
    ordered.buffer.refer(Buffer.from('body'), 0, 4, memory)
    ordered.buffer.text(' after')
    committer.endTurn()
    expect([output.text, memory.isHeld]).toEqual(['', true])
    await store.release()
    expect([output.text, memory.isHeld]).toEqual(['promise body after', true])
    output.buffer.clear()
    expect(memory.isHeld).toBe(false)
  })

  it('turns consumers away when what is referred to is too much to hold back', () => {
    const { ordered, committer } = started()
    committer.touchDefinitions()
    ordered.holdUntilStored()
    const body = Buffer.alloc(1024 * 1024)
    ordered.buffer.refer(body, 0, body.length - 1, new HeldMemory())
    expect(ordered.canTake).toBe(true)
    ordered.buffer.octet(1)
    expect(ordered.canTake).toBe(false)
  })

  it('releases each promise with its own batch, in order', async () => {
    const { ordered, output, committer, store } = started()
    committer.touchDefinitions()
    ordered.holdUntilStored()
    ordered.buffer.text('1')
    committer.endTurn()
    ordered.holdUntilStored() // Waits for what is in flight: it is held already.
    ordered.buffer.text('2')
    committer.touchDefinitions()
    ordered.holdUntilStored()
    ordered.buffer.text('3')
    await store.release()
    expect(output.text).toBe('12')
    ordered.buffer.text('4')
    expect(output.text).toBe('12')
    await store.release()
    expect(output.text).toBe('1234')
  })

  it('waits for a batch in flight when nothing has changed since', async () => {
    const { ordered, output, committer, store } = started()
    committer.touchDefinitions()
    committer.endTurn()
    ordered.holdUntilStored()
    ordered.buffer.text('promise')
    expect(output.text).toBe('')
    await store.release()
    expect(output.text).toBe('promise')
  })

  it('does not hold up another channel of the connection', () => {
    const { ordered, output, committer } = started()
    const other = new OrderedOutput(output, committer)
    committer.touchDefinitions()
    ordered.holdUntilStored()
    ordered.buffer.text('held')
    other.buffer.text('free')
    expect(output.text).toBe('free')
  })

  it('takes deliveries as long as the socket does', () => {
    const { ordered, output } = started()
    expect([ordered.canTake, output.refused]).toEqual([true, 0])
    output.canTake = false
    expect([ordered.canTake, output.refused]).toEqual([false, 1])
  })

  it('takes no deliveries once a mebibyte is held back, until that is released', async () => {
    const { ordered, output, committer, store } = started()
    committer.touchDefinitions()
    ordered.holdUntilStored()
    const block = Buffer.alloc(1024 * 1024 - 1, 'x')
    ordered.buffer.copy(block, 0, block.length)
    expect(ordered.canTake).toBe(true)
    ordered.buffer.text('x')
    expect(ordered.canTake).toBe(false)
    // The socket can do nothing about it before the disk has written.
    expect(output.refused).toBe(0)
    committer.endTurn()
    await store.release()
    expect([ordered.canTake, output.refused]).toEqual([true, 1])
    expect(output.buffer.used).toBe(1024 * 1024)
  })

  it('writes nothing more once it is closed', async () => {
    const { ordered, output, committer, store } = started()
    committer.touchDefinitions()
    ordered.holdUntilStored()
    ordered.buffer.text('held')
    ordered.close()
    committer.endTurn()
    await store.release()
    expect([output.text, output.touched]).toEqual(['', 0])
  })
})
