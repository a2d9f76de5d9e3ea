import type { Socket } from 'node:net'
import type { Turn, TurnOutput } from '../base/turn.js'
import type { ChannelOutput } from '../channel/channel-context.js'
import { OutputBuffer } from '../protocol/output-buffer.js'

/** Above this many octets in a turn no deliveries are added. One large message may go beyond it. */
const DELIVERY_OCTETS_MAX = 512 * 1024
/** A buffer that has grown beyond this is not kept for the next turn. */
const KEPT_OCTETS_MAX = 1024 * 1024

/**
 * The frames on their way to one socket: gathered in one buffer during a turn, written once at its end.
 *
 * A socket that does not drain takes the capacity from its own consumers, which are turned away until it does, and
 * from nobody else.
 */
export class SocketOutput implements ChannelOutput, TurnOutput {
  readonly #socket: Socket
  readonly #turn: Turn
  readonly #onDrained: () => void
  #buffer = new OutputBuffer()
  #isTouched = false
  /** Whether the socket still holds octets that were written to it. */
  #isCongested = false
  #hasRefused = false
  #isClosed = false
  #octetsSent = 0
  readonly #onWritten = () => this.#written()

  /** @param onDrained called when consumers that were turned away may try again. */
  constructor(socket: Socket, turn: Turn, onDrained: () => void) {
    this.#socket = socket
    this.#turn = turn
    this.#onDrained = onDrained
  }

  get buffer(): OutputBuffer {
    return this.#buffer
  }

  /** Octets given to the socket so far. */
  get octetsSent(): number {
    return this.#octetsSent
  }

  /** Octets that have not left: in the buffer and in the socket. */
  get pendingOctets(): number {
    return this.#buffer.used + this.#socket.writableLength
  }

  get canTake(): boolean {
    return this.#buffer.used < DELIVERY_OCTETS_MAX && !this.#isCongested && !this.#isClosed
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
    const { bytes, used } = this.#buffer
    if (used === 0 || this.#isClosed) return
    this.#octetsSent += used
    this.#socket.write(bytes.subarray(0, used), this.#onWritten)
    // What the kernel has taken at once need not be kept; otherwise the socket holds on to these octets.
    if (this.#socket.writableLength === 0 && bytes.length <= KEPT_OCTETS_MAX) {
      this.#buffer.used = 0
    } else {
      this.#isCongested = this.#socket.writableLength > 0
      this.#buffer = new OutputBuffer()
    }
  }

  /** Drops everything: the socket is gone. */
  close(): void {
    this.#isClosed = true
    this.#buffer = new OutputBuffer()
  }

  #written(): void {
    if (!this.#isCongested || this.#socket.writableLength > 0) return
    this.#isCongested = false
    this.#resumeRefused()
  }

  #resumeRefused(): void {
    if (!this.#hasRefused || this.#isClosed) return
    this.#hasRefused = false
    this.#onDrained()
  }
}
