/**
 * Writes to one socket, where that is possible past the layers of streams above it.
 *
 * The kernel takes an answer at once, nearly always. What `socket.write` prepares for the other case, a request with its
 * callbacks and a call in the next tick, is a tenth of the processor time of a remote call. So octets go to the handle
 * of the socket, where streams put them in the end as well, with a request that is used again as long as none of its
 * writes had to wait. What has to wait does so in libuv, which keeps the order of all that is written to a handle.
 *
 * While anything waits, and to anything but a TCP socket as Node has them so far, `socket.write` is used.
 */

import type { Socket } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { lastOf } from '../base/last.js'

/** What Node does not declare: the object under a socket that speaks to libuv. */
interface Handle {
  /** @returns 0, or a negative system error. Keeps `request`, and reads `octets`, only if not all was taken at once. */
  writeBuffer(request: WriteRequest, octets: Uint8Array): number
  /** Octets that libuv holds because the kernel has not taken them yet. */
  readonly writeQueueSize: number
}

interface WriteRequest {
  oncomplete?: (status: number) => void
  /** Keeps the octets from being collected while libuv reads them. */
  buffer?: Uint8Array
}

/** The class of the requests that Node makes; known once it has made one. */
let Request: (new () => WriteRequest) | undefined
/** Has not been kept by any handle. */
let unused: WriteRequest | undefined

export class SocketWriter {
  readonly #socket: Socket
  readonly #handle: Handle | undefined
  readonly #onDrained: () => void
  /** Octets that were given to the handle and had to wait. */
  #inHandle = 0
  readonly #onWritten = (error?: Error | null) => {
    if (!error) this.#noteDrained()
  }

  /** @param onDrained called when everything that had to wait has left, and also when some write did not have to. */
  constructor(socket: Socket, onDrained: () => void) {
    this.#socket = socket
    this.#handle = handleOf(socket)
    this.#onDrained = onDrained
  }

  /** Octets that were written and have not left. */
  get pendingOctets(): number {
    return this.#inHandle + this.#socket.writableLength
  }

  /** Writes `octets`, which must stay as they are until nothing is pending. Errors end the socket, as those of streams do. */
  write(octets: Uint8Array): void {
    const handle = this.#socket.writable && this.pendingOctets === 0 ? this.#handle : undefined
    if (handle !== undefined && Request !== undefined) this.#writeTo(handle, Request, octets)
    else {
      if (handle !== undefined) learnRequest(handle)
      this.#socket.write(octets, this.#onWritten)
    }
  }

  /** The same for octets that lie in several pieces. Corked, the socket hands all of them to the kernel in one call. */
  writePieces(pieces: readonly Uint8Array[]): void {
    const last = lastOf(pieces)
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece, piece === last ? this.#onWritten : undefined)
    this.#socket.uncork()
  }

  #writeTo(handle: Handle, Class: new () => WriteRequest, octets: Uint8Array): void {
    const request = unused ?? new Class()
    unused = request
    const status = handle.writeBuffer(request, octets)
    if (status === 0 && handle.writeQueueSize === 0) return
    unused = undefined
    if (status !== 0) this.#fail(status)
    else {
      this.#inHandle = handle.writeQueueSize
      request.buffer = octets
      request.oncomplete = (result) => this.#onComplete(result)
    }
  }

  #onComplete(status: number): void {
    this.#inHandle = 0
    if (status !== 0) this.#fail(status)
    else this.#noteDrained()
  }

  #fail(status: number): void {
    if (!this.#socket.destroyed) this.#socket.destroy(new Error(`write ${getSystemErrorName(status)}`))
  }

  #noteDrained(): void {
    // Streams say of what was lost with a socket that it is written.
    if (this.pendingOctets === 0 && !this.#socket.destroyed) this.#onDrained()
  }
}

/** The handle of a socket, if it is one that can be written to like this: several writes to one of TLS must not wait. */
function handleOf(socket: Socket): Handle | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  return isHandle(handle) ? handle : undefined
}

function isHandle(handle: unknown): handle is Handle {
  if (typeof handle !== 'object' || handle === null || handle.constructor.name !== 'TCP') return false
  return (
    typeof Reflect.get(handle, 'writeBuffer') === 'function' &&
    typeof Reflect.get(handle, 'writeQueueSize') === 'number'
  )
}

/** Sees what Node makes of the next write of a handle: there is no other way to the class of its requests. */
function learnRequest(handle: Handle): void {
  if (Object.hasOwn(handle, 'writeBuffer')) return
  handle.writeBuffer = (request, octets) => {
    Reflect.deleteProperty(handle, 'writeBuffer')
    Request = request.constructor as new () => WriteRequest // it has just been made without arguments
    return handle.writeBuffer(request, octets)
  }
}
