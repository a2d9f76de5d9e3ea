import { seedDefaults } from '../../src/auth/seed-defaults.js'
import { Users } from '../../src/auth/users.js'
import { systemClock } from '../../src/base/clock.js'
import { silentLog } from '../../src/base/log.js'
import { Broker } from '../../src/broker/broker.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'

/** A store that a broker finds in use: with the virtual host `/`, the user guest, and what `addUsers` adds. */
export async function storeWithUsers(addUsers: (users: Users) => void): Promise<MemoryStore> {
  const store = new MemoryStore()
  const definitions = await Definitions.load(store)
  const onStoreFailure = (error: unknown) => {
    throw error
  }
  const broker = await Broker.recover(store, definitions, {
    profile: COMPAT_PROFILES['4.2'],
    log: silentLog,
    clock: systemClock,
    onStoreFailure,
  })
  broker.addVirtualHost('/')
  const users = new Users(definitions)
  seedDefaults(users)
  addUsers(users)
  await broker.committer.drained()
  return store
}
