// What structures cost in memory: connections, queues and bindings by the ten thousand. Needs neither sockets nor a load.
//
//     npm run bench:memory                       each case, as a table
//     npm run bench:memory -- --json             the same as JSON
//     npm run bench:memory -- --case topic --snapshot f.heapsnapshot
//
// It looks into the broker, not at what the package shows of it: so it is bundled with those of our sources that it uses.
// Each case runs in a process of its own. It adds objects up to each of its sizes in turn, and at each collects all garbage
// and counts used heap, external memory and array buffers (the latter are part of what Node calls external, and counted
// once). What an object costs is the slope: the growth from one size to another, divided by the objects between, so that
// neither the program itself nor tables with room to spare count for an object. The budget is held against the slope from
// the first size to the last; the slopes between neighbouring sizes show whether the cost grows with the number. Tables
// double when they are full, which a step can see all of or nothing of.
//
// A connection is a `Connection` on a Duplex stream in place of a socket, through the whole handshake with the properties
// that amqplib sends, with two open channels. `used` has published with confirms on one, and on the other consumed what it
// had published from a queue that all share, and acknowledged it. What a real socket takes beyond a Duplex is not in it.
// Definitions of durable objects are in a data directory, as they would be. Names are those of a size that people give.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeHeapSnapshot } from 'node:v8'
import { seedDefaults } from '../src/auth/seed-defaults.ts'
import { Users } from '../src/auth/users.ts'
import { Alarms } from '../src/base/alarms.ts'
import { systemClock } from '../src/base/clock.ts'
import { silentLog } from '../src/base/log.ts'
import { Turn } from '../src/base/turn.ts'
import { Broker } from '../src/broker/broker.ts'
import { Connection } from '../src/connection/connection.ts'
import { Heartbeats } from '../src/connection/heartbeats.ts'
import { OpenConnections } from '../src/connection/open-connections.ts'
import { serverProperties } from '../src/connection/server-properties.ts'
import { COMPAT_PROFILES } from '../src/protocol/compat-profile.ts'
import { OutputBuffers } from '../src/protocol/output-buffer.ts'
import { Definitions } from '../src/store/definitions.ts'
import { openLmdbStore } from '../src/store/lmdb/lmdb-store.ts'
import { MemoryStore } from '../src/store/memory/memory-store.ts'

const UNLIMITED = Number.POSITIVE_INFINITY
const THOUSAND = 1000

/** A broker without listeners on a store, and what connections to it share. */
async function brokerOn(store) {
  const profile = COMPAT_PROFILES['4.2']
  const definitions = await Definitions.load(store)
  const onStoreFailure = (error) => {
    throw error
  }
  const broker = await Broker.recover(store, definitions, {
    profile,
    clock: systemClock,
    log: silentLog,
    onStoreFailure,
  })
  const vhost = broker.addVirtualHost('/')
  const users = new Users(definitions)
  seedDefaults(users)
  const context = {
    broker,
    users,
    clock: systemClock,
    turn: new Turn(() => broker.committer.endTurn()),
    heartbeats: new Heartbeats(systemClock),
    outputBuffers: new OutputBuffers(),
    connections: new OpenConnections(broker, users, {
      name: 'rabbit@bench',
      connections: UNLIMITED,
      channels: UNLIMITED,
    }),
    alarms: new Alarms(),
    log: silentLog,
    profile,
    limits: { channelMax: 2047, frameMax: 131072, heartbeatSeconds: 60 },
    consumersMax: UNLIMITED,
    defaultPrefetch: 0,
    handshakeTimeoutMs: 10 * THOUSAND,
    consumerTimeoutMs: 1800 * THOUSAND,
    loopbackUsers: ['guest'],
    serverProperties: serverProperties({
      version: profile.version,
      clusterName: 'c',
      platform: 'p',
      information: 'i',
      additional: {},
    }),
  }
  broker.onActivity = () => context.turn.schedule()
  return { broker, vhost, context, settled: () => settle(broker, context) }
}

/** Waits until nothing is scheduled and everything is stored. */
async function settle(broker, { turn }) {
  for (let i = 0; i < 3; i++) await nextTurn()
  turn.end()
  await broker.committer.drained()
  for (let i = 0; i < 3; i++) await nextTurn()
}

/** May do everything, as the user of a channel. */
const ANY_ACCESS = { userName: 'guest', version: 1, require: () => {}, requireAny: () => {}, requireTopic: () => {} }
const OWNER = {}

const declareQueue = (vhost, name, isDurable) =>
  vhost.declareQueue(
    { name, isDurable, exclusiveOwner: undefined, isAutoDelete: false, arguments: [] },
    OWNER,
    ANY_ACCESS,
  )

const declareExchange = (vhost, name, type, isDurable) =>
  vhost.declareExchange({ name, type, isDurable, isAutoDelete: false, isInternal: false, arguments: [] }, ANY_ACCESS)

const bind = (vhost, source, destination, key) =>
  vhost.bindings.bind({ source, destinationKind: 'queue', destination, key, arguments: [] }, OWNER, ANY_ACCESS)

// --- frames, as a client writes them ---

const short = (value) => [value >>> 8, value & 0xff]
const long = (value) => [...short(value >>> 16), ...short(value & 0xffff)]
const text = (value) => [...Buffer.from(value, 'latin1')]
const shortString = (value) => [value.length, ...text(value)]
const longString = (value) => [...long(value.length), ...text(value)]
const frame = (type, channel, payload) => [type, ...short(channel), ...long(payload.length), ...payload, 0xce]
const method = (channel, classId, methodId, ...args) =>
  frame(1, channel, [...short(classId), ...short(methodId), ...args.flat()])

const property = (name, value) =>
  typeof value === 'boolean'
    ? [...shortString(name), 0x74, value ? 1 : 0]
    : typeof value === 'string'
      ? [...shortString(name), 0x53, ...longString(value)]
      : [...shortString(name), 0x46, ...table(value)]

function table(properties) {
  const octets = Object.entries(properties).flatMap(([name, value]) => property(name, value))
  return [...long(octets.length), ...octets]
}

/** What amqplib says of itself. */
const CLIENT_PROPERTIES = {
  product: 'amqplib',
  version: '0.10.9',
  platform: 'Node.JS v20.20.2',
  information: 'https://amqp-node.github.io/amqplib/',
  capabilities: {
    publisher_confirms: true,
    exchange_exchange_bindings: true,
    'basic.nack': true,
    consumer_cancel_notify: true,
    'connection.blocked': true,
    authentication_failure_close: true,
  },
}

/** One reading of a socket each. */
const HANDSHAKE = [
  text('AMQP\0\0\x09\x01'),
  method(0, 10, 11, table(CLIENT_PROPERTIES), shortString('PLAIN'), longString('\0guest\0guest'), shortString('en_US')),
  [...method(0, 10, 31, short(2047), long(131072), short(60)), ...method(0, 10, 40, shortString('/'), [0, 0])],
  method(1, 20, 10, [0]),
  method(2, 20, 10, [0]),
]

const SHARED_QUEUE = 'work'
const QUIET_QUEUE = 'quiet'
const USE = [
  [
    ...method(1, 85, 10, [0]),
    ...method(2, 60, 10, long(0), short(10), [0]),
    ...method(2, 60, 20, short(0), shortString(SHARED_QUEUE), shortString('the-consumer'), [0], table({})),
    ...method(1, 60, 40, short(0), shortString(''), shortString(SHARED_QUEUE), [0]),
    ...frame(2, 1, [...short(60), ...short(0), ...long(0), ...long(5), ...short(0)]),
    ...frame(3, 1, text('hello')),
  ],
  method(2, 60, 80, long(0), long(0), [1]),
  method(2, 60, 30, shortString('the-consumer'), [0]),
  method(2, 60, 20, short(0), shortString(QUIET_QUEUE), shortString('the-consumer'), [0], table({})),
]

/** The broker's end of a connection whose other end reads everything and keeps nothing. */
class Socket extends Duplex {
  remoteAddress = '127.0.0.1'
  remotePort = 50000
  localAddress = '127.0.0.1'
  localPort = 5672

  setNoDelay() {}

  _read() {}

  _write(_chunk, _encoding, done) {
    done()
  }
}

/** @param readings what the client sends, and the broker reads, one after another. */
async function connect(kept, context, count, readings) {
  const chunks = readings.map((octets) => Buffer.from(octets))
  for (let left = count; left > 0; left -= 500) {
    const sockets = Array.from({ length: Math.min(left, 500) }, () => new Socket())
    for (const socket of sockets) kept.push(new Connection(socket, context, () => {}))
    for (const chunk of chunks) {
      // Memory of its own for each, as what a socket reads has: whoever keeps some of it keeps all of it.
      for (const socket of sockets) socket.push(Buffer.from(Uint8Array.from(chunk).buffer))
      for (let i = 0; i < 4; i++) await nextTurn()
    }
  }
}

/** An error would have closed a channel, and made the figure too good. */
function requireWorking(connections, vhost, areUsed) {
  if (connections.some(({ session }) => session === undefined)) throw new Error('a connection was not opened')
  if (!areUsed) return
  const consumers = vhost.findQueue(QUIET_QUEUE).consumers.length
  if (consumers !== connections.length) throw new Error(`${consumers} consumers on ${connections.length} connections`)
  if (vhost.findQueue(SHARED_QUEUE).messagesUnacknowledged > 0) throw new Error('a delivery was not acknowledged')
}

async function prepareConnections(readings) {
  const { vhost, context, settled } = await brokerOn(new MemoryStore())
  declareQueue(vhost, SHARED_QUEUE, true)
  declareQueue(vhost, QUIET_QUEUE, true)
  const kept = []
  return {
    add: async (_from, count) => {
      await connect(kept, context, count, readings)
      requireWorking(kept, vhost, readings.length > HANDSHAKE.length)
    },
    settled,
  }
}

async function prepareQueues(isDurable, folder) {
  const { vhost, settled } = await brokerOn(isDurable ? await openLmdbStore({ directory: folder }) : new MemoryStore())
  const add = async (from, count) => {
    for (let i = from; i < from + count; i++) {
      declareQueue(vhost, `orders.region-${i}`, isDurable)
      if (i % THOUSAND === 0) await settled()
    }
  }
  return { add, settled }
}

/** @param keyOf the binding key of a number. @param sourceOf the exchange that it starts from, made when it is new. */
async function prepareBindings(type, sourceOf, keyOf, isDurable, folder) {
  const { vhost, settled } = await brokerOn(isDurable ? await openLmdbStore({ directory: folder }) : new MemoryStore())
  for (let i = 0; i < THOUSAND; i++) declareQueue(vhost, `orders.region-${i}`, isDurable)
  const add = async (from, count) => {
    for (let i = from; i < from + count; i++) {
      const source = sourceOf(i)
      if (!vhost.findExchange(source)) declareExchange(vhost, source, type, isDurable)
      // Strings of their own, as they come off the wire.
      bind(vhost, source, `orders.region-${i % THOUSAND}`, Buffer.from(keyOf(i), 'latin1').toString('latin1'))
      if (i % (10 * THOUSAND) === 0) await settled()
    }
  }
  return { add, settled }
}

const one = () => 'orders'
const QUEUE_SIZES = [20 * THOUSAND, 50 * THOUSAND, 100 * THOUSAND]
const BINDING_SIZES = [200 * THOUSAND, 500 * THOUSAND, 1000 * THOUSAND]
const CONNECTION_SIZES = [5 * THOUSAND, 20 * THOUSAND, 40 * THOUSAND]

const CASES = [
  {
    name: 'connection',
    title: 'a connection with 2 channels',
    sizes: CONNECTION_SIZES,
    budget: 40_000,
    prepare: () => prepareConnections(HANDSHAKE),
  },
  {
    name: 'connection-used',
    title: 'the same, used',
    sizes: CONNECTION_SIZES,
    budget: 40_000,
    prepare: () => prepareConnections([...HANDSHAKE, ...USE]),
  },
  {
    name: 'queue-durable',
    title: 'an idle durable queue',
    sizes: QUEUE_SIZES,
    budget: 2000,
    prepare: (folder) => prepareQueues(true, folder),
  },
  {
    name: 'queue-transient',
    title: 'an idle transient queue',
    sizes: QUEUE_SIZES,
    budget: 2000,
    prepare: (folder) => prepareQueues(false, folder),
  },
  {
    name: 'direct',
    title: 'a binding, direct: a key of its own',
    sizes: BINDING_SIZES,
    budget: 300,
    prepare: (folder) => prepareBindings('direct', one, (i) => `order-${i}`, false, folder),
  },
  {
    name: 'direct-durable',
    title: 'the same, durable',
    sizes: BINDING_SIZES,
    budget: 300,
    prepare: (folder) => prepareBindings('direct', one, (i) => `order-${i}`, true, folder),
  },
  {
    name: 'topic',
    title: 'a binding, topic: tenant.<n>.*.created',
    sizes: BINDING_SIZES,
    budget: 300,
    prepare: (folder) => prepareBindings('topic', one, (i) => `tenant.${i}.*.created`, false, folder),
  },
  {
    name: 'topic-shared',
    title: 'a binding, topic: 100 keys, 10 000 words',
    sizes: BINDING_SIZES,
    budget: 300,
    prepare: (folder) => prepareBindings('topic', one, (i) => `${i % 97}.${Math.floor(i / 97)}`, false, folder),
  },
  {
    name: 'fanout',
    title: 'a binding, fanout: 1 000 exchanges',
    sizes: BINDING_SIZES,
    budget: 300,
    prepare: (folder) =>
      prepareBindings(
        'fanout',
        (i) => `news-${Math.floor(i / THOUSAND)}`,
        () => '',
        false,
        folder,
      ),
  },
]

/** Octets that are in use once all garbage is gone. */
async function octetsInUse() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc()
    await nextTurn()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function measure({ sizes, prepare }, snapshot) {
  const folder = mkdtempSync(join(tmpdir(), 'memory-'))
  try {
    const { add, settled } = await prepare(folder)
    const octets = []
    let there = 0
    for (const size of sizes) {
      await add(there, size - there)
      await settled()
      there = size
      octets.push(await octetsInUse())
    }
    if (snapshot) writeHeapSnapshot(snapshot)
    return octets
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs a case in a process of its own, as nothing else may be in it. */
function measureApart({ name, sizes }) {
  const child = spawnSync(
    process.execPath,
    ['--expose-gc', '--max-old-space-size=4096', fileURLToPath(import.meta.url), '--child', name],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  )
  if (child.status !== 0) throw new Error(`case ${name} failed`)
  const octets = JSON.parse(child.stdout)
  const slope = (from, to) => Math.round((octets[to] - octets[from]) / (sizes[to] - sizes[from]))
  const last = sizes.length - 1
  return { octets, each: slope(0, last), steps: sizes.slice(1).map((_, i) => slope(i, i + 1)) }
}

function row({ title, sizes, budget }, { each, steps }) {
  const share = `${((100 * each) / budget).toFixed(0)} %`
  return `| ${title} | ${sizes[0]} – ${sizes[sizes.length - 1]} | ${budget} | ${each} | ${share} | ${steps.join(', ')} |`
}

async function main() {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', multiple: true, default: [] },
      child: { type: 'string' },
      json: { type: 'boolean', default: false },
      snapshot: { type: 'string' },
    },
  })
  if (!globalThis.gc) throw new Error('needs node --expose-gc: start it by npm run bench:memory')
  const named = (name) => CASES.find((kase) => kase.name === name) ?? fail(`no such case: ${name}`)
  if (values.child || values.snapshot) {
    const octets = await measure(named(values.child ?? values.case[0]), values.snapshot)
    process.stdout.write(JSON.stringify(octets), () => process.exit())
    return
  }
  const chosen = values.case.length > 0 ? values.case.map(named) : CASES
  const results = chosen.map((kase) => ({ kase, ...measureApart(kase) }))
  if (values.json) {
    const rows = results.map(({ kase: { name, sizes, budget }, ...figures }) => ({ name, sizes, budget, ...figures }))
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
  } else {
    const head = ['', 'how many', 'budget, octets', 'each', 'of budget', 'from size to size']
    const lines = [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`]
    process.stdout.write(`${[...lines, ...results.map(({ kase, ...figures }) => row(kase, figures))].join('\n')}\n`)
  }
  if (results.some(({ kase, each }) => each > kase.budget)) process.exitCode = 1
}

function fail(message) {
  throw new Error(message)
}

await main()
