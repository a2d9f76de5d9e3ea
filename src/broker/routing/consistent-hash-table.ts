import type { ByteString } from '../../base/byte-string.js'
import { type FieldTable, type FieldValue, integerOf, lookup } from '../../protocol/field-table.js'
import { fieldValueIdentity } from './argument-identity.js'
import { hashOf, jumpHash } from './jump-hash.js'
import type { RoutedMessage, RoutedProperties, RoutingTable } from './routing-table.js'

/** The properties that `hash-property` may name. */
export const HASHED_PROPERTIES = ['correlation_id', 'message_id', 'timestamp'] as const

/** More buckets than this are not told apart: below 4.3 RabbitMQ sets no limit to a weight. */
const WEIGHT_MAX = 0x7fffffff

/** Stands for a value that a message does not have: all such messages go to one destination. */
const NOTHING = ''

/** What of a message is hashed: its first routing key unless there is a `read`. */
interface HashInput {
  readonly read: ((properties: RoutedProperties) => string | undefined) | undefined
}

/**
 * x-consistent-hash: each message goes to one destination, chosen by a hash of its routing key, a header or a property.
 *
 *     weights 2, 3, 1     buckets  | 0 1 | 2 3 4 | 5 |      destinations in the order in which they were first bound
 *
 * As in RabbitMQ a destination has the buckets of its first binding: a further one of the same destination changes
 * nothing, and removing any of them takes all its buckets out, whose successors move down. The order is that of the
 * bindings, which a restart keeps: only a destination that was left without buckets in this way has them again then.
 */
export class ConsistentHashTable<Destination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone: boolean
  readonly #input: HashInput
  readonly #destinations: Destination[] = []
  readonly #weights = new Map<Destination, number>()
  /** `#ends[i]` is the first bucket behind those of `#destinations[i]`. */
  #ends: number[] = []

  /** @param args of the exchange. */
  constructor(args: FieldTable) {
    this.#input = hashInputOf(args)
    this.dependsOnKeyAlone = this.#input.read === undefined
  }

  /** How many buckets there are. */
  get bucketCount(): number {
    return this.#ends.at(-1) ?? 0
  }

  add(bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    if (this.#weights.has(destination)) return
    const weight = Math.min(Number(bindingKey), WEIGHT_MAX)
    this.#weights.set(destination, weight)
    this.#destinations.push(destination)
    this.#ends.push(this.bucketCount + weight)
  }

  remove(_bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    if (!this.#weights.delete(destination)) return
    this.#destinations.splice(this.#destinations.indexOf(destination), 1)
    let end = 0
    this.#ends = this.#destinations.map((left) => {
      end += this.#weights.get(left) ?? 0
      return end
    })
  }

  match({ routingKeys, properties }: RoutedMessage, visit: (destination: Destination) => void): void {
    const { read } = this.#input
    const input = read ? ((properties && read(properties)) ?? NOTHING) : (routingKeys[0] ?? '')
    const destination = this.#destinations[this.#indexOf(jumpHash(hashOf(input), this.bucketCount))]
    if (destination !== undefined) visit(destination)
  }

  /** The index of the destination that has `bucket`. */
  #indexOf(bucket: number): number {
    let low = 0
    let high = this.#ends.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#ends[middle] ?? 0) > bucket) high = middle
      else low = middle + 1
    }
    return low
  }
}

function hashInputOf(args: FieldTable): HashInput {
  const header = lookup(args, 'hash-header')
  if (header) return { read: ({ headers }) => headerInput(header, headers) }
  const property = lookup(args, 'hash-property')
  return { read: property && ((properties) => propertyInput(property, properties)) }
}

/** A header name that is no string names no header. */
function headerInput(name: FieldValue, headers: FieldTable | undefined): string | undefined {
  const value = name.type === 'S' && headers ? lookup(headers, name.value) : undefined
  return value && valueInput(value)
}

/** Integers of all types are alike, and an array counts as its first element. */
function valueInput(value: FieldValue): string | undefined {
  if (value.type === 'A') return value.value[0] && valueInput(value.value[0])
  const integer = integerOf(value)
  return integer === undefined ? fieldValueIdentity(value) : `${integer}`
}

function propertyInput(name: FieldValue, properties: RoutedProperties): string | undefined {
  switch (name.type === 'S' ? name.value : '') {
    case 'correlation_id':
      return properties.correlationId
    case 'message_id':
      return properties.messageId
    case 'timestamp':
      return properties.timestamp?.toString()
    default:
      return undefined
  }
}
