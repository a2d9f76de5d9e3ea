/**
 * The memory that all sockets are read into.
 *
 * By default Node allocates 64 KiB for each read of each socket, and leaves them to the garbage collector: at 1 KiB a
 * message that is a third of the broker's time. `onread` of `net.Socket` reads into memory of ours instead, but only a
 * client's socket can be given it: `net.Server` makes its sockets itself. So the accepted socket gives its handle to
 * another one, in the way that Node hands one to a child process.
 */

import { Socket } from 'node:net'
import { takeMemory } from '../base/arena.js'

/** Octets that one read takes at most: as many as libuv reads into memory of its own. */
const READ_OCTETS = 64 * 1024
/**
 * The same where messages are not small. Each read is a call of the kernel, so that more at once is faster; but the more
 * messages one read brings, the longer all others wait, and the more of them lie in queues instead of in a cache.
 */
export const LARGE_READ_OCTETS = 256 * 1024

/** One is enough: a chunk is worked on before anything else is read. */
const large = takeMemory(LARGE_READ_OCTETS)
const usual = large.subarray(0, READ_OCTETS)

interface Reading {
  isLarge: boolean
}

const readings = new WeakMap<Socket, Reading>()

/**
 * @param accepted paused, nothing of it read yet; not to be used afterwards.
 * @returns the socket to use instead. Its chunks, emitted as `data`, are valid only while they are: the next one lies in
 * the same memory.
 */
export function readIntoSharedBuffer(accepted: Socket): Socket {
  // Neither the property nor the option is declared: Node passes handles on like this inside, and to child processes.
  const handle: unknown = Reflect.get(accepted, '_handle')
  if (!handle) return accepted
  Reflect.set(accepted, '_handle', null)
  // Has nothing left to close, and tells the server that it need not wait for it.
  accepted.destroy()
  const reading: Reading = { isLarge: false }
  // Called after each chunk, so that what the chunk has shown counts for the next one.
  const buffer = () => (reading.isLarge ? large : usual)
  const callback = (octets: number): boolean => {
    socket.emit('data', large.subarray(0, octets))
    return true
  }
  const options = { allowHalfOpen: false, handle, onread: { buffer, callback } }
  const socket = new Socket(options)
  readings.set(socket, reading)
  return socket
}

/** Whether a chunk of a socket has filled what it was read into, so that libuv would read more at once. */
export function isFullRead({ buffer, byteOffset, length }: Buffer): boolean {
  if (buffer !== large.buffer || byteOffset !== large.byteOffset) return length >= READ_OCTETS
  return length === READ_OCTETS || length === LARGE_READ_OCTETS
}

/** Has more read at once from a socket, or as much as usual, from the next read on. */
export function readLarge(socket: Socket, isLarge: boolean): void {
  const reading = readings.get(socket)
  if (reading) reading.isLarge = isLarge
}
