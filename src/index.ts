/** Leveret as a library: `const broker = await startBroker()`, and `await broker.stop()` in the end. */

export type { Clock, Timer } from './base/clock.js'
export type { Log, LogFields } from './base/log.js'
export type { CompatName } from './protocol/compat-profile.js'
export type { AdminPolicy, AdminVirtualHost, BrokerAdmin } from './server/broker-admin.js'
export type { BrokerOptions } from './server/options.js'
export type { Resources } from './server/resource-monitor.js'
export { type RunningBroker, startBroker } from './server/start-broker.js'
export type { MessageStore, StoredDefinition, StoredRecord } from './store/message-store.js'
