import type { DiskRun } from './disk-run.js'
import type { Page } from './page.js'

/** Of a log that has no more than one page. */
const NO_PAGES: readonly Page[] = []

/**
 * What a queue log is made of: its pages in memory, the run of messages that are on disk only, and how far it is consumed.
 *
 *     | head pages: being consumed | disk run: a count | last pages: being written |
 *
 * Shared by the parts of a log, each of which keeps the invariants that `queue-log.ts` names.
 *
 * Most queues have one page or none, and a page comes and goes with each message that is settled before the next. So the
 * first page is a field: an array would be another object, and a new one each time.
 */
export class LogPages {
  #first: Page | undefined
  #others: Page[] | undefined
  disk: DiskRun | undefined
  /** Head pages are those before `diskIndex`, the others are behind the disk run. Without a run there is one group. */
  diskIndex = 0
  /** The page and slot from where to look for the next ready message. */
  cursorPage = 0
  cursorSlot = 0
  /** The sequence number of the next message. */
  nextSeq = 0
  /** Messages, in memory and on disk. */
  readyCount = 0
  unackedCount = 0
  /** Octets of the ready messages that count. */
  readyOctets = 0
  /** Whether there may be messages that expire. */
  mayHaveDeadlines = false

  /** @param firstSeq the number of the first message. */
  constructor(firstSeq = 0) {
    this.nextSeq = firstSeq
  }

  get pageCount(): number {
    if (this.#others !== undefined) return 1 + this.#others.length
    return this.#first === undefined ? 0 : 1
  }

  get lastPage(): Page | undefined {
    return this.#others === undefined ? this.#first : this.#others[this.#others.length - 1]
  }

  /** All of them, as they are now. */
  get pages(): readonly Page[] {
    return this.#first === undefined ? NO_PAGES : [this.#first, ...(this.#others ?? NO_PAGES)]
  }

  /** The page at `index`; undefined when there is none. */
  find(index: number): Page | undefined {
    return index > 0 ? this.#others?.[index - 1] : index === 0 ? this.#first : undefined
  }

  /** @throws Error when there is no such page, which is a mistake in this program. */
  at(index: number): Page {
    const page = this.find(index)
    if (!page) throw new Error(`a queue has no page ${index}`)
    return page
  }

  /** The index of the page that holds `seq`; the first page is by far the likeliest. */
  indexOf(seq: number): number {
    let low = 0
    let high = this.pageCount - 1
    if (high < 0) throw new Error(`message ${seq} is not in the queue`)
    if (seq < this.at(0).nextSeq) return 0
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.at(middle).firstSeq <= seq) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Whether the page at `index` lies before a disk run, so that nothing may be appended to it. */
  isHead(index: number): boolean {
    return this.disk !== undefined && index < this.diskIndex
  }

  /** Puts a page behind all others. */
  addPage(page: Page): void {
    if (this.#first === undefined) this.#first = page
    else if (this.#others === undefined) this.#others = [page]
    else this.#others.push(page)
  }

  /** Puts a page before the one at `index`; cursor and disk run stay where they are. */
  insertPage(index: number, page: Page): void {
    const before = index === 0 ? this.#first : page
    if (index === 0) this.#first = page
    if (before === undefined) return
    this.#others ??= []
    this.#others.splice(Math.max(index - 1, 0), 0, before)
  }

  /** Takes a page out; cursor and disk run stay where they are. */
  removePage(index: number): void {
    if (index > 0) this.#others?.splice(index - 1, 1)
    else this.#first = this.#others?.shift()
    if (this.#others?.length === 0) this.#others = undefined
  }

  /** Takes a page out, and has the cursor and the place of the disk run follow. */
  takeOut(index: number): void {
    this.removePage(index)
    if (index < this.diskIndex) this.diskIndex--
    if (index < this.cursorPage) this.cursorPage--
    else if (index === this.cursorPage) this.cursorSlot = 0
  }

  /** Forgets everything. */
  clear(): void {
    this.#first = undefined
    this.#others = undefined
    this.disk = undefined
    this.readyCount = 0
    this.unackedCount = 0
    this.readyOctets = 0
  }
}
