import type { ByteString } from '../base/byte-string.js'
import type { FieldTable } from '../protocol/field-table.js'
import { argumentIdentity } from './routing/argument-identity.js'

/** What makes a binding of an exchange the one that it is. */
interface Indexed {
  readonly destination: object
  readonly key: ByteString
  readonly arguments: FieldTable
}

/** Bindings of the same key and destination, by their arguments. */
type ByArguments<Binding> = Binding | Map<string, Binding>
/** Bindings of the same key. */
type ByDestination<Binding> = Binding | Map<object, ByArguments<Binding>>

/**
 * The bindings that start from one exchange, each found by what makes it one: key, destination, arguments.
 *
 * Three levels of maps, of which those with a single binding are that binding: a million bindings with keys of their own
 * need no text that names each of them, and no maps.
 */
export class BindingIndex<Binding extends Indexed> {
  readonly #byKey = new Map<ByteString, ByDestination<Binding>>()

  get isEmpty(): boolean {
    return this.#byKey.size === 0
  }

  *values(): Generator<Binding> {
    for (const sameKey of this.#byKey.values()) {
      if (!(sameKey instanceof Map)) yield sameKey
      else {
        for (const sameEnds of sameKey.values()) {
          if (sameEnds instanceof Map) yield* sameEnds.values()
          else yield sameEnds
        }
      }
    }
  }

  find(destination: object, key: ByteString, args: FieldTable): Binding | undefined {
    const sameKey = this.#byKey.get(key)
    const sameEnds = sameKey instanceof Map ? sameKey.get(destination) : sameKey
    if (sameEnds instanceof Map) return sameEnds.get(argumentIdentity(args))
    if (sameEnds?.destination !== destination) return undefined
    return argumentIdentity(sameEnds.arguments) === argumentIdentity(args) ? sameEnds : undefined
  }

  /** Adds a binding that is not there. */
  add(binding: Binding): void {
    const { key, destination } = binding
    const sameKey = this.#byKey.get(key)
    if (sameKey === undefined) this.#byKey.set(key, binding)
    else if (sameKey instanceof Map) sameKey.set(destination, withBinding(sameKey.get(destination), binding))
    else if (sameKey.destination === destination) {
      this.#byKey.set(key, new Map([[destination, withBinding(sameKey, binding)]]))
    } else {
      const both: [object, ByArguments<Binding>][] = [
        [sameKey.destination, sameKey],
        [destination, binding],
      ]
      this.#byKey.set(key, new Map(both))
    }
  }

  /** Takes out a binding that is there. */
  delete({ key, destination, arguments: args }: Binding): void {
    const sameKey = this.#byKey.get(key)
    if (!(sameKey instanceof Map)) {
      this.#byKey.delete(key)
      return
    }
    const sameEnds = sameKey.get(destination)
    if (sameEnds instanceof Map) sameEnds.delete(argumentIdentity(args))
    if (!(sameEnds instanceof Map) || sameEnds.size === 0) sameKey.delete(destination)
    if (sameKey.size === 0) this.#byKey.delete(key)
  }
}

function withBinding<Binding extends Indexed>(
  sameEnds: ByArguments<Binding> | undefined,
  binding: Binding,
): ByArguments<Binding> {
  if (sameEnds === undefined) return binding
  if (!(sameEnds instanceof Map))
    return new Map([sameEnds, binding].map((each) => [argumentIdentity(each.arguments), each]))
  return sameEnds.set(argumentIdentity(binding.arguments), binding)
}
