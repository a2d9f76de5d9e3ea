import { describe, expect, it } from 'vitest'
import { Turn } from '../../src/base/turn.js'

/** Where an input comes from. */
const CLIENT = {}

function started() {
  const seen: string[] = []
  const turn = new Turn((isAlone) => seen.push(isAlone ? 'between, alone' : 'between'))
  const output = (name: string, then?: () => void) => ({
    endTurn: () => {
      seen.push(name)
      then?.()
    },
  })
  return { turn, seen, output }
}

type Started = ReturnType<typeof started>

/** Works on one input that has something to write. */
function input({ turn, output }: Started, name: string, mayBeNow = true, source: object = CLIENT) {
  turn.beginInput(source)
  turn.endLast(output(name))
  turn.endInput(mayBeNow)
}

/** Brings one input in each of so many iterations as make the turn expect no other. */
async function withLonelyInputs() {
  const fixture = started()
  for (let i = 0; i < 8; i++) {
    input(fixture, 'socket')
    await immediate()
  }
  fixture.seen.length = 0
  return fixture
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

  it('goes on with what waits for that when all outputs have ended', () => {
    const { turn, seen, output } = started()
    const after = output('rest', () => turn.endLast(output('next turn')))
    turn.goOnAfterwards(after)
    turn.endFirst(output('channel', () => turn.endLast(output('socket 2'))))
    turn.endLast(output('socket 1'))
    turn.end()
    expect(seen).toEqual(['channel', 'between', 'socket 1', 'socket 2', 'rest'])
    turn.end()
    expect(seen.slice(5)).toEqual(['between', 'next turn'])
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

  it('has no other turn follow for what the first outputs add to it', async () => {
    const { turn, seen, output } = started()
    turn.endFirst(output('channel', () => turn.endLast(output('socket'))))
    turn.end()
    await immediate()
    expect(seen).toEqual(['channel', 'between', 'socket'])
  })

  it('ends after all inputs of an iteration', async () => {
    const fixture = started()
    input(fixture, 'socket 1')
    input(fixture, 'socket 2')
    expect(fixture.seen).toEqual([])
    await immediate()
    expect(fixture.seen).toEqual(['between', 'socket 1', 'socket 2'])
  })

  it('ends with its input when inputs have come one at a time, and is ended once', async () => {
    const fixture = await withLonelyInputs()
    input(fixture, 'socket')
    expect(fixture.seen).toEqual(['between', 'socket'])
    await immediate()
    expect(fixture.seen).toEqual(['between', 'socket'])
  })

  it('ends with its iteration when the source of the input may have more', async () => {
    const fixture = await withLonelyInputs()
    input(fixture, 'socket', false)
    expect(fixture.seen).toEqual([])
    await immediate()
    expect(fixture.seen).toEqual(['between', 'socket'])
    input(fixture, 'socket 2')
    expect(fixture.seen).toEqual(['between', 'socket'])
  })

  it('ends with its iteration when something else waits for that', async () => {
    const fixture = await withLonelyInputs()
    fixture.turn.endLast(fixture.output('timer'))
    input(fixture, 'socket')
    expect(fixture.seen).toEqual([])
    await immediate()
    expect(fixture.seen).toEqual(['between', 'timer', 'socket'])
  })

  it('finds out when inputs come together again', async () => {
    const fixture = await withLonelyInputs()
    for (let i = 0; i < 20; i++) {
      input(fixture, 'socket 1')
      input(fixture, 'socket 2')
      await immediate()
    }
    fixture.seen.length = 0
    input(fixture, 'socket 1')
    input(fixture, 'socket 2')
    expect(fixture.seen).toEqual([])
    await immediate()
    expect(fixture.seen).toEqual(['between', 'socket 1', 'socket 2'])
  })

  it('leaves to the next turn what the last outputs of an input add', async () => {
    const { turn, seen, output } = await withLonelyInputs()
    turn.beginInput(CLIENT)
    turn.endLast(output('socket', () => turn.endLast(output('socket again'))))
    turn.endInput(true)
    expect(seen).toEqual(['between', 'socket'])
    await immediate()
    expect(seen).toEqual(['between', 'socket', 'between', 'socket again'])
  })

  describe('with one client at work', () => {
    /** So many iterations with an input each. @returns what was seen in the last one. */
    async function afterInputs(fixture: Started, count: number, mayBeNow = true): Promise<string[]> {
      for (let i = 0; i < count; i++) {
        fixture.seen.length = 0
        input(fixture, 'socket', mayBeNow)
        await immediate()
      }
      return fixture.seen
    }

    it('says so after 65 inputs of it, and not after 64', async () => {
      const fixture = started()
      expect(await afterInputs(fixture, 64)).toEqual(['between', 'socket'])
      expect(await afterInputs(fixture, 1)).toEqual(['between, alone', 'socket'])
    })

    it('says so no more when another one comes, until that has been away for as long', async () => {
      const fixture = started()
      await afterInputs(fixture, 70)
      fixture.seen.length = 0
      input(fixture, 'other', true, {})
      await immediate()
      expect(fixture.seen).toEqual(['between', 'other'])
      expect(await afterInputs(fixture, 64)).toEqual(['between', 'socket'])
      expect(await afterInputs(fixture, 1)).toEqual(['between, alone', 'socket'])
    })

    it('never says so of one that has more to say at once', async () => {
      expect(await afterInputs(started(), 200, false)).toEqual(['between', 'socket'])
    })

    it('ends what is added between as well, before the last outputs', async () => {
      const seen: string[] = []
      const output = (name: string) => ({ endTurn: () => void seen.push(name) })
      const turn: Turn = new Turn((isAlone) => isAlone && turn.endFirst(output('confirm')))
      for (let i = 0; i < 65; i++) {
        turn.beginInput(CLIENT)
        turn.endLast(output('socket'))
        turn.endInput(true)
        if (i < 64) await immediate()
      }
      expect(seen.slice(-2)).toEqual(['confirm', 'socket'])
    })
  })
})
