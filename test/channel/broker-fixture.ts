import { afterEach } from 'vitest'
import type { BrokerOptions } from '../../src/server/options.js'
import { type RunningBroker, startBroker } from '../../src/server/start-broker.js'
import type { AmqpChannel } from '../support/amqp-channel.js'
import { AmqpClient, type ClientOptions } from '../support/amqp-client.js'
import { GatedStore } from './gated-store.js'

/** Makes brokers and clients for the tests of one file, and takes them down after each test. */
export class BrokerFixture {
  readonly #defaults: BrokerOptions
  #broker: RunningBroker | undefined
  #store: GatedStore | undefined
  readonly #clients: AmqpClient[] = []

  constructor(defaults: BrokerOptions = {}) {
    this.#defaults = defaults
    afterEach(() => this.#tearDown())
  }

  /** The broker of the current test, started when first asked for. */
  async broker(options: BrokerOptions = {}): Promise<RunningBroker> {
    this.#broker ??= await startBroker({ port: 0, host: '127.0.0.1', ...this.#defaults, ...options })
    return this.#broker
  }

  /** The store of the current test's broker, which has none yet: its commits can be held back. */
  async gatedStore(): Promise<GatedStore> {
    this.#store = new GatedStore()
    await this.broker({ store: this.#store })
    return this.#store
  }

  /** A new connection to it. */
  async connect(options: ClientOptions = {}): Promise<AmqpClient> {
    const { port } = await this.broker()
    const client = await AmqpClient.connect(port, options)
    this.#clients.push(client)
    return client
  }

  /** A channel of a new connection. */
  async channel(options: ClientOptions = {}): Promise<AmqpChannel> {
    return (await this.connect(options)).openChannel()
  }

  async #tearDown(): Promise<void> {
    this.#store?.release()
    this.#store = undefined
    await Promise.all(this.#clients.splice(0).map((client) => client.destroy()))
    await this.#broker?.stop()
    this.#broker = undefined
  }
}
