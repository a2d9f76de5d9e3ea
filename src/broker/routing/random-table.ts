import type { ByteString } from '../../base/byte-string.js'
import type { FieldTable } from '../../protocol/field-table.js'
import type { RoutedMessage, RoutingTable } from './routing-table.js'

/**
 * x-random and x-local-random: any one of the bindings, whatever the keys. A destination that is bound twice comes up
 * twice as often.
 */
export class RandomTable<Destination> implements RoutingTable<Destination> {
  readonly dependsOnKeyAlone = false
  readonly #random: () => number
  /** The destination of each binding. */
  readonly #bound: Destination[] = []
  /** Where each destination stands, so that unbinding one of very many does not search them all. */
  readonly #places = new Map<Destination, Set<number>>()

  /** @param random gives numbers from 0 up to, not including, 1. */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  add(_bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    this.#place(destination, this.#bound.length)
    this.#bound.push(destination)
  }

  remove(_bindingKey: ByteString, _args: FieldTable, destination: Destination): void {
    const places = this.#places.get(destination)
    const [place] = places ?? []
    if (places === undefined || place === undefined) return
    places.delete(place)
    if (places.size === 0) this.#places.delete(destination)
    this.#moveLastTo(place)
  }

  match(_message: RoutedMessage, visit: (destination: Destination) => void): void {
    const destination = this.#bound[Math.floor(this.#random() * this.#bound.length)]
    if (destination !== undefined) visit(destination)
  }

  #moveLastTo(place: number): void {
    const lastPlace = this.#bound.length - 1
    const last = this.#bound.pop()
    if (last === undefined || place === lastPlace) return
    this.#places.get(last)?.delete(lastPlace)
    this.#bound[place] = last
    this.#place(last, place)
  }

  #place(destination: Destination, place: number): void {
    const places = this.#places.get(destination)
    if (places) places.add(place)
    else this.#places.set(destination, new Set([place]))
  }
}
