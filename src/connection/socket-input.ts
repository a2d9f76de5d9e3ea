/**
 * What comes from one socket, when it may come.
 *
 * While the main thread works on a chunk of a busy publisher, libuv's thread pool reads the next one: with messages of 1
 * KiB that takes a quarter off the main thread. Handing a read over costs it some 15 µs, so it pays only where reads are
 * as large as they can be. Where messages are small, so are reads; where they are very large, a chunk is done sooner
 * than the next one has been read.
 */

import type { Socket } from 'node:net'
import { takeMemory } from '../base/arena.js'
import { DescriptorHold } from './descriptor-hold.js'
import { isFullRead, LARGE_READ_OCTETS, readLarge } from './shared-read-buffer.js'

/** A client whose frames are larger than this on average, those of methods and headers included, sends large messages. */
const SMALL_FRAME_OCTETS = 100
/** Up to this size the next chunk is read ahead. */
const AHEAD_FRAME_OCTETS = 8 * 1024

/** Reads from a descriptor on another thread, as `read` of `node:fs` does: EAGAIN where nothing has come, 0 at the end. */
export type ReadDescriptor = (
  descriptor: number,
  buffer: Buffer,
  offset: number,
  length: number,
  position: null,
  onRead: (error: NodeJS.ErrnoException | null, octets: number) => void,
) => void

/**
 * Of all sockets one at a time is read ahead, so that two buffers are enough: one to work on and one to read into. Where
 * several are busy none is: each waits for the others' chunks anyway, and what was read before them has left the caches.
 */
const ahead: { isTaken: boolean; busiest: SocketInput | undefined; current: Buffer; other: Buffer } = {
  isTaken: false,
  busiest: undefined,
  current: Buffer.alloc(0),
  other: Buffer.alloc(0),
}

export class SocketInput {
  readonly #socket: Socket
  readonly #readDescriptor: ReadDescriptor | undefined
  #hold: DescriptorHold | undefined
  /** Of the next chunk: not read ahead, on its way, or read and not handed on. */
  #ahead: 'none' | 'reading' | 'read' = 'none'
  #aheadOctets = 0
  /** Whether the next chunk is to be handed on as soon as it has been read. */
  #isAwaited = false
  #isWorthwhile = false
  readonly #onRead = (error: NodeJS.ErrnoException | null, octets: number) => this.#onReadAhead(error, octets)

  /**
   * @param socket emits what it is sent as `data`, also what is read ahead.
   * @param readDescriptor absent where nothing may be read ahead: in a worker thread, see `DescriptorHold`.
   */
  constructor(socket: Socket, readDescriptor: ReadDescriptor | undefined) {
    this.#socket = socket
    this.#readDescriptor = readDescriptor
  }

  /** Whether nothing is handed on before `resume`. */
  get isPaused(): boolean {
    return this.#socket.isPaused() && !this.#isAwaited
  }

  pause(): void {
    this.#isAwaited = false
    this.#socket.pause()
  }

  /** Hands on the next chunk: now, if it has been read ahead. */
  resume(): void {
    if (this.#ahead === 'none') this.#socket.resume()
    else if (this.#ahead === 'read') this.#handOn()
    else this.#isAwaited = true
  }

  /** Begins to read what comes after a full chunk, where that pays. Only while paused. */
  readAhead({ length }: Buffer): void {
    const isAlone = ahead.busiest === this
    ahead.busiest = this
    if (!isAlone) return
    const readDescriptor = this.#readDescriptor
    if (!readDescriptor || !this.#isWorthwhile || length < LARGE_READ_OCTETS) return
    if (ahead.isTaken || this.#socket.destroyed) return
    this.#hold ??= DescriptorHold.of(this.#socket)
    const descriptor = this.#hold?.hold()
    if (descriptor === undefined) return
    const buffer = takeBuffer()
    this.#ahead = 'reading'
    readDescriptor(descriptor, buffer, 0, buffer.length, null, this.#onRead)
  }

  /** Learns from a chunk how the next ones are best read. @param frames how many the chunk had. */
  judge(chunk: Buffer, frames: number): void {
    if (!isFullRead(chunk)) return
    const isLarge = chunk.length > frames * SMALL_FRAME_OCTETS
    readLarge(this.#socket, isLarge)
    this.#isWorthwhile = isLarge && chunk.length <= frames * AHEAD_FRAME_OCTETS
  }

  /** The socket is gone. */
  close(): void {
    if (ahead.busiest === this) ahead.busiest = undefined
    if (this.#ahead === 'read') this.#drop()
  }

  #onReadAhead(error: NodeJS.ErrnoException | null, octets: number): void {
    this.#hold?.letGo()
    if (error || octets === 0 || this.#socket.destroyed) this.#onNothingAhead(error)
    else {
      this.#ahead = 'read'
      this.#aheadOctets = octets
      if (this.#isAwaited) this.#handOn()
    }
  }

  /** Has the socket itself wait for more, or find that there is no more. */
  #onNothingAhead(error: NodeJS.ErrnoException | null): void {
    this.#drop()
    if (error && error.code !== 'EAGAIN') this.#socket.destroy(error)
    else if (this.#isAwaited) this.#socket.resume()
    this.#isAwaited = false
  }

  #handOn(): void {
    this.#drop()
    this.#isAwaited = false
    // Still paused: what works on it decides when the next one may come.
    if (!this.#socket.destroyed) this.#socket.emit('data', ahead.current.subarray(0, this.#aheadOctets))
  }

  #drop(): void {
    this.#ahead = 'none'
    ahead.isTaken = false
  }
}

/** The one of the two buffers that is not being worked on. */
function takeBuffer(): Buffer {
  if (ahead.other.length === 0) {
    ahead.current = takeMemory(LARGE_READ_OCTETS)
    ahead.other = takeMemory(LARGE_READ_OCTETS)
  }
  const buffer = ahead.other
  ahead.other = ahead.current
  ahead.current = buffer
  ahead.isTaken = true
  return buffer
}
