import { describe, expect, it } from 'vitest'
import { Turn } from '../../src/base/turn.js'

function started() {
  const seen: string[] = []
  const turn = new Turn(() => seen.push('between'))
  const output = (name: string, then?: () => void) => ({
    endTurn: () => {
      seen.push(name)
      then?.()
    },
  })
  return { turn, seen, output }
}

const immediate = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('Turn', () => {
  it('ends its outputs first, hands over between, and ends the others last, each in the order they came', () => {
    const { turn, seen, output } = started()
    turn.endLast(output('socket 1'))
    turn.endFirst(output('channel 1'))
    turn.endLast(output('socket 2'))
    turn.endFirst(output('channel 2'))
    turn.end()
    expect(seen).toEqual(['channel 1', 'channel 2', 'between', 'socket 1', 'socket 2'])
  })

  it('ends by itself after the input of this iteration, once', async () => {
    const { turn, seen, output } = started()
    turn.endLast(output('socket'))
    turn.schedule()
    await Promise.resolve()
    expect(seen).toEqual([])
    await immediate()
    expect(seen).toEqual(['between', 'socket'])
    await immediate()
    expect(seen).toEqual(['between', 'socket'])
  })

  it('ends without any output when it is asked to', async () => {
    const { turn, seen } = started()
    turn.schedule()
    await immediate()
    expect(seen).toEqual(['between'])
  })

  it('does not end again by itself after it was ended', async () => {
    const { turn, seen, output } = started()
    turn.endLast(output('socket'))
    turn.end()
    await immediate()
    expect(seen).toEqual(['between', 'socket'])
  })

  it('writes what the first outputs and the hand-over add in the same turn', () => {
    const { turn, seen, output } = started()
    turn.endFirst(output('channel', () => turn.endLast(output('socket'))))
    turn.end()
    expect(seen).toEqual(['channel', 'between', 'socket'])
  })

  it('leaves what is gathered while it ends to the next turn', async () => {
    const { turn, seen, output } = started()
    turn.endFirst(output('channel', () => turn.endFirst(output('channel again'))))
    turn.endLast(output('socket', () => turn.endLast(output('socket again'))))
    turn.end()
    expect(seen).toEqual(['channel', 'between', 'socket'])
    await immediate()
    expect(seen.slice(3)).toEqual(['channel again', 'between', 'socket again'])
  })
})
