/** Above this many bindings a search through the list costs more than the memory of a map. */
const LIST_MAX = 16

/**
 * The destinations of the bindings that match alike, each held as often as it was added.
 *
 * Most bags hold one or two destinations and there may be a hundred thousand bags, so a bag is a plain list until it
 * grows; then it counts in a map, so that unbinding one of very many queues does not search them all.
 */
export class DestinationBag<Destination> {
  #list: Destination[] = []
  #counts: Map<Destination, number> | undefined

  get isEmpty(): boolean {
    return this.#list.length === 0 && this.#counts === undefined
  }

  add(destination: Destination): void {
    if (this.#counts === undefined && this.#list.length < LIST_MAX) {
      this.#list.push(destination)
      return
    }
    this.#counts ??= this.#countList()
    increment(this.#counts, destination)
  }

  /** Takes back one `add` of `destination`; without one, nothing changes. */
  remove(destination: Destination): void {
    if (this.#counts === undefined) {
      const place = this.#list.indexOf(destination)
      if (place !== -1) this.#list.splice(place, 1)
      return
    }
    const count = this.#counts.get(destination)
    if (count === undefined) return
    if (count > 1) this.#counts.set(destination, count - 1)
    else this.#counts.delete(destination)
    if (this.#counts.size === 0) this.#counts = undefined
  }

  /** Calls `visit` for each destination, at least once and at most as often as it was added, oldest first. */
  visitAll(visit: (destination: Destination) => void): void {
    if (this.#counts === undefined) for (const destination of this.#list) visit(destination)
    else for (const destination of this.#counts.keys()) visit(destination)
  }

  #countList(): Map<Destination, number> {
    const counts = new Map<Destination, number>()
    for (const destination of this.#list) increment(counts, destination)
    this.#list = []
    return counts
  }
}

function increment<Destination>(counts: Map<Destination, number>, destination: Destination): void {
  counts.set(destination, (counts.get(destination) ?? 0) + 1)
}

/**
 * The destinations of bindings that match alike where there is mostly one: it is held as it is, and a bag is made for the
 * second. A million bindings with keys of their own would have a million bags.
 */
export type Held<Destination> = Destination | DestinationBag<Destination>

/** @returns what is held with one `destination` more. */
export function holdingAlso<Destination>(
  held: Held<Destination> | undefined,
  destination: Destination,
): Held<Destination> {
  if (held === undefined) return destination
  if (held instanceof DestinationBag) {
    held.add(destination)
    return held
  }
  const bag = new DestinationBag<Destination>()
  bag.add(held)
  bag.add(destination)
  return bag
}

/** @returns what is held without one `destination`; undefined when that is nothing. */
export function holdingNoMore<Destination>(
  held: Held<Destination> | undefined,
  destination: Destination,
): Held<Destination> | undefined {
  if (!(held instanceof DestinationBag)) return held === destination ? undefined : held
  held.remove(destination)
  return held.isEmpty ? undefined : held
}

/** Calls `visit` for each destination that is held, as a bag does. */
export function visitHeld<Destination>(
  held: Held<Destination> | undefined,
  visit: (destination: Destination) => void,
): void {
  if (held instanceof DestinationBag) held.visitAll(visit)
  else if (held !== undefined) visit(held)
}
