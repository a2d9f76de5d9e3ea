import dns from 'node:dns'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as nextIteration } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Listeners } from '../../src/server/listeners.js'
import { hasIpv6 } from './ipv6.js'

/** Listeners that say hello and hang up; closed when the test is over. */
function greeters(): { listeners: Listeners; accepted: Socket[] } {
  const accepted: Socket[] = []
  const listeners = new Listeners((socket) => {
    accepted.push(socket)
    socket.end('hello')
  })
  onTestFinished(() => listeners.close())
  return { listeners, accepted }
}

/** What a server says to whoever connects. */
function heard(host: string, port: number, said = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    connect({ host, port })
      .on('data', (chunk) => {
        text += chunk
      })
      .on('end', () => resolve(text))
      .on('error', reject)
      .write(said)
  })
}

const SLOW_NAME = 'slow.example'

/** Lets a host name be found out only when `resolve` says to what address. */
function slowName(resolve: () => Promise<string>): void {
  const { lookup } = dns
  const spy = vi.spyOn(dns, 'lookup')
  onTestFinished(() => spy.mockRestore())
  // One of the overloads of the function, the one that `listen` calls.
  const slow = (name: string, done: (error: Error | null, address: string, family: number) => void) => {
    if (name !== SLOW_NAME) return lookup(name, done)
    resolve().then(
      (address) => done(null, address, 4),
      (error) => done(error, '', 4),
    )
  }
  spy.mockImplementation(slow as typeof lookup)
}

/** Connects, and is sure that the connection has been accepted: a later one has been. */
async function connected(host: string, port: number): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const socket = connect({ host, port })
    socket.on('error', () => undefined)
    await new Promise<void>((resolve) => socket.once('connect', resolve))
    await nextIteration()
    socket.destroy()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** A port that is taken on one address. */
async function takenPort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen({ host, port: 0 }, resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

describe('listeners', () => {
  it('have all sockets read into the same memory', async () => {
    const memory = new Set<ArrayBufferLike>()
    const listeners = new Listeners((socket) => {
      socket.on('data', (chunk: Buffer) => {
        memory.add(chunk.buffer)
        socket.end(chunk.toString().toUpperCase())
      })
    })
    onTestFinished(() => listeners.close())
    await listeners.listen(['127.0.0.1'], 0, false)
    const port = listeners.addresses[0]?.port ?? 0
    const answers = ['one', 'two', 'three'].map((word) => heard('127.0.0.1', port, word))
    expect(await Promise.all(answers)).toEqual(['ONE', 'TWO', 'THREE'])
    expect(memory.size).toBe(1)
  })

  it('have one free port on all addresses', async () => {
    const { listeners, accepted } = greeters()
    await listeners.listen(['127.0.0.1', '127.0.0.2', '127.0.0.3'], 0, false)
    const ports = new Set(listeners.addresses.map(({ port }) => port))
    expect(ports.size).toBe(1)
    for (const { host, port } of listeners.addresses) expect(await heard(host, port)).toBe('hello')
    expect(accepted).toHaveLength(3)
  })

  it.skipIf(!hasIpv6)('have it on both families (corner client 3)', async () => {
    for (const hosts of [
      ['127.0.0.1', '::1'],
      ['0.0.0.0', '::'],
    ]) {
      const { listeners } = greeters()
      await listeners.listen(hosts, 0, false)
      const { port } = listeners.addresses[0] ?? { port: 0 }
      expect(listeners.addresses).toEqual(hosts.map((host) => ({ host, port })))
      expect(await heard('127.0.0.1', port)).toBe('hello')
      expect(await heard('::1', port)).toBe('hello')
    }
  })

  it('leave out addresses that the machine does not have only when they may, and when one is left', async () => {
    const lenient = greeters().listeners
    await lenient.listen(['192.0.2.1', '127.0.0.1'], 0, true)
    expect(lenient.addresses.map(({ host }) => host)).toEqual(['127.0.0.1'])
    const strict = greeters().listeners
    await expect(strict.listen(['127.0.0.1', '192.0.2.1'], 0, false)).rejects.toThrow('EADDRNOTAVAIL')
    expect(strict.addresses).toEqual([])
    await expect(greeters().listeners.listen(['192.0.2.1'], 0, true)).rejects.toThrow('EADDRNOTAVAIL')
  })

  it('do not leave out an address whose port is taken', async () => {
    const port = await takenPort('127.0.0.2')
    const { listeners } = greeters()
    await expect(listeners.listen(['127.0.0.1', '127.0.0.2'], port, true)).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port,
      address: '127.0.0.2',
    })
    await expect(heard('127.0.0.1', port)).rejects.toThrow('ECONNREFUSED')
  })

  it('serve nobody before they listen on all addresses, and then those who came early as well', async () => {
    const { listeners, accepted } = greeters()
    const port = await freePort()
    let early: Promise<string> | undefined
    slowName(async () => {
      early = heard('127.0.0.1', port)
      await connected('127.0.0.1', port)
      expect(accepted).toEqual([])
      return '127.0.0.2'
    })
    await listeners.listen(['127.0.0.1', SLOW_NAME], port, false)
    expect(await early).toBe('hello')
  })

  it('hang up on those who came early when they cannot listen on all addresses', async () => {
    const { listeners, accepted } = greeters()
    const port = await freePort()
    let early: Promise<string> | undefined
    slowName(async () => {
      early = heard('127.0.0.1', port).catch(() => 'reset')
      await connected('127.0.0.1', port)
      return '192.0.2.1'
    })
    await expect(listeners.listen(['127.0.0.1', SLOW_NAME], port, false)).rejects.toThrow('EADDRNOTAVAIL')
    expect(['', 'reset']).toContain(await early)
    expect(accepted).toEqual([])
  })

  it('give up looking for a port that is free on all addresses some time', async () => {
    const { listeners } = greeters()
    await expect(listeners.listen(['127.0.0.1', '127.0.0.1'], 0, false)).rejects.toThrow('EADDRINUSE')
    expect(listeners.addresses).toEqual([])
  })

  it('are closed twice as well as once, and can listen again', async () => {
    const { listeners } = greeters()
    await listeners.listen(['127.0.0.1'], 0, false)
    const { port } = listeners.addresses[0] ?? { port: 0 }
    await Promise.all([listeners.close(), listeners.close()])
    await listeners.close()
    expect(listeners.addresses).toEqual([])
    await expect(heard('127.0.0.1', port)).rejects.toThrow('ECONNREFUSED')
    await listeners.listen(['127.0.0.1'], port, false)
    expect(await heard('127.0.0.1', port)).toBe('hello')
  })
})
