import type { Page, PagePool } from '../page.js'

/** Consecutive messages in memory: what a reader may see of a page. */
export type Block = Pick<Page, 'firstSeq' | 'count' | 'bytes' | 'offsets'>

/**
 * The parts of a stream that somebody has read last, so that readers at one place share what was read. They lie in pages
 * of the pool, so that a replay of any length goes through the same few pages again and again.
 *
 * Nobody keeps a block: a reader asks for it whenever it begins to deliver, and is done with it before anything else
 * happens. So a block may be forgotten at any time between.
 */
export class BlockCache {
  readonly #pool: PagePool
  /** By first sequence number, the one that was asked for last at the end. */
  readonly #pages = new Map<number, Page>()
  #octets = 0

  constructor(pool: PagePool) {
    this.#pool = pool
  }

  get octets(): number {
    return this.#octets
  }

  has(firstSeq: number): boolean {
    return this.#pages.has(firstSeq)
  }

  get(firstSeq: number): Block | undefined {
    const page = this.#pages.get(firstSeq)
    if (!page) return undefined
    this.#pages.delete(firstSeq)
    this.#pages.set(firstSeq, page)
    return page
  }

  /** Takes over a page that nothing will be appended to. */
  add(page: Page): void {
    const earlier = this.#pages.get(page.firstSeq)
    if (earlier) this.#forget(earlier)
    this.#pages.set(page.firstSeq, page)
    this.#octets += page.bytes.length
  }

  /** Forgets what was not asked for the longest, as long as there is more than `octetsMax`; what is in `kept` stays. */
  shrink(octetsMax: number, kept?: ReadonlySet<number>): void {
    for (const [firstSeq, page] of this.#pages) {
      if (this.#octets <= octetsMax) return
      if (!kept?.has(firstSeq)) this.#forget(page)
    }
  }

  /** Forgets what lies before `seq`. */
  dropBefore(seq: number): void {
    for (const [firstSeq, page] of this.#pages) {
      if (firstSeq < seq) this.#forget(page)
    }
  }

  clear(): void {
    for (const page of this.#pages.values()) this.#forget(page)
  }

  #forget(page: Page): void {
    this.#pages.delete(page.firstSeq)
    this.#octets -= page.bytes.length
    this.#pool.giveBack(page)
  }
}
