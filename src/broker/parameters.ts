import { INTERNAL_USER } from '../base/acting-user.js'
import type { ByteString } from '../base/byte-string.js'
import type { Definitions } from '../store/definitions.js'
import type { BrokerEvents } from './events/broker-events.js'
import { parameterCleared, parameterSet } from './events/definition-events.js'
import { DefinitionKind, type StoredGlobalParameter, type StoredParameter } from './stored-definitions.js'
import { ValidationError } from './validation-error.js'

/** A setting of one virtual host, a JSON value whose texts are byte strings, of the component that knows what it means. */
export type Parameter = StoredParameter

/** A setting of the whole broker. */
export type GlobalParameter = StoredGlobalParameter

/** What RabbitMQ keeps among its parameters, and we where it has an effect: it cannot be set here. */
const KEPT_ELSEWHERE: readonly ByteString[] = ['policy', 'operator_policy', 'vhost-limits']

/** What RabbitMQ calls the component of global parameters. */
const GLOBAL_COMPONENT = 'global'

interface Entry<Row> {
  readonly definitionId: number
  readonly row: Row
}

/**
 * Runtime parameters: JSON values that belong to components, such as the upstreams of a federation. They are stored and
 * listed here; whether a value is right is for its component to know. Whoever makes a change may say who wants it, `by`.
 */
export class Parameters {
  readonly #definitions: Definitions
  readonly #events: BrokerEvents
  readonly #parameters = new Map<string, Entry<Parameter>>()
  readonly #globals = new Map<ByteString, Entry<GlobalParameter>>()

  /** Takes in what `definitions` has loaded. */
  constructor(definitions: Definitions, events: BrokerEvents) {
    this.#definitions = definitions
    this.#events = events
    for (const { id, value } of definitions.loaded(DefinitionKind.PARAMETER)) {
      const row = value as StoredParameter // Written by this module; the store keeps values as they are.
      this.#parameters.set(keyOf(row), { definitionId: id, row })
    }
    for (const { id, value } of definitions.loaded(DefinitionKind.GLOBAL_PARAMETER)) {
      const row = value as StoredGlobalParameter // As above.
      this.#globals.set(row.name, { definitionId: id, row })
    }
  }

  /** Those of one virtual host, of one component, or all. */
  list(filter: { readonly vhost?: ByteString; readonly component?: ByteString } = {}): Parameter[] {
    return [...this.#parameters.values()]
      .map(({ row }) => row)
      .filter(({ vhost }) => filter.vhost === undefined || vhost === filter.vhost)
      .filter(({ component }) => filter.component === undefined || component === filter.component)
  }

  get(vhost: ByteString, component: ByteString, name: ByteString): unknown {
    return this.#parameters.get(keyOf({ vhost, component, name }))?.row.value
  }

  /** Adds or replaces a parameter. @throws ValidationError for one that has a place of its own. */
  set({ vhost, component, name, value }: Parameter, by: ByteString = INTERNAL_USER): void {
    if (KEPT_ELSEWHERE.includes(component)) {
      throw new ValidationError([`component ${component} may not be set using this method`])
    }
    const row = { vhost, component, name, value }
    const existing = this.#parameters.get(keyOf(row))
    const definitionId = existing?.definitionId ?? this.#definitions.takeId()
    this.#parameters.set(keyOf(row), { definitionId, row })
    this.#definitions.put(definitionId, DefinitionKind.PARAMETER, row)
    if (existing && JSON.stringify(existing.row.value) === JSON.stringify(value)) return
    parameterSet(this.#events, row, value, by)
  }

  /** @returns whether there was one. */
  clear(vhost: ByteString, component: ByteString, name: ByteString, by: ByteString = INTERNAL_USER): boolean {
    const key = keyOf({ vhost, component, name })
    const entry = this.#parameters.get(key)
    if (!entry) return false
    this.#parameters.delete(key)
    this.#definitions.remove(entry.definitionId)
    parameterCleared(this.#events, { vhost, component, name }, by)
    return true
  }

  /** Drops those of a virtual host that is being deleted. */
  removeVhost(vhost: ByteString, by: ByteString = INTERNAL_USER): void {
    for (const { component, name } of this.list({ vhost })) this.clear(vhost, component, name, by)
  }

  listGlobal(): GlobalParameter[] {
    return Array.from(this.#globals.values(), ({ row }) => row)
  }

  getGlobal(name: ByteString): unknown {
    return this.#globals.get(name)?.row.value
  }

  setGlobal(name: ByteString, value: unknown, by: ByteString = INTERNAL_USER): void {
    const row = { name, value }
    const definitionId = this.#globals.get(name)?.definitionId ?? this.#definitions.takeId()
    this.#globals.set(name, { definitionId, row })
    this.#definitions.put(definitionId, DefinitionKind.GLOBAL_PARAMETER, row)
    parameterSet(this.#events, { vhost: undefined, component: GLOBAL_COMPONENT, name }, value, by)
  }

  /** @returns whether there was one. */
  clearGlobal(name: ByteString, by: ByteString = INTERNAL_USER): boolean {
    const entry = this.#globals.get(name)
    if (!entry) return false
    this.#globals.delete(name)
    this.#definitions.remove(entry.definitionId)
    parameterCleared(this.#events, { vhost: undefined, component: GLOBAL_COMPONENT, name }, by)
    return true
  }
}

/** One text for three names. JSON keeps apart what a separator could not: names may contain any octet. */
function keyOf({ vhost, component, name }: Omit<Parameter, 'value'>): string {
  return JSON.stringify([vhost, component, name])
}
