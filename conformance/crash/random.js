/** Random choices that a seed repeats. */
export class Random {
  #state

  /** @param {number} seed any integer. */
  constructor(seed) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
  }

  /** A generator of its own, which does not disturb this one however often it is asked. */
  fork() {
    return new Random(this.integer(0x100000000))
  }

  /** A number in [0, 1): the generator "mulberry32". */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000
  }

  /** An integer in [0, limit). */
  integer(limit) {
    return Math.floor(this.fraction() * limit)
  }

  /** An integer in [from, to]. */
  between(from, to) {
    return from + this.integer(to - from + 1)
  }

  chance(probability) {
    return this.fraction() < probability
  }

  pick(list) {
    return list[this.integer(list.length)]
  }

  /** @param {Record<string, number>} weights @returns one of the names, as likely as its weight says. */
  weighted(weights) {
    const entries = Object.entries(weights)
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [name, weight] of entries) {
      left -= weight
      if (left < 0) return name
    }
    return entries[0][0]
  }
}
