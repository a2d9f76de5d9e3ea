/**
 * What a connection is sent, on its way from the socket to those who work on it: when it is read, and in which pieces.
 *
 * At most one chunk is read in a turn: libuv would read a flooding socket up to 32 times in a row, while everybody
 * else's acknowledgements wait.
 */

import type { Socket } from 'node:net'
import { systemClock } from '../base/clock.js'
import type { TurnOutput } from '../base/turn.js'
import type { Queue } from '../broker/queue.js'
import { FrameScanner } from '../protocol/frame-scanner.js'
import type { ConnectionContext } from './connection-context.js'
import { PublisherBrake } from './publisher-brake.js'
import { isFullRead } from './shared-read-buffer.js'
import { SocketInput } from './socket-input.js'
import type { SocketOutput } from './socket-output.js'

/** The limit for frames before the client has agreed to one. */
const INITIAL_FRAME_MAX = 8192
/** A client that does not read its replies is not read from above this many octets of them. */
const PENDING_OCTETS_MAX = 4 * 1024 * 1024

type InputContext = Pick<ConnectionContext, 'turn' | 'readDescriptor'>

/** So many messages may come to a queue that has fallen behind before the rest of what was read waits. */
const OUTPACING_MAX = 64

/** Who works on what is sent. What the first three throw is given to `onError`. */
export interface InputHandler {
  /** Takes a chunk, which is not to be kept: to `scan`, or for itself. */
  onOctets(chunk: Buffer): void
  onFrame(type: number, channel: number, bytes: Buffer, start: number, end: number): void
  /** All of a chunk has been worked on, or as much as may be for now. */
  endChunk(): void
  onError(error: unknown): void
}

export class ConnectionInput implements TurnOutput {
  readonly #context: InputContext
  readonly #handler: InputHandler
  readonly #socketInput: SocketInput
  readonly #output: SocketOutput
  readonly #scanner: FrameScanner
  /** Slows down a client that publishes faster than others can take it. */
  readonly brake: PublisherBrake
  #octetsReceived = 0
  /** How many reasons there are to work on nothing more of what the client sends. */
  #suspensions = 0
  /** Whether this turn calls `endTurn`. */
  #goesOn = false
  /** Messages that may still come to a queue that has fallen behind. */
  #outpacingLeft = 0
  /** Whether the chunk that is being worked on is as large as they come. */
  #isFull = false

  /** @param output is looked at: who does not read answers is not read from. */
  constructor(socket: Socket, output: SocketOutput, context: InputContext, handler: InputHandler) {
    this.#context = context
    this.#handler = handler
    this.#output = output
    this.#socketInput = new SocketInput(socket, context.readDescriptor)
    this.#scanner = new FrameScanner(INITIAL_FRAME_MAX, (type, channel, bytes, start, end) => {
      try {
        handler.onFrame(type, channel, bytes, start, end)
        // Small requests can have large answers, so that the limit must hold within a chunk as well.
        if (output.bufferedOctets > PENDING_OCTETS_MAX) this.#scanner.pause()
      } catch (error) {
        // Caught here and not around the chunk: the answer to connection.close may already be in it.
        handler.onError(error)
      }
    })
    // Patience is a matter of fairness between sockets, not of the broker's time, which a test may have stand still.
    this.brake = new PublisherBrake(systemClock, () => this.#goOnAfterwards())
    socket.on('data', (chunk) => this.#onChunk(chunk))
  }

  get octetsReceived(): number {
    return this.#octetsReceived
  }

  get isPaused(): boolean {
    return this.#socketInput.isPaused
  }

  /** Whether nobody knows for sure where the next frame begins. */
  get isLost(): boolean {
    return this.#scanner.isLost
  }

  /** The longest payload of a frame from now on, in octets; 0 for any. */
  set frameMax(octets: number) {
    this.#scanner.frameMax = octets
  }

  /** Has the frames in `octets` worked on. */
  scan(octets: Buffer): void {
    this.#scanner.push(octets)
  }

  /** Works on nothing more of what the client sends until the returned function has been called. */
  suspend(): () => void {
    this.#scanner.pause()
    this.#suspensions++
    this.#socketInput.pause()
    return () => {
      if (this.#suspensions > 0) this.#suspensions--
      this.#goOnAfterwards()
    }
  }

  /**
   * Takes note of a message to a queue that has fallen behind, for which `publisher` is to wait. Where that waits for
   * acknowledgements it does so before the rest of a full chunk: while that was worked on, they would wait as well.
   */
  noteOutpaced(queue: Queue, publisher: object): void {
    const { brake } = this
    if (!brake.isOn) this.#outpacingLeft = OUTPACING_MAX
    brake.putOn(queue, publisher)
    if (brake.isOn && --this.#outpacingLeft === 0 && this.#isFull && awaitsSettlement(queue)) this.#scanner.pause()
  }

  /** Reads on whatever the reason not to was. */
  endSuspensions(): void {
    if (this.#suspensions === 0) return
    this.#suspensions = 0
    this.#goOnAfterwards()
  }

  /** Reads on, as the socket has taken what was written to it. */
  outputDrained(): void {
    if (this.#socketInput.isPaused) this.#goOnAfterwards()
  }

  /** Nothing that comes now is worked on. */
  stop(): void {
    this.#scanner.stop()
  }

  /** The socket is gone. */
  close(): void {
    this.#socketInput.close()
    this.#scanner.stop()
    this.brake.close()
  }

  /** Reads on after a pause, once what the last chunk caused has been written, or else when the socket drains. */
  endTurn(): void {
    this.#goesOn = false
    if (this.brake.isOn || this.#suspensions > 0) return
    if (this.#output.pendingOctets > PENDING_OCTETS_MAX) this.#output.refuse()
    else if (this.#scanner.isPaused) this.#resumeScanning()
    else this.#socketInput.resume()
  }

  /** Has `endTurn` called once what this turn has caused is written: what others wait for comes first. */
  #goOnAfterwards(): void {
    if (this.#goesOn) return
    this.#goesOn = true
    this.#context.turn.goOnAfterwards(this)
  }

  /** Goes on with the rest of a chunk, and with the socket in a later turn. */
  #resumeScanning(): void {
    this.#goOnAfterwards()
    this.#work(() => this.#scanner.resume())
  }

  #onChunk(chunk: Buffer): void {
    this.#octetsReceived += chunk.length
    const isFull = isFullRead(chunk)
    const { turn } = this.#context
    turn.beginInput(this)
    try {
      this.#onOctets(chunk, isFull)
    } finally {
      // Whatever the input changes has to reach the store, also when nothing is written.
      turn.endInput(!isFull)
    }
  }

  #onOctets(chunk: Buffer, isFull: boolean): void {
    this.#isFull = isFull
    const isBackedUp = this.#output.pendingOctets > PENDING_OCTETS_MAX
    if (isFull || isBackedUp || this.#socketInput.isPaused) {
      this.#socketInput.pause()
      this.#goOnAfterwards()
    }
    if (isFull && !isBackedUp) this.#socketInput.readAhead(chunk)
    const framesBefore = this.#scanner.frameCount
    this.#work(() => this.#handler.onOctets(chunk))
    if (isFull && !this.#scanner.isPaused) this.#socketInput.judge(chunk, this.#scanner.frameCount - framesBefore)
  }

  /** Has input worked on. Whatever goes wrong with it ends here. */
  #work(input: () => void): void {
    try {
      input()
      this.#handler.endChunk()
      if (this.brake.isOn) this.#socketInput.pause()
      if (this.#scanner.isPaused) {
        this.#socketInput.pause()
        this.#goOnAfterwards()
      }
    } catch (error) {
      this.#handler.onError(error)
    }
  }
}

/** Whether a consumer has as many deliveries as it may before it settles some. */
function awaitsSettlement(queue: Queue): boolean {
  return queue.consumers.some((consumer) => consumer.isFull)
}
