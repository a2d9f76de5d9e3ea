import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable } from '../../protocol/field-table.js'
import { hashOf } from './jump-hash.js'
import type { BoundDestination, RoutedMessage, RoutingTable } from './routing-table.js'

/**
 * x-modulus-hash: the destinations sorted by name, and the hash of all routing keys modulo their number says which gets
 * the message. Binding keys do not matter. Another destination moves most keys.
 */
export class ModulusHashTable<Destination extends BoundDestination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone = true
  /** How many bindings lead to each. */
  readonly #counts = new Map<Destination, number>()
  /** Made when it is next needed: many bindings often come at once. */
  #sorted: readonly Destination[] | undefined

  add(_bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    this.#counts.set(destination, (this.#counts.get(destination) ?? 0) + 1)
    this.#sorted = undefined
  }

  remove(_bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    const count = this.#counts.get(destination)
    if (count === undefined) return
    if (count > 1) this.#counts.set(destination, count - 1)
    else this.#counts.delete(destination)
    this.#sorted = undefined
  }

  match({ routingKeys }: RoutedMessage, visit: (destination: Destination) => void): void {
    this.#sorted ??= [...this.#counts.keys()].sort(byName)
    const hash = hashOf(routingKeys.map((key) => `${key.length}:${key}`).join(''))
    const destination = this.#sorted[hash % this.#sorted.length]
    if (destination !== undefined) visit(destination)
  }
}

/** Exchanges first, as Erlang sorts them; names by their octets. */
function byName(a: BoundDestination, b: BoundDestination): number {
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1
  return a.name < b.name ? -1 : 1
}
