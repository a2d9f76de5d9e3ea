import { Users } from '../../src/auth/users.js'
import { systemClock } from '../../src/base/clock.js'
import { silentLog } from '../../src/base/log.js'
import { Broker } from '../../src/broker/broker.js'
import { COMPAT_PROFILES, DEFAULT_COMPAT } from '../../src/protocol/compat-profile.js'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'

/** A store in memory in which `prepare` has made users and virtual hosts, for a broker that is then started on it. */
export async function preparedStore(prepare: (users: Users, broker: Broker) => void): Promise<MemoryStore> {
  const store = new MemoryStore()
  const definitions = await Definitions.load(store)
  const users = new Users(definitions)
  const broker = await Broker.recover(store, definitions, {
    profile: COMPAT_PROFILES[DEFAULT_COMPAT],
    log: silentLog,
    clock: systemClock,
    onStoreFailure: (error) => {
      throw error
    },
  })
  prepare(users, broker)
  await broker.stop()
  return store
}

/** A store whose commits resolve only when a test says so. */
export class GatedStore extends MemoryStore {
  #isOpen = true
  #waiting: (() => void)[] = []

  /** From now on nothing is stored until `open`. */
  shut(): void {
    this.#isOpen = false
  }

  open(): void {
    this.#isOpen = true
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  override async commit(): Promise<void> {
    await super.commit()
    if (!this.#isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
