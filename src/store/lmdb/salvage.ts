/**
 * Reads a data file that may be damaged, without LMDB: everything that is intact, and a sentence for everything that is
 * not. What lies on pages that no tree leads to is not looked for: there, removed messages would rise from the dead.
 */

import { isComplete } from './data-file.js'
import { keyText, rangeText } from './key-text.js'
import type { Entry } from './lmdb-file.js'
import { childOf, keyOf, type Meta, NO_PAGE, type NodePage, PageFile } from './page-file.js'

/** A part of the file that cannot be read. */
export interface Damage {
  /** What is lost, for people: completes "cannot be read: …". */
  readonly damage: string
}

/** Trees of LMDB are a few levels deep, except damaged ones. */
const LEVELS_MAX = 32

/** The bounds of what a page may hold; undefined where there is none. */
interface Bounds {
  readonly low: Uint8Array | undefined
  readonly high: Uint8Array | undefined
}

const UNBOUNDED: Bounds = { low: undefined, high: undefined }

/**
 * Every entry that can be reached, in the order of the keys. Values have not been compared with their checksums.
 * @param from leaves out what comes before this key.
 */
export async function* salvage(path: string, from?: Uint8Array): AsyncGenerator<Entry | Damage> {
  const file = await PageFile.open(path)
  if (file === undefined) {
    yield { damage: 'the data file, which is missing' }
    return
  }
  try {
    if (file.size > 0) yield* new Salvage(file, from).run()
  } finally {
    await file.close()
  }
}

class Salvage {
  readonly #file: PageFile
  readonly #from: Uint8Array | undefined
  /** A bit for each page that has been read: no page has two uses. */
  readonly #used: Uint8Array
  #lastKey: Uint8Array | undefined

  constructor(file: PageFile, from: Uint8Array | undefined) {
    this.#file = file
    this.#from = from
    this.#used = new Uint8Array(Math.ceil(file.filePages / 8))
  }

  async *run(): AsyncGenerator<Entry | Damage> {
    const state = await this.#stateToRead()
    if (this.#file.metas.includes(undefined)) yield { damage: 'one of the two headers of the data file' }
    if (state === undefined) {
      yield { damage: 'the data file as a whole, which does not lead to what it holds' }
      return
    }
    if (state !== this.#file.states[0]) yield { damage: 'the last change, so that what was before it is read instead' }
    if (state.freeRoot !== NO_PAGE && !(await isComplete(this.#file, state.freeRoot))) {
      yield { damage: 'the list of free space, which holds no data' }
    }
    if (state.mainRoot !== NO_PAGE) yield* this.#page(state.mainRoot, UNBOUNDED, LEVELS_MAX)
  }

  /** The newest state whose tree has a root. The one before it is whole: its pages are not used again so soon. */
  async #stateToRead(): Promise<Meta | undefined> {
    for (const state of this.#file.states) {
      if (state.mainRoot === NO_PAGE || (await this.#file.nodePage(state.mainRoot)) !== undefined) return state
    }
    return undefined
  }

  async *#page(number: bigint, bounds: Bounds, levels: number): AsyncGenerator<Entry | Damage> {
    const page = levels > 0 && this.#claim(number, 1n) ? await this.#file.nodePage(number) : undefined
    if (page === undefined) yield { damage: rangeText(bounds.low ?? this.#lastKey, bounds.high) }
    else if (page.isBranch) yield* this.#branch(page, bounds, levels)
    else yield* this.#leaf(page, bounds)
  }

  async *#branch(page: NodePage, bounds: Bounds, levels: number): AsyncGenerator<Entry | Damage> {
    const keys = page.nodes.map((node, index) => (index === 0 ? bounds.low : keyOf(page, node)))
    for (const [index, node] of page.nodes.entries()) {
      const child = { low: keys[index], high: keys[index + 1] ?? bounds.high }
      if (child.high !== undefined && this.#isLeftOut(child.high)) continue
      yield* this.#page(childOf(page, node), child, levels - 1)
    }
  }

  async *#leaf(page: NodePage, bounds: Bounds): AsyncGenerator<Entry | Damage> {
    for (const [index, node] of page.nodes.entries()) {
      const key = keyOf(page, node)
      if (key !== undefined && this.#isLeftOut(key)) continue
      const isInOrder = key !== undefined && isBefore(this.#lastKey, key) && isWithin(key, bounds)
      const value = isInOrder
        ? await this.#file.value(page, node, (first, count) => this.#claim(first, count))
        : undefined
      if (key !== undefined && value !== undefined) {
        this.#lastKey = Buffer.from(key)
        yield { key: this.#lastKey, value }
      } else {
        const next = page.nodes[index + 1]
        const nextKey = next === undefined ? bounds.high : keyOf(page, next)
        yield { damage: isInOrder ? keyText(key) : rangeText(this.#lastKey ?? bounds.low, nextKey) }
      }
    }
  }

  #isLeftOut(key: Uint8Array): boolean {
    return this.#from !== undefined && Buffer.compare(key, this.#from) < 0
  }

  #claim(first: bigint, count: bigint): boolean {
    for (let number = first; number < first + count; number++) {
      const index = Number(number >> 3n)
      const bit = 1 << Number(number & 7n)
      const octet = this.#used[index]
      if (octet === undefined || (octet & bit) !== 0) return false
      this.#used[index] = octet | bit
    }
    return true
  }
}

function isBefore(last: Uint8Array | undefined, key: Uint8Array): boolean {
  return last === undefined || Buffer.compare(last, key) < 0
}

function isWithin(key: Uint8Array, { low, high }: Bounds): boolean {
  if (low !== undefined && Buffer.compare(key, low) < 0) return false
  return high === undefined || Buffer.compare(key, high) < 0
}
