import type { Socket } from 'node:net'
import type { Turn, TurnOutput } from '../base/turn.js'
import type { ChannelOutput } from '../channel/channel-context.js'
import type { OutputBuffer, OutputBuffers } from '../protocol/output-buffer.js'
import { SocketWriter } from './socket-writer.js'

/**
 * Above this many octets in a turn no deliveries are added. One large message may go beyond it. Small ones, and what else
 * there is to say, find room behind it in a buffer of 512 KiB: at a limit of just that it would be doubled in each turn.
 */
const DELIVERY_OCTETS_MAX = 512 * 1024 - 16 * 1024

/**
 * The frames on their way to one socket: gathered in one buffer during a turn, written once at its end.
 *
 * A socket that does not drain takes the capacity from its own consumers, which are turned away until it does, and
 * from nobody else.
 */
export class SocketOutput implements ChannelOutput, TurnOutput {
  readonly #writer: SocketWriter
  readonly #turn: Turn
  readonly #buffers: OutputBuffers
  readonly #onDrained: () => void
  /** Only from the first frame of a turn until it is written. */
  #buffer: OutputBuffer | undefined
  /** What the kernel has not taken at once, and the socket holds on to. */
  #inSocket: OutputBuffer[] | undefined
  #isTouched = false
  /** Whether the socket still holds octets that were written to it. */
  #isCongested = false
  #hasRefused = false
  #isClosed = false
  #octetsSent = 0

  /** @param onDrained called when consumers that were turned away may try again. */
  constructor(socket: Socket, turn: Turn, buffers: OutputBuffers, onDrained: () => void) {
    this.#writer = new SocketWriter(socket, () => this.#written())
    this.#turn = turn
    this.#buffers = buffers
    this.#onDrained = onDrained
  }

  get buffer(): OutputBuffer {
    this.#buffer ??= this.#buffers.take()
    return this.#buffer
  }

  /** Octets that have not been given to the socket. */
  get bufferedOctets(): number {
    return this.#buffer === undefined ? 0 : this.#buffer.octets
  }

  /** Octets given to the socket so far. */
  get octetsSent(): number {
    return this.#octetsSent
  }

  /** Octets that have not left: in the buffer and in the socket. */
  get pendingOctets(): number {
    return this.bufferedOctets + this.#writer.pendingOctets
  }

  get canTake(): boolean {
    return this.bufferedOctets < DELIVERY_OCTETS_MAX && !this.#isCongested && !this.#isClosed
  }

  touch(): void {
    if (this.#isTouched || this.#isClosed) return
    this.#isTouched = true
    this.#turn.endLast(this)
  }

  refuse(): void {
    this.#hasRefused = true
    this.touch()
  }

  endTurn(): void {
    this.#isTouched = false
    this.flush()
    if (!this.#isCongested) this.#resumeRefused()
  }

  /** Writes what has been gathered now, without waiting for the end of the turn. */
  flush(): void {
    const buffer = this.#buffer
    if (buffer === undefined || this.#isClosed) return
    this.#buffer = undefined
    if (buffer.used > 0) {
      this.#octetsSent += buffer.octets
      if (buffer.octets === buffer.used) this.#writer.write(buffer.bytes.subarray(0, buffer.used))
      else this.#writer.writePieces(buffer.pieces())
      this.#isCongested = this.#writer.pendingOctets > 0
    }
    if (this.#writer.pendingOctets === 0) this.#buffers.giveBack(buffer)
    else {
      this.#inSocket ??= []
      this.#inSocket.push(buffer)
    }
  }

  /** Drops everything: the socket is gone. */
  close(): void {
    this.#isClosed = true
    this.#buffer = undefined
    this.#inSocket = undefined
  }

  #written(): void {
    if (!this.#isCongested) return
    this.#isCongested = false
    for (const buffer of this.#inSocket ?? []) this.#buffers.giveBack(buffer)
    this.#inSocket = undefined
    this.#resumeRefused()
  }

  #resumeRefused(): void {
    if (!this.#hasRefused || this.#isClosed) return
    this.#hasRefused = false
    this.#onDrained()
  }
}
