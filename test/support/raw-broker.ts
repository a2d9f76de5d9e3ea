import { expect, onTestFinished } from 'vitest'
import { type BrokerOptions, type RunningBroker, startBroker } from '../../src/index.js'
import { ManualClock } from './manual-clock.js'
import { type HandshakeOptions, RawClient } from './raw-client.js'

const PATIENCE_MS = 15_000

/** A broker for one test on a free port, in memory, with a clock that stands still, and the clients connected to it. */
export class RawBroker {
  readonly broker: RunningBroker
  readonly clock: ManualClock
  readonly #clients: RawClient[] = []

  private constructor(broker: RunningBroker, clock: ManualClock) {
    this.broker = broker
    this.clock = clock
    clock.hideScheduled()
  }

  /** Starts a broker, and stops it when the test is over. */
  static async start(options: BrokerOptions = {}): Promise<RawBroker> {
    const clock = new ManualClock()
    const broker = await startBroker({ host: '127.0.0.1', port: 0, clock, ...options })
    const started = new RawBroker(broker, clock)
    onTestFinished(() => started.stop())
    return started
  }

  /** Ends all clients, then the broker, which must not have to wait for anybody. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.vanish()
    await this.broker.stop()
  }

  async connect(): Promise<RawClient> {
    const client = await RawClient.connect({ port: this.broker.port })
    this.#clients.push(client)
    return client
  }

  /** Connects, and goes as far as connection.start. */
  async greeted(): Promise<RawClient> {
    const client = await this.connect()
    await client.greet()
    return client
  }

  /** Connects, and goes as far as connection.tune. */
  async loggedIn(options: HandshakeOptions = {}): Promise<RawClient> {
    const client = await this.connect()
    await client.logIn(options)
    return client
  }

  /** Connects, and goes as far as connection.open-ok. */
  async opened(options: HandshakeOptions = {}): Promise<RawClient> {
    const client = await this.connect()
    await client.handshake(options)
    return client
  }

  /** Connects, and opens channel 1. */
  async withChannel(options: HandshakeOptions = {}): Promise<RawClient> {
    const client = await this.opened(options)
    await client.openChannel(1)
    return client
  }

  /** Everything that has an effect in the broker without an answer has had it when `condition` is true. */
  async until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  /** Waits until no connection has a timer any more. */
  async untilIdle(): Promise<void> {
    await this.until(() => this.clock.delaysMs.length === 0, 'no timer is left')
  }

  /** Waits until something is scheduled to happen in exactly `ms`. */
  async untilScheduledIn(ms: number): Promise<void> {
    await this.until(
      () => this.clock.delaysMs.includes(ms),
      `something is scheduled in ${ms} ms; ${this.clock.delaysMs} are`,
    )
  }

  /** The client hears nothing for `ms`, which some timer waits for, and then the socket closes. */
  async expectSilentCloseAfter(client: RawClient, ms: number): Promise<void> {
    await this.untilScheduledIn(ms)
    this.clock.advance(ms - 1)
    await this.expectServes()
    expect(client.isClosed).toBe(false)
    this.clock.advance(1)
    await client.expectSilentClose()
  }

  /** A well-behaved client is served. */
  async expectServes(): Promise<void> {
    const client = await this.withChannel()
    await client.roundTrip(1, 'well-behaved', Buffer.from('hello'))
    client.vanish()
  }
}
