import { createServer } from 'node:net'
import { onTestFinished } from 'vitest'
import { Users } from '../../src/auth/users.js'
import { Alarms } from '../../src/base/alarms.js'
import { silentLog } from '../../src/base/log.js'
import { Turn } from '../../src/base/turn.js'
import { Broker } from '../../src/broker/broker.js'
import { Connection } from '../../src/connection/connection.js'
import { Heartbeats } from '../../src/connection/heartbeats.js'
import { OpenConnections } from '../../src/connection/open-connections.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { OutputBuffers } from '../../src/protocol/output-buffer.js'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { ManualClock } from './manual-clock.js'

export interface ServedBroker {
  readonly broker: Broker
  readonly users: Users
  readonly clock: ManualClock
  readonly port: number
}

/** A broker that serves clients, and of which a test can change what an administrator could. Ends with the test. */
export async function serveBroker(): Promise<ServedBroker> {
  const clock = new ManualClock()
  const profile = COMPAT_PROFILES['4.2']
  const store = new MemoryStore()
  const definitions = await Definitions.load(store)
  const users = new Users(definitions)
  const onStoreFailure = (error: unknown) => {
    throw error
  }
  const settings = { profile, clock, log: silentLog, onStoreFailure }
  const broker = await Broker.recover(store, definitions, settings)
  const node = { name: 'rabbit@here', connections: Number.POSITIVE_INFINITY, channels: Number.POSITIVE_INFINITY }
  const context = {
    broker,
    users,
    clock,
    turn: new Turn(() => broker.committer.endTurn()),
    heartbeats: new Heartbeats(clock),
    outputBuffers: new OutputBuffers(),
    connections: new OpenConnections(broker, users, node),
    alarms: new Alarms(),
    log: silentLog,
    profile,
    limits: { frameMax: 131072, channelMax: 2047, heartbeatSeconds: 0 },
    consumerTimeoutMs: Number.POSITIVE_INFINITY,
    consumersMax: Number.POSITIVE_INFINITY,
    defaultPrefetch: 0,
    handshakeTimeoutMs: 10_000,
    loopbackUsers: [],
    serverProperties: [],
  }
  broker.onActivity = () => context.turn.schedule()
  const open = new Set<Connection>()
  const server = createServer((socket) => open.add(new Connection(socket, context, (ended) => open.delete(ended))))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const connection of open) connection.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the server listens on no port')
  return { broker, users, clock, port: address.port }
}
