import { once } from 'node:events'
import { fstatSync, readSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as nextIteration } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readIntoSharedBuffer } from '../../src/connection/shared-read-buffer.js'
import { SocketInput } from '../../src/connection/socket-input.js'

/** A chunk that has filled what it was read into. */
const FULL_CHUNK = Buffer.alloc(256 * 1024)
const KIB_FRAMES = FULL_CHUNK.length / 1024

interface HeldRead {
  readonly descriptor: number
  readonly buffer: Buffer
  readonly done: (error: NodeJS.ErrnoException | null, octets: number) => void
}

/** Stands for the thread that reads: it does so when the test says, and then really. */
class HeldReader {
  readonly #reads: HeldRead[] = []

  readonly read = (
    descriptor: number,
    buffer: Buffer,
    _offset: number,
    _length: number,
    _position: null,
    done: HeldRead['done'],
  ): void => {
    this.#reads.push({ descriptor, buffer, done })
  }

  /** The descriptors that are to be read from. */
  get descriptors(): readonly number[] {
    return this.#reads.map(({ descriptor }) => descriptor)
  }

  /** Reads what is there. */
  perform(): void {
    const held = this.#take()
    let octets = 0
    let failure: NodeJS.ErrnoException | null = null
    try {
      octets = readSync(held.descriptor, held.buffer, 0, held.buffer.length, null)
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
    }
    held.done(failure, octets)
  }

  fail(code: string): void {
    this.#take().done(Object.assign(new Error(code), { code }), 0)
  }

  #take(): HeldRead {
    const held = this.#reads.shift()
    if (!held) throw new Error('nothing is to be read')
    return held
  }
}

interface Accepted {
  readonly client: Socket
  readonly socket: Socket
  readonly input: SocketInput
  readonly reader: HeldReader
  /** What was handed on, chunk by chunk. */
  readonly chunks: string[]
}

/** Listens, and takes each connection as the broker does; all ends with the test. */
async function listening(): Promise<() => Promise<Accepted>> {
  const server = createServer({ pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  onTestFinished(() => void server.close())
  return async () => {
    const client = connect(port, '127.0.0.1')
    client.on('error', () => undefined)
    const [accepted]: Socket[] = await once(server, 'connection')
    if (!accepted) throw new Error('no connection')
    const socket = readIntoSharedBuffer(accepted)
    const reader = new HeldReader()
    const input = new SocketInput(socket, reader.read)
    const chunks: string[] = []
    socket.on('data', (chunk) => chunks.push(chunk.toString('latin1')))
    socket.on('close', () => input.close())
    onTestFinished(() => {
      while (reader.descriptors.length > 0) reader.perform()
      client.destroy()
      socket.destroy()
    })
    return { client, socket, input, reader, chunks }
  }
}

/** Has the input see a full chunk, and then another, after which it reads ahead where that pays. */
function readAhead(input: SocketInput, frames = KIB_FRAMES, chunk = FULL_CHUNK): void {
  input.pause()
  input.readAhead(chunk)
  input.judge(chunk, frames)
  input.readAhead(chunk)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextIteration()
}

/** Octets have arrived when others, sent later over another connection, have come back. */
async function send({ client }: Accepted, text: string, other: Accepted): Promise<void> {
  await new Promise<void>((resolve) => client.write(text, () => resolve()))
  const before = other.chunks.length
  other.client.write('.')
  await until(() => other.chunks.length > before)
}

describe('the input of a busy socket', () => {
  it('hands on what was read ahead when it is asked to, and then reads by itself', async () => {
    const accept = await listening()
    const [busy, other] = [await accept(), await accept()]
    readAhead(busy.input)
    await send(busy, 'first', other)
    busy.reader.perform()
    await send(busy, 'second', other)
    expect([busy.chunks, busy.input.isPaused]).toEqual([[], true])
    busy.input.resume()
    expect([busy.chunks, busy.input.isPaused]).toEqual([['first'], true])
    busy.input.resume()
    await until(() => busy.chunks.length === 2)
    expect(busy.chunks).toEqual(['first', 'second'])
    expect(busy.reader.descriptors).toEqual([])
  })

  it('hands it on as soon as it is read when it is waited for', async () => {
    const accept = await listening()
    const [busy, other] = [await accept(), await accept()]
    readAhead(busy.input)
    busy.input.resume()
    expect(busy.input.isPaused).toBe(false)
    await send(busy, 'first', other)
    expect(busy.chunks).toEqual([])
    busy.reader.perform()
    expect(busy.chunks).toEqual(['first'])
  })

  it('keeps it back when it is paused again meanwhile', async () => {
    const accept = await listening()
    const [busy, other] = [await accept(), await accept()]
    readAhead(busy.input)
    busy.input.resume()
    busy.input.pause()
    await send(busy, 'first', other)
    busy.reader.perform()
    expect([busy.chunks, busy.input.isPaused]).toEqual([[], true])
    busy.input.resume()
    expect(busy.chunks).toEqual(['first'])
  })

  it('reads the next chunk while one that was read ahead is worked on, in order', async () => {
    const accept = await listening()
    const busy = await accept()
    let sent = ''
    for (let number = 0; sent.length < 4 * FULL_CHUNK.length; number++) sent += `${number},`
    busy.socket.on('data', () => readAhead(busy.input))
    busy.client.end(sent)
    const ended = once(busy.socket, 'end')
    readAhead(busy.input)
    while (busy.chunks.join('').length < sent.length) {
      busy.input.resume()
      if (busy.reader.descriptors.length > 0) busy.reader.perform()
      await nextIteration()
    }
    expect(busy.chunks.join('') === sent).toBe(true)
    busy.input.resume()
    while (busy.reader.descriptors.length > 0) busy.reader.perform()
    await ended
  })

  it('waits by itself when nothing was there', async () => {
    const accept = await listening()
    const [busy, other] = [await accept(), await accept()]
    readAhead(busy.input)
    busy.reader.perform()
    await send(busy, 'kept back', other)
    expect(busy.chunks).toEqual([])
    busy.input.resume()
    await until(() => busy.chunks.length > 0)
    readAhead(busy.input)
    busy.input.resume()
    busy.reader.perform()
    busy.client.write('later')
    await until(() => busy.chunks.length > 1)
    expect(busy.chunks).toEqual(['kept back', 'later'])
  })

  it('does not read by itself what another thread is reading', async () => {
    const accept = await listening()
    const [busy, other] = [await accept(), await accept()]
    readAhead(busy.input)
    busy.socket.resume()
    await send(busy, 'first', other)
    expect(busy.chunks).toEqual([])
    busy.socket.pause()
    busy.input.resume()
    busy.reader.perform()
    expect(busy.chunks).toEqual(['first'])
  })

  it('sees the end of what the client sends', async () => {
    const accept = await listening()
    const [busy, other] = [await accept(), await accept()]
    readAhead(busy.input)
    busy.client.end()
    await send(other, 'x', other)
    const ended = once(busy.socket, 'end')
    busy.input.resume()
    busy.reader.perform()
    await ended
  })

  it('ends the socket when reading fails', async () => {
    const accept = await listening()
    const busy = await accept()
    const failed = once(busy.socket, 'error')
    readAhead(busy.input)
    busy.reader.fail('ECONNRESET')
    expect(busy.socket.destroyed).toBe(true)
    expect(await failed).toEqual([expect.objectContaining({ code: 'ECONNRESET' })])
  })
})

describe('reading ahead', () => {
  it('is left alone where messages are small or very large, and after a chunk that was not full', async () => {
    const accept = await listening()
    const busy = await accept()
    readAhead(busy.input, FULL_CHUNK.length / 50)
    readAhead(busy.input, 4)
    readAhead(busy.input, 0)
    readAhead(busy.input, KIB_FRAMES, FULL_CHUNK.subarray(0, 128 * 1024))
    expect(busy.reader.descriptors).toEqual([])
    readAhead(busy.input)
    expect(busy.reader.descriptors).toHaveLength(1)
  })

  it('is left alone where several sockets are busy', async () => {
    const accept = await listening()
    const [one, two] = [await accept(), await accept()]
    for (const { input } of [one, two, one, two]) {
      input.pause()
      input.readAhead(FULL_CHUNK)
      input.judge(FULL_CHUNK, KIB_FRAMES)
    }
    expect([one.reader.descriptors, two.reader.descriptors]).toEqual([[], []])
  })

  it('is for one socket at a time', async () => {
    const accept = await listening()
    const [one, two, other] = [await accept(), await accept(), await accept()]
    readAhead(one.input)
    readAhead(two.input)
    expect([one.reader.descriptors.length, two.reader.descriptors.length]).toEqual([1, 0])
    await send(one, 'first', other)
    one.reader.perform()
    readAhead(two.input)
    expect(two.reader.descriptors).toEqual([])
    one.input.resume()
    readAhead(two.input)
    expect([one.chunks, two.reader.descriptors.length]).toEqual([['first'], 1])
  })

  it('is free for another socket when one goes with what was read for it', async () => {
    const accept = await listening()
    const [one, two] = [await accept(), await accept()]
    readAhead(one.input)
    await send(one, 'first', two)
    one.reader.perform()
    one.socket.destroy()
    await once(one.socket, 'close')
    expect(one.chunks).toEqual([])
    readAhead(two.input)
    expect(two.reader.descriptors).toHaveLength(1)
  })
})

describe('a socket that goes while another thread reads from it', () => {
  const ends: readonly (readonly [string, (accepted: Accepted) => void])[] = [
    ['is destroyed', ({ socket }) => socket.destroy()],
    ['is reset', ({ socket }) => socket.resetAndDestroy()],
    ['fails', ({ socket }) => socket.destroy(new Error('failed'))],
  ]
  it.each(ends)('keeps its descriptor until the read is done when it %s', async (_, end) => {
    const accept = await listening()
    const gone = await accept()
    gone.socket.on('error', () => undefined)
    let isClosed = false
    gone.socket.on('close', () => {
      isClosed = true
    })
    readAhead(gone.input)
    const [held = -1] = gone.reader.descriptors
    const inode = fstatSync(held).ino
    end(gone)
    // The system gives the lowest number that is free to whoever comes next.
    const others: Accepted[] = []
    for (let i = 0; i < 4; i++) others.push(await accept())
    for (const { client, input } of others) {
      input.pause()
      client.write('for somebody else')
    }
    await nextIteration()
    expect([isClosed, fstatSync(held).ino]).toEqual([false, inode])
    gone.reader.perform()
    await until(() => isClosed)
    expect(gone.chunks).toEqual([])
    for (const { input } of others) input.resume()
    await until(() => others.every(({ chunks }) => chunks.length > 0))
    for (const { chunks } of others) expect(chunks).toEqual(['for somebody else'])
    const next = await accept()
    readAhead(next.input)
    expect(next.reader.descriptors).toHaveLength(1)
  })

  it('is reset only then, so that the client hears of it as it would have', async () => {
    const accept = await listening()
    const gone = await accept()
    const reset = once(gone.client, 'error')
    readAhead(gone.input)
    gone.socket.resetAndDestroy()
    gone.reader.perform()
    expect(await reset).toEqual([expect.objectContaining({ code: 'ECONNRESET' })])
  })
})
