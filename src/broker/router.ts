import type { ByteString } from '../base/byte-string.js'
import type { Destination, Exchange } from './exchange.js'
import type { Queue } from './queue.js'
import type { RouteTarget } from './reply-queues.js'
import { Admission, type Intake, type Route, type Taker, withTakers } from './route.js'
import type { RoutedMessage, RoutedProperties } from './routing/routing-table.js'
import type { Topology } from './topology.js'

/**
 * Routes remembered for all exchanges together, or as many as there are bindings: whoever has a hundred thousand of those
 * publishes with as many keys, and a memory that is too small for keys that come in turn knows none of them when it comes
 * again. Keys that never come again must not fill the memory.
 */
const CACHED_KEYS_MAX = 16_384

const NOWHERE: readonly Queue[] = []

interface CachedRoutes {
  topologyVersion: number
  /** Undefined where more than the key has a say. */
  readonly byKey: Map<ByteString, readonly Queue[] | undefined>
}

/** Finds the queues that a message reaches, through bindings, exchange-to-exchange bindings and alternate exchanges. */
export class Router {
  readonly #vhost: Topology
  #cached = new WeakMap<Exchange, CachedRoutes>()
  /** How many that are, or were before the topology changed. */
  #cachedKeys = 0

  constructor(vhost: Topology) {
    this.#vhost = vhost
  }

  /** Where a message with one routing key goes. */
  route(exchange: Exchange, routingKey: ByteString, properties: RoutedProperties | undefined): Route {
    const byKey = this.routeByKey(exchange, routingKey)
    return byKey ?? this.#walk(exchange, { routingKeys: [routingKey], properties })
  }

  /** Where a message with several routing keys goes; the first is that of its publish. */
  routeKeys(exchange: Exchange, routingKeys: readonly ByteString[], properties: RoutedProperties | undefined): Route {
    if (exchange.name === '') return [...new Set(routingKeys.flatMap((key) => this.#named(key)))]
    return this.#walk(exchange, { routingKeys, properties })
  }

  /** Where a message goes that `exchange` had held back, and that has passed it in all but its bindings. */
  routeReleased(
    exchange: Exchange,
    routingKeys: readonly ByteString[],
    properties: RoutedProperties | undefined,
  ): Route {
    return this.#walk(exchange, { routingKeys, properties }, exchange)
  }

  /** The queues reached where the routing key alone decides; undefined where anything else has a say. */
  routeByKey(exchange: Exchange, routingKey: ByteString): readonly RouteTarget[] | undefined {
    if (exchange.name === '') return this.#named(routingKey)
    // Looked up as fast as it would be remembered.
    const only = exchange.intakes ? undefined : exchange.table.only?.(routingKey)
    if (only?.kind === 'queue') return only.asRoute
    const { byKey } = this.#cachedRoutes(exchange)
    const known = byKey.get(routingKey)
    if (known || byKey.has(routingKey)) return known
    const walk = new Walk(this.#vhost, { routingKeys: [routingKey], properties: undefined })
    const route = walk.follow(exchange, true) ? walk.route : undefined
    this.#remember(exchange, routingKey, route)
    return route
  }

  #remember(exchange: Exchange, routingKey: ByteString, route: readonly Queue[] | undefined): void {
    if (++this.#cachedKeys > Math.max(CACHED_KEYS_MAX, this.#vhost.bindings.count)) {
      this.#cached = new WeakMap()
      this.#cachedKeys = 1
    }
    this.#cachedRoutes(exchange).byKey.set(routingKey, route)
  }

  /** Where the default exchange leads. */
  #named(routingKey: ByteString): readonly RouteTarget[] {
    return this.#vhost.findQueue(routingKey)?.asRoute ?? this.#vhost.replyRoute(routingKey)
  }

  #walk(exchange: Exchange, message: RoutedMessage, releasedBy?: Exchange): Route {
    const walk = new Walk(this.#vhost, message, releasedBy)
    walk.follow(exchange)
    return withTakers(walk.route, walk.takers)
  }

  #cachedRoutes(exchange: Exchange): CachedRoutes {
    const { topologyVersion } = this.#vhost
    const routes = this.#cached.get(exchange)
    if (routes?.topologyVersion === topologyVersion) return routes
    const fresh = { topologyVersion, byKey: new Map<ByteString, readonly Queue[] | undefined>() }
    this.#cached.set(exchange, fresh)
    return fresh
  }
}

/** The way of one message through the exchanges of a virtual host. Each exchange is visited once, so cycles end. */
class Walk {
  readonly takers: Taker[] = []
  readonly #vhost: Topology
  readonly #message: RoutedMessage
  readonly #releasedBy: Exchange | undefined
  /** The first queue, where most walks end, and all of them once there is another. */
  #queue: Queue | undefined
  #queues: Set<Queue> | undefined
  readonly #visited = new Set<Exchange>()
  readonly #pending: Exchange[] = []
  #hasMatched = false

  constructor(vhost: Topology, message: RoutedMessage, releasedBy?: Exchange) {
    this.#vhost = vhost
    this.#message = message
    this.#releasedBy = releasedBy
  }

  /** The queues reached so far. */
  get route(): readonly Queue[] {
    return this.#queues ? [...this.#queues] : (this.#queue?.asRoute ?? NOWHERE)
  }

  /**
   * Goes from `first` on as long as there are exchanges that have not been visited.
   * @param byKeyOnly whether to stop where anything but the routing key has a say.
   * @returns whether it has gone all the way.
   */
  follow(first: Exchange, byKeyOnly = false): boolean {
    for (let exchange: Exchange | undefined = first; exchange; exchange = this.#pending.pop()) {
      if (this.#visited.has(exchange)) continue
      this.#visited.add(exchange)
      if (byKeyOnly && (exchange.intakes || !exchange.table.dependsOnKeyAlone)) return false
      this.#visit(exchange)
    }
    return true
  }

  /** An exchange without any matching destination hands the message to its alternate exchange. */
  #visit(exchange: Exchange): void {
    const admission = exchange.intakes ? this.#admit(exchange.intakes, exchange) : Admission.ROUTE
    if (admission === Admission.DROP) return
    this.#hasMatched = false
    if (admission === Admission.ROUTE) this.#match(exchange)
    if (this.#hasMatched || exchange.alternateExchange === undefined) return
    const alternate = this.#vhost.findExchange(exchange.alternateExchange)
    if (alternate) this.#pending.push(alternate)
  }

  #match(exchange: Exchange): void {
    if (exchange.name !== '') exchange.table.match(this.#message, this.#collect)
    else {
      for (const routingKey of this.#message.routingKeys) {
        const queue = this.#vhost.findQueue(routingKey)
        if (queue) this.#collect(queue)
      }
    }
  }

  readonly #collect = (destination: Destination): void => {
    this.#hasMatched = true
    if (destination.kind === 'exchange') this.#pending.push(destination)
    else if (this.#queue === undefined) this.#queue = destination
    else if (this.#queue !== destination) {
      this.#queues ??= new Set([this.#queue])
      this.#queues.add(destination)
    }
  }

  #admit(intakes: readonly Intake[], exchange: Exchange): Admission {
    for (const intake of intakes) {
      if (intake.isForArrivals && exchange === this.#releasedBy) continue
      const admission = intake.admit(this.#message, this.takers)
      if (admission !== Admission.ROUTE) return admission
    }
    return Admission.ROUTE
  }
}
