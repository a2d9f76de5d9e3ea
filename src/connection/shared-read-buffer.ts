/**
 * The memory that all sockets are read into.
 *
 * By default Node allocates 64 KiB for each read of each socket, and leaves them to the garbage collector: at 1 KiB a
 * message that is a third of the broker's time. `onread` of `net.Socket` reads into memory of ours instead, but only a
 * client's socket can be given it: `net.Server` makes its sockets itself. So the accepted socket gives its handle to
 * another one, in the way that Node hands one to a child process.
 */

import { Socket } from 'node:net'

/**
 * Octets that one read takes at most. More is faster, as each read is a call of the kernel, and makes others wait
 * longer: this many octets of small messages take about 2 ms.
 */
const READ_OCTETS = 256 * 1024

/** What libuv reads at most into memory of its own. */
const OWN_READ_OCTETS = 64 * 1024

/** One is enough: a chunk is worked on before anything else is read. */
const shared = Buffer.allocUnsafeSlow(READ_OCTETS)

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
  const callback = (octets: number): boolean => {
    socket.emit('data', shared.subarray(0, octets))
    return true
  }
  const options = { allowHalfOpen: false, handle, onread: { buffer: shared, callback } }
  const socket = new Socket(options)
  return socket
}

/** Whether a chunk of a socket has filled what it was read into, so that libuv would read more at once. */
export function isFullRead(chunk: Buffer): boolean {
  return chunk.length >= (chunk.buffer === shared.buffer ? READ_OCTETS : OWN_READ_OCTETS)
}
