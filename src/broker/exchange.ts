import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, lookup } from '../protocol/field-table.js'
import type { Resource } from '../protocol/reply-texts.js'
import { BindingIndex } from './binding-index.js'
import type { EffectivePolicy } from './policies/policy.js'
import type { Queue } from './queue.js'
import type { RecentHistory } from './recent-history.js'
import type { Intake } from './route.js'
import { createRoutingTable, type ExchangeTypeName } from './routing/exchange-types.js'
import type { RoutingTable } from './routing/routing-table.js'

/** Where a binding leads. */
export type Destination = Exchange | Queue

export interface Binding {
  /** Its key in the store, when both ends are durable. */
  readonly definitionId: number | undefined
  readonly source: Exchange
  readonly destination: Destination
  readonly key: ByteString
  readonly arguments: FieldTable
}

export interface ExchangeOptions {
  readonly name: ByteString
  readonly vhost: ByteString
  readonly type: ExchangeTypeName
  readonly isDurable: boolean
  readonly isAutoDelete: boolean
  readonly isInternal: boolean
  readonly arguments: FieldTable
}

/** What an exchange of some types has beside its bindings. */
export interface ExchangeExtras {
  /** In the order in which they are asked. */
  readonly intakes: readonly Intake[]
  /** One of them, of which new bindings get what it remembers. */
  readonly history: RecentHistory | undefined
}

/** An exchange and the bindings that start from it. */
export class Exchange implements Resource {
  readonly kind = 'exchange'
  /** Its key in the store, when it is stored. */
  readonly definitionId: number | undefined
  readonly name: ByteString
  readonly vhost: ByteString
  readonly type: ExchangeTypeName
  readonly isDurable: boolean
  readonly isAutoDelete: boolean
  readonly isInternal: boolean
  readonly arguments: FieldTable
  readonly table: RoutingTable<Destination>
  /** Undefined for nearly every exchange: then a route through it may be remembered. */
  readonly intakes: readonly Intake[] | undefined
  readonly history: RecentHistory | undefined
  readonly #bindings = new BindingIndex<Binding>()
  readonly #ownAlternate: ByteString | undefined
  #policyAlternate: ByteString | undefined

  constructor(definitionId: number | undefined, options: ExchangeOptions, extras?: ExchangeExtras) {
    this.definitionId = definitionId
    this.name = options.name
    this.vhost = options.vhost
    this.type = options.type
    this.isDurable = options.isDurable
    this.isAutoDelete = options.isAutoDelete
    this.isInternal = options.isInternal
    this.arguments = options.arguments
    const alternate = lookup(options.arguments, 'alternate-exchange')
    this.#ownAlternate = alternate?.type === 'S' ? alternate.value : undefined
    this.table = createRoutingTable(options.type, options.arguments)
    this.intakes = extras && extras.intakes.length > 0 ? extras.intakes : undefined
    this.history = extras?.history
  }

  /** Where messages go that it has no destination for: the name of an exchange that need not exist. */
  get alternateExchange(): ByteString | undefined {
    return this.#ownAlternate ?? this.#policyAlternate
  }

  /** Takes over what policies say from now on. The default exchange, which reaches every queue, has no alternate. */
  applyPolicies({ definition }: EffectivePolicy): void {
    const alternate = definition['alternate-exchange']
    this.#policyAlternate = this.name !== '' && typeof alternate === 'string' ? alternate : undefined
  }

  /** The bindings that start here. */
  get bindings(): Iterable<Binding> {
    return this.#bindings.values()
  }

  get hasBindings(): boolean {
    return !this.#bindings.isEmpty
  }

  binding(destination: Destination, key: ByteString, args: FieldTable): Binding | undefined {
    return this.#bindings.find(destination, key, args)
  }

  /** Takes in a binding that is not there. */
  addBinding(binding: Binding): void {
    this.#bindings.add(binding)
    this.table.add(binding.key, binding.arguments, binding.destination)
  }

  /** Forgets a binding that is there. */
  removeBinding(binding: Binding): void {
    this.#bindings.delete(binding)
    this.table.remove(binding.key, binding.arguments, binding.destination)
  }
}
