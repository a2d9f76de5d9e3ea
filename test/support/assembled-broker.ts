import { once } from 'node:events'
import { createServer } from 'node:net'
import { onTestFinished } from 'vitest'
import { seedDefaults } from '../../src/auth/seed-defaults.js'
import { Users } from '../../src/auth/users.js'
import { Alarms } from '../../src/base/alarms.js'
import { type Log, silentLog } from '../../src/base/log.js'
import { Turn } from '../../src/base/turn.js'
import { Broker } from '../../src/broker/broker.js'
import type { VirtualHost } from '../../src/broker/virtual-host.js'
import { Connection } from '../../src/connection/connection.js'
import type { ConnectionContext } from '../../src/connection/connection-context.js'
import { Heartbeats } from '../../src/connection/heartbeats.js'
import { OpenConnections } from '../../src/connection/open-connections.js'
import { COMPAT_PROFILES, type CompatName, type CompatProfile } from '../../src/protocol/compat-profile.js'
import { OutputBuffers } from '../../src/protocol/output-buffer.js'
import { publishEventsOf } from '../../src/server/event-sources.js'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { AmqpChannel } from './amqp-channel.js'
import { AmqpClient, type ClientOptions } from './amqp-client.js'
import { ManualClock } from './manual-clock.js'

const UNLIMITED = Number.POSITIVE_INFINITY

/** A broker that serves, put together so that a test has its parts at hand. It is taken down when the test is over. */
export class AssembledBroker {
  readonly broker: Broker
  readonly users: Users
  readonly alarms = new Alarms()
  readonly clock: ManualClock
  readonly #profile: CompatProfile
  readonly #turn: Turn
  readonly #connections = new Set<Connection>()
  #port = 0

  private constructor(broker: Broker, users: Users, clock: ManualClock, profile: CompatProfile) {
    this.broker = broker
    this.users = users
    this.clock = clock
    this.#profile = profile
    this.#turn = new Turn(() => broker.committer.endTurn())
    broker.onActivity = () => this.#turn.schedule()
    publishEventsOf(users, this.alarms, broker.events)
  }

  static async start({ compat = '4.2' as CompatName, log = silentLog as Log } = {}): Promise<AssembledBroker> {
    const store = new MemoryStore()
    const definitions = await Definitions.load(store)
    const users = new Users(definitions)
    const clock = new ManualClock()
    const profile = COMPAT_PROFILES[compat]
    const onStoreFailure = (error: unknown) => {
      throw error
    }
    const settings = { profile, clock, log, nodeName: 'rabbit@node', onStoreFailure }
    const started = new AssembledBroker(await Broker.recover(store, definitions, settings), users, clock, profile)
    started.broker.addVirtualHost('/')
    seedDefaults(users)
    await started.#listen(started.#context(log))
    return started
  }

  get vhost(): VirtualHost {
    const vhost = this.broker.findVirtualHost('/')
    if (!vhost) throw new Error('the virtual host of the test is gone')
    return vhost
  }

  get port(): number {
    return this.#port
  }

  async connect(options: ClientOptions = {}): Promise<AmqpClient> {
    return AmqpClient.connect(this.#port, options)
  }

  async channel(options: ClientOptions = {}): Promise<AmqpChannel> {
    return (await this.connect(options)).openChannel()
  }

  #context(log: Log): ConnectionContext {
    const { broker, users, clock, alarms } = this
    return {
      broker,
      users,
      clock,
      turn: this.#turn,
      heartbeats: new Heartbeats(clock),
      outputBuffers: new OutputBuffers(),
      connections: new OpenConnections(broker, users, {
        name: 'rabbit@node',
        connections: UNLIMITED,
        channels: UNLIMITED,
      }),
      alarms,
      log,
      profile: this.#profile,
      limits: { frameMax: 131072, channelMax: 2047, heartbeatSeconds: 60 },
      consumersMax: UNLIMITED,
      defaultPrefetch: 0,
      handshakeTimeoutMs: 10_000,
      consumerTimeoutMs: UNLIMITED,
      loopbackUsers: [],
      serverProperties: [],
    }
  }

  async #listen(context: ConnectionContext): Promise<void> {
    const server = createServer((socket) => {
      this.#connections.add(new Connection(socket, context, (connection) => this.#connections.delete(connection)))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    this.#port = address.port
    onTestFinished(async () => {
      for (const connection of this.#connections) connection.destroy()
      await new Promise((resolve) => server.close(resolve))
      await this.broker.stop()
    })
  }
}
