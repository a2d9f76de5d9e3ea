/**
 * The bindings of a headers exchange.
 *
 * Bindings with the same arguments make one *rule*: conditions on headers, and the destinations of those bindings. A
 * rule that wants all of its conditions is filed under one of them, a rule that wants any under each. So a message
 * meets only the rules of which it fulfils a condition, and not every binding as in RabbitMQ.
 */

import type { ByteString } from '../../base/byte-string.js'
import { type FieldTable, type FieldValue, lookup } from '../../protocol/field-table.js'
import { argumentIdentity, fieldValueIdentity, floatIdentity } from './argument-identity.js'
import { DestinationBag } from './destination-bag.js'
import type { RoutedMessage, RoutingTable } from './routing-table.js'

const X_MATCH = 'x-match'

const X_MATCH_VALUES = ['all', 'any', 'all-with-x', 'any-with-x'] as const

/** How many of its arguments a binding wants to see, and whether those named `x-…` count. */
export type XMatch = (typeof X_MATCH_VALUES)[number]

/** The identity of no value: a condition with it is fulfilled by any value of the header. */
const ANY_VALUE = ''

interface Condition {
  readonly name: ByteString
  /** What `headerIdentity` must give, or `ANY_VALUE`. */
  readonly identity: string
}

interface Rule<Destination> {
  readonly identity: string
  readonly wantsAll: boolean
  readonly conditions: readonly Condition[]
  /** The conditions it is filed under. */
  readonly filedUnder: readonly Condition[]
  readonly destinations: DestinationBag<Destination>
}

/** Matches by the message's headers; the routing key does not matter. AMQP 0-9-1, the headers exchange type. */
export class HeadersTable<Destination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone = false
  readonly #rules = new Map<string, Rule<Destination>>()
  /** Header name, then identity of a condition, to the rules filed there. */
  readonly #files = new Map<ByteString, Map<string, Set<Rule<Destination>>>>()
  /** The rules that want all of no condition. */
  readonly #unconditional = new Set<Rule<Destination>>()

  /** How many rules and files of rules the table holds memory for. */
  get entryCount(): number {
    let count = this.#rules.size + this.#unconditional.size
    for (const byIdentity of this.#files.values()) count += byIdentity.size
    return count
  }

  add(_bindingKey: ByteString, args: FieldTable, destination: Destination): void {
    const identity = argumentIdentity(args)
    let rule = this.#rules.get(identity)
    if (rule === undefined) {
      rule = this.#createRule(identity, args)
      this.#rules.set(identity, rule)
      this.#file(rule)
    }
    rule.destinations.add(destination)
  }

  remove(_bindingKey: ByteString, args: FieldTable, destination: Destination): void {
    const rule = this.#rules.get(argumentIdentity(args))
    if (rule === undefined) return
    rule.destinations.remove(destination)
    if (!rule.destinations.isEmpty) return
    this.#rules.delete(rule.identity)
    this.#unfile(rule)
  }

  match({ properties }: RoutedMessage, visit: (destination: Destination) => void): void {
    const headers = properties?.headers
    for (const rule of this.#unconditional) rule.destinations.visitAll(visit)
    if (headers === undefined || this.#files.size === 0) return
    const seen = new MessageHeaders(headers)
    for (const name of seen.names()) {
      const byIdentity = this.#files.get(name)
      if (byIdentity === undefined) continue
      visitFulfilled(byIdentity.get(ANY_VALUE), seen, visit)
      const identity = seen.identityOf(name)
      if (identity !== undefined) visitFulfilled(byIdentity.get(identity), seen, visit)
    }
  }

  #createRule(identity: string, args: FieldTable): Rule<Destination> {
    const xMatch = xMatchOf(args) ?? 'all'
    const wantsAll = xMatch === 'all' || xMatch === 'all-with-x'
    const conditions = conditionsOf(args, xMatch)
    const filedUnder = wantsAll ? this.#leastCrowded(conditions) : conditions
    return { identity, wantsAll, conditions, filedUnder, destinations: new DestinationBag() }
  }

  /** The condition that the fewest rules are filed under, one on a value if there is any; none of no conditions. */
  #leastCrowded(conditions: readonly Condition[]): readonly Condition[] {
    const onValues = conditions.filter((condition) => condition.identity !== ANY_VALUE)
    const crowd = ({ name, identity }: Condition) => this.#files.get(name)?.get(identity)?.size ?? 0
    const [first, ...others] = onValues.length > 0 ? onValues : conditions
    if (first === undefined) return []
    return [others.reduce((least, other) => (crowd(other) < crowd(least) ? other : least), first)]
  }

  #file(rule: Rule<Destination>): void {
    if (rule.wantsAll && rule.conditions.length === 0) this.#unconditional.add(rule)
    for (const { name, identity } of rule.filedUnder) {
      const byIdentity = this.#files.get(name) ?? new Map<string, Set<Rule<Destination>>>()
      const rules = byIdentity.get(identity) ?? new Set()
      this.#files.set(name, byIdentity.set(identity, rules.add(rule)))
    }
  }

  #unfile(rule: Rule<Destination>): void {
    this.#unconditional.delete(rule)
    for (const { name, identity } of rule.filedUnder) {
      const byIdentity = this.#files.get(name)
      const rules = byIdentity?.get(identity)
      rules?.delete(rule)
      if (rules?.size === 0) byIdentity?.delete(identity)
      if (byIdentity?.size === 0) this.#files.delete(name)
    }
  }
}

/** The `x-match` argument of a binding, `all` when it has none; undefined when RabbitMQ would refuse it. */
export function xMatchOf(args: FieldTable): XMatch | undefined {
  const given = lookup(args, X_MATCH)
  if (given === undefined) return 'all'
  return given.type === 'S' ? X_MATCH_VALUES.find((value) => value === given.value) : undefined
}

function conditionsOf(args: FieldTable, xMatch: XMatch): Condition[] {
  const countsX = xMatch === 'all-with-x' || xMatch === 'any-with-x'
  const conditions: Condition[] = []
  for (const { name, value } of args) {
    if (name === X_MATCH || (!countsX && name.startsWith('x-'))) continue
    conditions.push({ name, identity: value.type === 'V' ? ANY_VALUE : argumentValueIdentity(value) })
  }
  return conditions
}

function visitFulfilled<Destination>(
  rules: ReadonlySet<Rule<Destination>> | undefined,
  headers: MessageHeaders,
  visit: (destination: Destination) => void,
): void {
  if (rules === undefined) return
  for (const rule of rules) {
    if (!rule.wantsAll || headers.fulfil(rule.conditions)) rule.destinations.visitAll(visit)
  }
}

/** The headers of one message by name, the first of each. Identities are made when asked for: `x-death` can be long. */
class MessageHeaders {
  readonly #values = new Map<ByteString, FieldValue>()
  readonly #identities = new Map<ByteString, string>()

  constructor(headers: FieldTable) {
    for (const { name, value } of headers) if (!this.#values.has(name)) this.#values.set(name, value)
  }

  names(): Iterable<ByteString> {
    return this.#values.keys()
  }

  fulfil(conditions: readonly Condition[]): boolean {
    for (const { name, identity } of conditions) {
      if (identity === ANY_VALUE ? !this.#values.has(name) : this.identityOf(name) !== identity) return false
    }
    return true
  }

  identityOf(name: ByteString): string | undefined {
    const known = this.#identities.get(name)
    if (known !== undefined) return known
    const value = this.#values.get(name)
    if (value === undefined) return undefined
    const identity = headerIdentity(value)
    this.#identities.set(name, identity)
    return identity
  }
}

/**
 * RabbitMQ 4 turns the timestamp of a header into milliseconds before it compares, but not that of the binding. So the
 * same timestamp on both sides does not match, and a header of 5 s equals an argument of 5000 of any integer type.
 */
function headerIdentity(value: FieldValue): string {
  return value.type === 'T' ? `i${value.value * 1000n}` : argumentValueIdentity(value)
}

/**
 * A string that two values share exactly when RabbitMQ 4 finds them equal: it compares Erlang terms without the type of
 * the field. Integers of all widths are one kind, and so are floats and doubles, strings and binaries; but values in
 * an array or a table carry their types. An empty array and an empty table are the same empty list.
 */
function argumentValueIdentity(value: FieldValue): string {
  switch (value.type) {
    case 'b':
    case 'B':
    case 's':
    case 'u':
    case 'I':
    case 'i':
    case 'l':
    case 'T':
      return `i${value.value}`
    case 'f':
    case 'd':
      return `f${floatIdentity(value.value)}`
    case 'S':
    case 'x':
      return `s${value.value}`
    case 'A':
    case 'F':
      return value.value.length === 0 ? '[]' : fieldValueIdentity(value)
    case 't':
    case 'D':
    case 'V':
      return fieldValueIdentity(value)
  }
}
