import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import type { Destination, Exchange } from './exchange.js'
import type { Queue } from './queue.js'
import type { RouteTarget } from './reply-queues.js'
import type { Topology } from './topology.js'

/** Routes remembered for one exchange. Keys that never come again must not fill the memory. */
const CACHED_KEYS_MAX = 1024

interface CachedRoutes {
  topologyVersion: number
  /** Undefined where headers have a say. */
  readonly byKey: Map<ByteString, readonly Queue[] | undefined>
}

/** Finds the queues that a message reaches, through bindings, exchange-to-exchange bindings and alternate exchanges. */
export class Router {
  readonly #vhost: Topology
  readonly #cached = new WeakMap<Exchange, CachedRoutes>()

  constructor(vhost: Topology) {
    this.#vhost = vhost
  }

  /** The queues reached, each once. The array may be shared: it is not to be changed. */
  route(exchange: Exchange, routingKey: ByteString, headers: FieldTable | undefined): readonly RouteTarget[] {
    const byKey = this.routeByKey(exchange, routingKey)
    if (byKey) return byKey
    const queues = new Set<Queue>()
    this.#visit(exchange, routingKey, headers, queues, new Set())
    return [...queues]
  }

  /** The queues reached by any of several routing keys, each once. */
  routeKeys(
    exchange: Exchange,
    routingKeys: readonly ByteString[],
    headers: FieldTable | undefined,
  ): readonly RouteTarget[] {
    return [...new Set(routingKeys.flatMap((routingKey) => this.route(exchange, routingKey, headers)))]
  }

  /** The same where the routing key alone decides; undefined where headers have a say. */
  routeByKey(exchange: Exchange, routingKey: ByteString): readonly RouteTarget[] | undefined {
    if (exchange.name === '') return this.#vhost.findQueue(routingKey)?.asRoute ?? this.#vhost.replyRoute(routingKey)
    const { byKey } = this.#cachedRoutes(exchange)
    if (byKey.has(routingKey)) return byKey.get(routingKey)
    const queues = new Set<Queue>()
    const dependsOnKeyAlone = this.#visit(exchange, routingKey, undefined, queues, new Set())
    const route = dependsOnKeyAlone ? [...queues] : undefined
    if (byKey.size >= CACHED_KEYS_MAX) byKey.clear()
    byKey.set(routingKey, route)
    return route
  }

  #cachedRoutes(exchange: Exchange): CachedRoutes {
    const { topologyVersion } = this.#vhost
    const routes = this.#cached.get(exchange)
    if (routes?.topologyVersion === topologyVersion) return routes
    const fresh = { topologyVersion, byKey: new Map<ByteString, readonly Queue[] | undefined>() }
    this.#cached.set(exchange, fresh)
    return fresh
  }

  /**
   * Collects what `exchange` reaches; each exchange is visited once, so cycles end. An exchange without any matching
   * destination hands the message to its alternate exchange.
   * @returns whether every exchange on the way goes by the routing key alone.
   */
  #visit(
    exchange: Exchange,
    routingKey: ByteString,
    headers: FieldTable | undefined,
    queues: Set<Queue>,
    visited: Set<Exchange>,
  ): boolean {
    visited.add(exchange)
    let { dependsOnKeyAlone } = exchange.table
    const next: Exchange[] = []
    let matched = false
    const collect = (destination: Destination) => {
      matched = true
      if (destination.kind === 'queue') queues.add(destination)
      else next.push(destination)
    }
    if (exchange.name === '') {
      const queue = this.#vhost.findQueue(routingKey)
      if (queue) collect(queue)
    } else {
      exchange.table.match(routingKey, headers, collect)
    }
    if (!matched && exchange.alternateExchange !== undefined) {
      const alternate = this.#vhost.findExchange(exchange.alternateExchange)
      if (alternate) next.push(alternate)
    }
    for (const following of next) {
      if (visited.has(following)) continue
      dependsOnKeyAlone = this.#visit(following, routingKey, headers, queues, visited) && dependsOnKeyAlone
    }
    return dependsOnKeyAlone
  }
}
