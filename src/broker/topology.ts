import type { ByteString } from '../base/byte-string.js'
import type { Exchange } from './exchange.js'
import type { KeptMessage } from './message-record.js'
import type { Queue } from './queue.js'
import type { RouteTarget } from './reply-queues.js'
import type { Route } from './route.js'

/** What bindings and routing need to know of a virtual host. */
export interface Topology {
  readonly name: ByteString
  /** Rises with each change of exchanges, queues and bindings: what was routed before it may be wrong after it. */
  readonly topologyVersion: number
  readonly bindings: { readonly count: number }
  findExchange(name: ByteString): Exchange | undefined
  findQueue(name: ByteString): Queue | undefined
  /** Where the default exchange leads with a key that names no queue: a channel that waits for replies, or nowhere. */
  replyRoute(name: ByteString): readonly RouteTarget[]
  /** Takes an exchange away with the bindings from and to it. @param by who made that necessary. */
  removeExchange(exchange: Exchange, by: ByteString): void
  /** Where a message that was kept goes from `exchange` on. */
  routeKept(exchange: Exchange, kept: KeptMessage): Route
  /** Puts a message that was kept into the queues that it goes to. */
  enqueueKept(kept: KeptMessage, route: Route): void
  /** Notes a change that routing depends on. */
  touchTopology(): void
}
