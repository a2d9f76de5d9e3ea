import { toDisplayText } from '../../base/byte-string.js'
import { DefinitionKind, readStoredArguments } from '../../broker/stored-definitions.js'

/** Fields of definitions, of whatever type. */
interface Fields {
  readonly vhost?: unknown
  readonly name?: unknown
  readonly source?: unknown
  readonly destinationKind?: unknown
  readonly destination?: unknown
}

/** A definition as it was read. */
interface ReadDefinition {
  readonly id: number
  readonly kind: string
  readonly fields: Fields
}

/** The fields of a definition that have to be text. Those of the kinds that are not listed are not looked at. */
const TEXT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  [DefinitionKind.VIRTUAL_HOST]: ['name'],
  [DefinitionKind.EXCHANGE]: ['vhost', 'name', 'type', 'arguments'],
  [DefinitionKind.QUEUE]: ['vhost', 'name', 'arguments'],
  [DefinitionKind.DELAYED_MESSAGES]: ['vhost', 'exchange'],
  [DefinitionKind.BINDING]: ['vhost', 'source', 'destinationKind', 'destination', 'key', 'arguments'],
}

/** Exchanges that every virtual host has, and nobody stores: the default one and those with a reserved name. */
const BUILT_IN_EXCHANGE = /^$|^amq\./

/** Looks at the definitions of a store one by one, and then at what refers to what. */
export class DefinitionCheck {
  readonly #read: ReadDefinition[] = []
  readonly #unusable = new Set<number>()
  /** The ids of queues that can be used; complete after `finish`. */
  readonly queueIds = new Set<number>()
  /** The ids of what else may have messages: exchanges, and what they hold back; complete after `finish`. */
  readonly keeperIds = new Set<number>()

  /** @returns what is wrong with a definition by itself, for people; undefined when nothing is. */
  add(id: number, bytes: Uint8Array): string | undefined {
    try {
      this.#read.push(readDefinition(id, bytes))
      return undefined
    } catch (error) {
      this.#unusable.add(id)
      return `definition ${id}: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  /** @returns what is wrong with definitions that refer to others: without these, the rest can be used. */
  finish(): string[] {
    const complaints: string[] = []
    const vhosts = new Set(this.#of(DefinitionKind.VIRTUAL_HOST).map(({ fields }) => fields.name))
    const ends = new Set<string>()
    for (const definition of [...this.#of(DefinitionKind.EXCHANGE), ...this.#of(DefinitionKind.QUEUE)]) {
      const { id, kind, fields } = definition
      if (vhosts.has(fields.vhost)) {
        ends.add(endName(fields.vhost, kind, fields.name))
        if (kind === DefinitionKind.QUEUE) this.queueIds.add(id)
        else this.keeperIds.add(id)
      } else {
        complaints.push(this.#refuse(id, `${kind} ${shown(fields.name)} is in virtual host ${shown(fields.vhost)}`))
      }
    }
    for (const { id, fields } of this.#of(DefinitionKind.DELAYED_MESSAGES)) {
      if (vhosts.has(fields.vhost)) this.keeperIds.add(id)
      else complaints.push(this.#refuse(id, `delayed messages are in virtual host ${shown(fields.vhost)}`))
    }
    for (const { id, fields } of this.#of(DefinitionKind.BINDING)) {
      const { vhost, source, destinationKind, destination } = fields
      const hasSource = ends.has(endName(vhost, 'exchange', source)) || isBuiltIn('exchange', source, vhosts.has(vhost))
      const hasDestination =
        ends.has(endName(vhost, destinationKind, destination)) ||
        isBuiltIn(destinationKind, destination, vhosts.has(vhost))
      if (hasSource && hasDestination) continue
      const missing = hasSource ? `${destinationKind} ${shown(destination)}` : `exchange ${shown(source)}`
      complaints.push(this.#refuse(id, `a binding in virtual host ${shown(vhost)} is one of ${missing}`))
    }
    return complaints
  }

  /** Whether the broker can use a definition; known after `finish`. */
  isUsable(id: number): boolean {
    return !this.#unusable.has(id)
  }

  #of(kind: string): ReadDefinition[] {
    return this.#read.filter((definition) => definition.kind === kind)
  }

  #refuse(id: number, what: string): string {
    this.#unusable.add(id)
    return `definition ${id}: ${what}, which does not exist`
  }
}

function isBuiltIn(kind: unknown, name: unknown, inVirtualHost: boolean): boolean {
  return inVirtualHost && kind === 'exchange' && typeof name === 'string' && BUILT_IN_EXCHANGE.test(name)
}

/** @throws Error when the definition cannot be used, whatever else there is. */
function readDefinition(id: number, bytes: Uint8Array): ReadDefinition {
  const parsed: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
  const { kind, value } = isRecord(parsed) ? parsed : {}
  if (typeof kind !== 'string' || !isRecord(value)) throw new Error('it has no kind or no value')
  for (const field of TEXT_FIELDS[kind] ?? []) {
    const text = value[field]
    if (typeof text !== 'string') throw new Error(`its ${field} is missing`)
    if (field === 'arguments') readStoredArguments(text)
  }
  return { id, kind, fields: value }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function endName(vhost: unknown, kind: unknown, name: unknown): string {
  return JSON.stringify([vhost, kind, name])
}

function shown(name: unknown): string {
  return `'${typeof name === 'string' ? toDisplayText(name) : name}'`
}
