import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SocketWriter } from '../../src/connection/socket-writer.js'

const MIB = 1024 * 1024
/** More than the kernel takes of what nobody reads. */
const TOO_MUCH = 32 * MIB

let ours: Socket
let peer: Socket
let closeServer: () => void

beforeEach(async () => {
  const server = createServer({ pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const accepted = once(server, 'connection')
  peer = connect({ host: '127.0.0.1', port: address.port, allowHalfOpen: true })
  const [socket]: Socket[] = await accepted
  if (!socket) throw new Error('nothing was accepted')
  ours = socket
  closeServer = () => server.close()
})

afterEach(() => {
  ours.destroy()
  peer.destroy()
  closeServer()
})

/** The socket as the writer sees one that it knows nothing about. */
function withoutHandle(socket: Socket): Socket {
  return new Proxy(socket, {
    get(target, name) {
      if (name === '_handle') return undefined
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Reads until the socket has ended. */
async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Streams say only then that something is written. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

const numbered = (number: number, octets: number) => Buffer.alloc(octets, number)

const kinds: [string, (socket: Socket) => Socket][] = [
  ['to the handle', (socket) => socket],
  ['to the stream', withoutHandle],
]

describe.each(kinds)('writing %s', (_kind, seen) => {
  it('leaves nothing pending of what the kernel takes at once', async () => {
    const writer = new SocketWriter(seen(ours), () => undefined)
    for (let i = 0; i < 100; i++) {
      writer.write(numbered(i, 200))
      expect(writer.pendingOctets).toBe(0)
    }
    ours.end()
    expect(await readAll(peer)).toEqual(Buffer.concat(Array.from({ length: 100 }, (_, i) => numbered(i, 200))))
  })

  it('keeps the order of what has to wait, and says when it has left', async () => {
    const drained = vi.fn()
    const writer = new SocketWriter(seen(ours), drained)
    const parts = [10, TOO_MUCH, 20, TOO_MUCH, 30].map((octets, i) => numbered(i + 1, octets))
    for (const part of parts) writer.write(part)
    expect(writer.pendingOctets).toBeGreaterThan(TOO_MUCH)
    const before = drained.mock.calls.length
    const received = readAll(peer)
    await vi.waitUntil(() => writer.pendingOctets === 0, { timeout: 10_000 })
    await vi.waitUntil(() => drained.mock.calls.length > before)
    const last = numbered(6, 50)
    writer.write(last)
    expect(writer.pendingOctets).toBe(0)
    ours.end()
    const all = Buffer.concat([...parts, last])
    expect((await received).equals(all)).toBe(true)
  })

  it('ends the socket after what has to wait', async () => {
    const writer = new SocketWriter(seen(ours), () => undefined)
    writer.write(numbered(1, 10))
    writer.write(numbered(2, TOO_MUCH))
    ours.end()
    const received = await readAll(peer)
    expect(received.length).toBe(10 + TOO_MUCH)
    expect(received[received.length - 1]).toBe(2)
  })

  it('lets the socket be destroyed while something waits, and says nothing of it', async () => {
    const drained = vi.fn()
    const writer = new SocketWriter(seen(ours), drained)
    const failed = vi.fn()
    ours.on('error', failed)
    writer.write(numbered(1, 10))
    await nextTurn()
    const before = drained.mock.calls.length
    writer.write(numbered(2, TOO_MUCH))
    ours.destroy()
    await once(ours, 'close')
    await nextTurn()
    expect(failed).not.toHaveBeenCalled()
    expect(drained.mock.calls.length).toBe(before)
  })

  it('has an error of the socket end it, once', async () => {
    const writer = new SocketWriter(seen(ours), () => undefined)
    const errors: Error[] = []
    ours.on('error', (error) => errors.push(error))
    const closed = new Promise((resolve) => ours.on('close', resolve))
    writer.write(numbered(1, 10))
    peer.resetAndDestroy()
    // Not read from, so that only a write can find out.
    await vi.waitUntil(() => {
      if (!ours.destroyed) writer.write(numbered(2, 10))
      return ours.destroyed
    })
    await closed
    expect(errors.length).toBe(1)
    expect(errors[0]?.message).toMatch(/EPIPE|ECONNRESET/)
  })

  it('has an error that meets what waits end the socket', async () => {
    const drained = vi.fn()
    const writer = new SocketWriter(seen(ours), drained)
    const failed = once(ours, 'close').catch((error: Error) => error)
    writer.write(numbered(1, 10))
    await nextTurn()
    writer.write(numbered(2, TOO_MUCH))
    const before = drained.mock.calls.length
    peer.resetAndDestroy()
    expect(await failed).toBeInstanceOf(Error)
    expect(ours.destroyed).toBe(true)
    expect(drained.mock.calls.length).toBe(before)
  })
})

describe('a writer', () => {
  it('passes by the stream of a TCP socket, save while something waits', () => {
    const writer = new SocketWriter(ours, () => undefined)
    // The first write of a process has to show how it is done.
    writer.write(numbered(1, 10))
    const written = vi.spyOn(ours, 'write')
    for (let i = 0; i < 10; i++) writer.write(numbered(1, 10))
    writer.write(numbered(2, TOO_MUCH))
    expect(written).not.toHaveBeenCalled()
    writer.write(numbered(3, 10))
    expect(written).toHaveBeenCalledOnce()
  })

  it('says of a socket that is ended what the stream says', async () => {
    const writer = new SocketWriter(ours, () => undefined)
    const failed = once(ours, 'error')
    ours.end()
    writer.write(numbered(1, 10))
    const [error] = await failed
    expect(error).toMatchObject({ code: 'ERR_STREAM_WRITE_AFTER_END' })
  })
})
