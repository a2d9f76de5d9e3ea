import type { ByteString } from '../base/byte-string.js'
import type { Exchange } from './exchange.js'
import type { Queue } from './queue.js'

/** What bindings and routing need to know of a virtual host. */
export interface Topology {
  readonly name: ByteString
  /** Rises with each change of exchanges, queues and bindings: what was routed before it may be wrong after it. */
  readonly topologyVersion: number
  findExchange(name: ByteString): Exchange | undefined
  findQueue(name: ByteString): Queue | undefined
  /** Takes an exchange away with the bindings from and to it. */
  removeExchange(exchange: Exchange): void
  /** Notes a change that routing depends on. */
  touchTopology(): void
}
