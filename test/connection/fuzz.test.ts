import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Log } from '../../src/index.js'
import { RawBroker } from '../support/raw-broker.js'
import type { RawClient } from '../support/raw-client.js'
import { frame, method } from '../support/raw-frames.js'
import { HANDSHAKE, METHOD_IDS, SESSIONS } from '../support/raw-sessions.js'

const TEST_MS = 60_000

/** Changes the pieces of a session in place. */
type Mutation = (pieces: Buffer[]) => void

const at = fc.nat(200)
const octets = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes))

const change = (place: number, by: (piece: Buffer) => void): Mutation => {
  return (pieces) => {
    const index = place % pieces.length
    const piece = Buffer.from(pieces[index] ?? '')
    if (piece.length > 0) by(piece)
    pieces[index] = piece
  }
}
const insert = (place: number, piece: Buffer): Mutation => {
  return (pieces) => void pieces.splice(place % (pieces.length + 1), 0, piece)
}

/** A frame that may even be right. */
const anyFrame = fc.oneof(
  fc
    .tuple(fc.constantFrom(...METHOD_IDS), fc.constantFrom(0, 1, 3, 4, 65535), octets(30))
    .map(([id, channel, args]) => method(channel, id, args)),
  fc
    .tuple(fc.constantFrom(0, 1, 2, 3, 4, 8, 9, 255), fc.constantFrom(0, 1, 3, 65535), octets(30))
    .map(([type, channel, payload]) => frame(type, channel, payload)),
  fc.constantFrom(...SESSIONS.flat()),
)

const anyMutation: fc.Arbitrary<Mutation> = fc.oneof(
  at.map(
    (place): Mutation =>
      (pieces) =>
        void pieces.splice(place % pieces.length, 1),
  ),
  fc.tuple(at, at).map(([from, to]) => (pieces: Buffer[]) => {
    insert(to, pieces[from % pieces.length] ?? Buffer.alloc(0))(pieces)
  }),
  fc.tuple(at, at, fc.nat(255)).map(([place, offset, value]) =>
    change(place, (piece) => {
      piece[offset % piece.length] = value
    }),
  ),
  fc
    .tuple(at, fc.constantFrom(0, 1, 2, 3, 65535))
    .map(([place, channel]) => change(place, (piece) => void (piece.length > 2 && piece.writeUInt16BE(channel, 1)))),
  fc
    .tuple(at, fc.nat(0xffffffff))
    .map(([place, size]) => change(place, (piece) => void (piece.length > 6 && piece.writeUInt32BE(size, 3)))),
  fc.tuple(at, at).map(
    ([place, length]): Mutation =>
      (pieces) => {
        const index = place % pieces.length
        pieces[index] = (pieces[index] ?? Buffer.alloc(0)).subarray(0, length)
      },
  ),
  fc.tuple(at, anyFrame).map(([place, piece]) => insert(place, piece)),
  fc.tuple(at, octets(20)).map(([place, piece]) => insert(place, piece)),
)

interface Attack {
  readonly bytes: Buffer
  readonly cuts: readonly number[]
  /** Whether the socket is reset at once, instead of being closed behind the last octet. */
  readonly vanishes: boolean
}

const anyAttack: fc.Arbitrary<Attack> = fc
  .record({
    session: fc.constantFrom(...SESSIONS),
    spoilsHandshake: fc.nat(9).map((n) => n === 0),
    mutations: fc.array(anyMutation, { maxLength: 4 }),
    cuts: fc.array(fc.nat(4000), { maxLength: 12 }),
    vanishes: fc.boolean(),
  })
  .map(({ session, spoilsHandshake, mutations, cuts, vanishes }) => {
    const spoiled = spoilsHandshake ? [...HANDSHAKE, ...session] : [...session]
    for (const mutate of mutations) if (spoiled.length > 0) mutate(spoiled)
    const bytes = Buffer.concat(spoilsHandshake ? spoiled : [...HANDSHAKE, ...spoiled])
    return { bytes, cuts: cuts.map((cut) => cut % (bytes.length + 1)), vanishes }
  })

async function attack(broker: RawBroker, { bytes, cuts, vanishes }: Attack): Promise<void> {
  const client = await broker.connect()
  await client.sendSplit(bytes, ...cuts).catch(() => undefined) // The broker may have closed meanwhile.
  if (vanishes) client.vanish()
  else client.socket.end()
  await broker.until(() => {
    broker.clock.advance(20)
    return client.isClosed
  }, 'the broker has closed')
}

/** A log that notes what should never be logged. */
function complaints(): { log: Log; lines: unknown[] } {
  const lines: unknown[] = []
  const ignore = () => undefined
  const log: Log = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields, text) => void lines.push([text, fields]),
    child: () => log,
  }
  return { log, lines }
}

async function expectUnharmed(broker: RawBroker, steady: RawClient, run: number): Promise<void> {
  await steady.roundTrip(1, `steady-${run}`, Buffer.from(`steady ${run}`))
  const fresh = await broker.withChannel()
  await fresh.roundTrip(1, `fresh-${run}`, Buffer.alloc(5000, run))
  fresh.vanish()
}

describe('a session that is not spoiled', () => {
  it.each(SESSIONS.map((session, index) => [index, session] as const))('number %i is served', async (_, session) => {
    const broker = await RawBroker.start()
    const client = await broker.connect()
    client.send(...HANDSHAKE, ...session)
    client.socket.end()
    const closes: string[] = []
    for (let next = await client.nextFrame(); next; next = await client.nextFrame()) {
      const id = next.payload.toString('hex', 0, 4)
      if (next.type === 1 && (id === '000a0032' || id === '00140028')) closes.push(next.payload.toString('latin1'))
    }
    expect(closes).toEqual([])
  })
})

describe('spoiled sessions on several connections', () => {
  it(
    'end without harm to those who behave, without a mistake of ours, and without a trace',
    async () => {
      const rejections: unknown[] = []
      const onRejection = (reason: unknown) => void rejections.push(reason)
      process.on('unhandledRejection', onRejection)
      onTestFinished(() => void process.off('unhandledRejection', onRejection))
      const { log, lines } = complaints()
      const broker = await RawBroker.start({ log })
      const steady = await broker.withChannel()
      let run = 0
      await fc.assert(
        fc.asyncProperty(fc.array(anyAttack, { minLength: 1, maxLength: 3 }), async (attacks) => {
          await Promise.all(attacks.map((one) => attack(broker, one)))
          await expectUnharmed(broker, steady, run++)
          expect(lines).toEqual([])
          expect(rejections).toEqual([])
        }),
        { numRuns: 200, interruptAfterTimeLimit: TEST_MS / 2, markInterruptAsFailure: false },
      )
      await broker.untilIdle()
      for (const queue of ['fuzz', 'fuzz-d', 'fuzz-t']) {
        const watcher = await broker.withChannel()
        watcher.send(method(1, [50, 40], Buffer.from([0, 0, queue.length]), Buffer.from(queue), Buffer.from([1])))
        // With if-unused: a consumer left behind would be in the way.
        await watcher.expectMethod(1, [50, 41])
      }
    },
    TEST_MS,
  )

  it(
    'of noise alone end as well',
    async () => {
      const { log, lines } = complaints()
      const broker = await RawBroker.start({ log })
      const steady = await broker.withChannel()
      const noise = fc.record({ bytes: octets(400), cuts: fc.array(fc.nat(400)), isLate: fc.boolean() })
      let run = 0
      await fc.assert(
        fc.asyncProperty(noise, async ({ bytes, cuts, isLate }) => {
          const all = Buffer.concat(isLate ? [...HANDSHAKE, bytes] : [bytes])
          await attack(broker, { bytes: all, cuts: cuts.filter((cut) => cut <= all.length), vanishes: false })
          await expectUnharmed(broker, steady, run++)
          expect(lines).toEqual([])
        }),
        { numRuns: 60 },
      )
      await broker.untilIdle()
    },
    TEST_MS,
  )
})
