/** Something that falls due, and its place among what falls due at the same time. */
export interface Due {
  readonly dueMs: number
  readonly seq: number
}

/** A binary heap: the entry that falls due first is found at once, and in and out cost the logarithm of the size. */
export class DueHeap<Entry extends Due> {
  readonly #entries: Entry[] = []

  get size(): number {
    return this.#entries.length
  }

  /** The entry that falls due first. */
  get first(): Entry | undefined {
    return this.#entries[0]
  }

  /** The first entry and, as a heap is only roughly in order, mostly those that follow it soon. */
  near(count: number): Entry[] {
    return this.#entries.slice(0, count)
  }

  add(entry: Entry): void {
    const entries = this.#entries
    let at = entries.length
    entries.push(entry)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = entries[above]
      if (parent === undefined || isBefore(parent, entry)) break
      entries[at] = parent
      at = above
    }
    entries[at] = entry
  }

  /** Takes the first entry out. */
  takeFirst(): Entry | undefined {
    const first = this.#entries[0]
    const last = this.#entries.pop()
    if (last !== undefined && this.#entries.length > 0) this.#sink(last)
    return first
  }

  clear(): void {
    this.#entries.length = 0
  }

  /** Puts `entry` in the place of the first one, and down to where it belongs. */
  #sink(entry: Entry): void {
    const entries = this.#entries
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      let child = entries[below]
      const sibling = entries[below + 1]
      if (child !== undefined && sibling !== undefined && isBefore(sibling, child)) {
        child = sibling
        below++
      }
      if (child === undefined || isBefore(entry, child)) break
      entries[at] = child
      at = below
    }
    entries[at] = entry
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.seq < b.seq)
}
