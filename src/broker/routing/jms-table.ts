import type { ByteString } from '../../base/byte-string.js'
import { type FieldTable, lookup } from '../../protocol/field-table.js'
import { argumentIdentity } from './argument-identity.js'
import { parseErlangSelector } from './jms/erlang-selector.js'
import { evaluateSelector } from './jms/evaluate-selector.js'
import type { SelectorNode } from './jms/selector-node.js'
import { parseSqlSelector } from './jms/sql-selector.js'
import type { RoutedMessage, RoutingTable } from './routing-table.js'

/** The binding argument of RabbitMQ: a selector that the client has compiled. */
const COMPILED_SELECTOR = 'rjms_erlang_selector'

/** Ours beside it: a selector as it is written in JMS, under a name of ours and one that older clients send. */
const WRITTEN_SELECTORS = ['x-jms-selector', 'rjms_selector']

/**
 * The selector of a binding to an exchange of type x-jms-topic; undefined when it has none, or one that is no string.
 * @throws InvalidSelectorError
 */
export function selectorOf(args: FieldTable): SelectorNode | undefined {
  const compiled = lookup(args, COMPILED_SELECTOR)
  if (compiled) return compiled.type === 'S' ? parseErlangSelector(compiled.value) : undefined
  for (const name of WRITTEN_SELECTORS) {
    const written = lookup(args, name)
    if (written) return written.type === 'S' ? parseSqlSelector(written.value) : undefined
  }
  return undefined
}

/** The bindings of one key to one destination: the selector of the last one counts. */
interface Subscription<Destination> {
  readonly destination: Destination
  readonly selectors: Map<string, SelectorNode>
  selector: SelectorNode
}

/** x-jms-topic: a message goes where the selector of the binding is true for it, whatever the keys. */
export class JmsTable<Destination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone = false
  readonly #byKey = new Map<ByteString, Map<Destination, Subscription<Destination>>>()

  add(bindingKey: ByteString, args: FieldTable, destination: Destination): void {
    const selector = selectorOf(args)
    if (selector === undefined) return
    const byDestination = this.#byKey.get(bindingKey) ?? new Map<Destination, Subscription<Destination>>()
    this.#byKey.set(bindingKey, byDestination)
    const subscription = byDestination.get(destination) ?? { destination, selectors: new Map(), selector }
    byDestination.set(destination, subscription)
    subscription.selectors.set(argumentIdentity(args), selector)
    subscription.selector = selector
  }

  remove(bindingKey: ByteString, args: FieldTable, destination: Destination): void {
    const byDestination = this.#byKey.get(bindingKey)
    const subscription = byDestination?.get(destination)
    if (!byDestination || !subscription) return
    subscription.selectors.delete(argumentIdentity(args))
    const last = [...subscription.selectors.values()].at(-1)
    if (last) subscription.selector = last
    else byDestination.delete(destination)
    if (byDestination.size === 0) this.#byKey.delete(bindingKey)
  }

  match({ properties }: RoutedMessage, visit: (destination: Destination) => void): void {
    const seen = properties ?? { headers: undefined }
    for (const byDestination of this.#byKey.values()) {
      for (const { destination, selector } of byDestination.values()) {
        if (evaluateSelector(selector, seen) === true) visit(destination)
      }
    }
  }
}
