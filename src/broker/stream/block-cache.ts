import type { Page, PagePool } from '../page.js'

/** Consecutive messages in memory, laid out as in a page: a page itself, or a record as it was read. */
export interface Block {
  readonly firstSeq: number
  readonly count: number
  readonly bytes: Buffer
  /** offsets[slot] is where a message starts, offsets[slot + 1] where it ends. */
  readonly offsets: Uint32Array
}

interface CachedBlock {
  readonly block: Block
  readonly octets: number
  /** Where the block came from, when that is a page. */
  readonly page: Page | undefined
}

/**
 * The parts of a stream that somebody has read last, so that readers at one place share what was read.
 *
 * Nobody keeps a block: a reader asks for it whenever it begins to deliver, and is done with it before anything else
 * happens. So a block may be forgotten at any time between.
 */
export class BlockCache {
  readonly #pool: PagePool
  /** By first sequence number, the one that was asked for last at the end. */
  readonly #blocks = new Map<number, CachedBlock>()
  #octets = 0

  constructor(pool: PagePool) {
    this.#pool = pool
  }

  get octets(): number {
    return this.#octets
  }

  has(firstSeq: number): boolean {
    return this.#blocks.has(firstSeq)
  }

  get(firstSeq: number): Block | undefined {
    const cached = this.#blocks.get(firstSeq)
    if (!cached) return undefined
    this.#blocks.delete(firstSeq)
    this.#blocks.set(firstSeq, cached)
    return cached.block
  }

  add(block: Block): void {
    this.#add({ block, octets: block.bytes.length, page: undefined })
  }

  /** Takes over a page that nothing will be appended to. */
  addPage(page: Page): void {
    this.#add({ block: page, octets: page.bytes.length, page })
  }

  /** Forgets what was not asked for the longest, as long as there is more than `octetsMax`; what is in `kept` stays. */
  shrink(octetsMax: number, kept?: ReadonlySet<number>): void {
    for (const [firstSeq, cached] of this.#blocks) {
      if (this.#octets <= octetsMax) return
      if (!kept?.has(firstSeq)) this.#forget(firstSeq, cached)
    }
  }

  /** Forgets what lies before `seq`. */
  dropBefore(seq: number): void {
    for (const [firstSeq, cached] of this.#blocks) {
      if (firstSeq < seq) this.#forget(firstSeq, cached)
    }
  }

  clear(): void {
    for (const [firstSeq, cached] of this.#blocks) this.#forget(firstSeq, cached)
  }

  #add(cached: CachedBlock): void {
    const { firstSeq } = cached.block
    const earlier = this.#blocks.get(firstSeq)
    if (earlier) this.#forget(firstSeq, earlier)
    this.#blocks.set(firstSeq, cached)
    this.#octets += cached.octets
  }

  #forget(firstSeq: number, cached: CachedBlock): void {
    this.#blocks.delete(firstSeq)
    this.#octets -= cached.octets
    if (cached.page) this.#pool.giveBack(cached.page)
  }
}
