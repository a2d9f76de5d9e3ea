import { Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Turn } from '../../src/base/turn.js'
import type { Consumer } from '../../src/broker/consumer.js'
import type { Queue } from '../../src/broker/queue.js'
import { ConnectionInput } from '../../src/connection/connection-input.js'
import { SocketOutput } from '../../src/connection/socket-output.js'
import { FrameType } from '../../src/protocol/frame-scanner.js'
import { OutputBuffers } from '../../src/protocol/output-buffer.js'
import { frame } from '../support/raw-frames.js'

/** So many fill what a socket is read into. */
const FULL_CHUNK = 65

/** Frames of 1 KiB, numbered by their channel. */
function frames(from: number, count: number): Buffer {
  const payload = Buffer.alloc(1016)
  return Buffer.concat(Array.from({ length: count }, (_, index) => frame(FrameType.BODY, from + index, payload)))
}

/** A queue that has always fallen behind. */
class BusyQueue {
  consumers: Pick<Consumer, 'isFull'>[] = [{ isFull: false }, { isFull: true }]
  handedOutCount = 0
  waiting: (() => void)[] = []

  outpaces(): boolean {
    return true
  }

  awaitRelief(goOn: () => void): () => void {
    this.waiting = [goOn]
    return () => {
      this.waiting = []
    }
  }

  relieve(): void {
    this.handedOutCount++
    for (const goOn of this.waiting) goOn()
  }
}

/** A connection each of whose frames is a message to a queue that falls behind. */
function publishing() {
  const turn = new Turn(() => undefined)
  const socket = new Socket()
  const output = new SocketOutput(socket, turn, new OutputBuffers(), () => undefined)
  const queue = new BusyQueue()
  const seen: (number | string)[] = []
  const onMessage = (): void => input.noteOutpaced(queue as unknown as Queue, input) // all that is asked of it is there
  const input = new ConnectionInput(
    socket,
    output,
    { turn, readDescriptor: undefined },
    {
      onOctets: (chunk) => input.scan(chunk),
      onFrame: (_type, channel) => {
        seen.push(channel)
        onMessage()
      },
      endChunk: () => undefined,
      onError: (error) => {
        throw error
      },
    },
  )
  onTestFinished(() => {
    input.close()
    turn.end()
    socket.destroy()
  })
  return { turn, socket, queue, seen, input }
}

const upTo = (end: number) => Array.from({ length: end }, (_, index) => index)

describe('what a publisher has sent to a queue that waits for acknowledgements', () => {
  it('is worked on in parts, one each time that the queue has caught up, in its order', () => {
    const { turn, socket, queue, seen } = publishing()
    socket.emit('data', frames(0, 150))
    expect(seen).toEqual(upTo(64))
    turn.end()
    turn.end()
    expect(seen).toEqual(upTo(64))
    for (const end of [128, 150]) {
      queue.relieve()
      turn.end()
      expect(seen).toEqual(upTo(end))
    }
  })

  it('goes on after what that turn has written to others', () => {
    const { turn, socket, queue, seen } = publishing()
    socket.emit('data', frames(0, FULL_CHUNK))
    turn.end()
    queue.relieve()
    turn.endLast({ endTurn: () => seen.push('written') })
    turn.end()
    expect(seen).toEqual([...upTo(64), 'written', 64])
  })

  it('is read on from the socket when all of it has been worked on', () => {
    const { turn, socket, queue, input } = publishing()
    socket.emit('data', frames(0, 100))
    expect(input.isPaused).toBe(true)
    turn.end()
    queue.relieve()
    turn.end()
    expect(input.isPaused).toBe(true)
    queue.relieve()
    turn.end()
    expect(input.isPaused).toBe(false)
  })

  it('keeps its order when more has been read meanwhile', () => {
    const { turn, socket, queue, seen } = publishing()
    const sent = frames(0, 140)
    socket.emit('data', sent.subarray(0, 70_000))
    socket.emit('data', sent.subarray(70_000))
    for (let i = 0; i < 2; i++) {
      queue.relieve()
      turn.end()
    }
    expect(seen).toEqual(upTo(140))
  })

  it('is worked on whole where it is no full chunk', () => {
    const { socket, seen } = publishing()
    socket.emit('data', frames(0, 10).subarray(0, 9000))
    for (let from = 0; from < 6; from++) socket.emit('data', frames(10 * from, 10).subarray(from ? 0 : 9000))
    socket.emit('data', frames(60, 10))
    expect(seen).toEqual(upTo(70))
  })

  it('is dropped with the socket', () => {
    const { turn, socket, queue, seen, input } = publishing()
    socket.emit('data', frames(0, 150))
    input.close()
    queue.relieve()
    turn.end()
    expect(seen).toEqual(upTo(64))
  })
})

describe('what a publisher has sent to a queue whose consumers wait for their sockets', () => {
  it('is worked on whole', () => {
    const { socket, queue, seen } = publishing()
    queue.consumers = [{ isFull: false }]
    socket.emit('data', frames(0, 150))
    expect(seen).toEqual(upTo(150))
  })
})
