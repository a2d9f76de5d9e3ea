import type { DiskRun } from './disk-run.js'
import type { Page } from './page.js'

/**
 * What a queue log is made of: its pages in memory, the run of messages that are on disk only, and how far it is consumed.
 *
 *     | head pages: being consumed | disk run: a count | last pages: being written |
 *
 * Shared by the parts of a log, each of which keeps the invariants that `queue-log.ts` names.
 */
export class LogPages {
  /** Head pages are those before `diskIndex`, the others are behind the disk run. Without a run there is one group. */
  readonly list: Page[] = []
  disk: DiskRun | undefined
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
  hasDeadlines = false

  /** @param firstSeq the number of the first message. */
  constructor(firstSeq = 0) {
    this.nextSeq = firstSeq
  }

  /** @throws Error when there is no such page, which is a mistake in this program. */
  at(index: number): Page {
    const page = this.list[index]
    if (!page) throw new Error(`a queue has no page ${index}`)
    return page
  }

  /** The index of the page that holds `seq`; the first page is by far the likeliest. */
  indexOf(seq: number): number {
    let low = 0
    let high = this.list.length - 1
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

  /** Takes a page out of the list, and has the cursor and the place of the disk run follow. */
  takeOut(index: number): void {
    this.list.splice(index, 1)
    if (index < this.diskIndex) this.diskIndex--
    if (index < this.cursorPage) this.cursorPage--
    else if (index === this.cursorPage) this.cursorSlot = 0
  }

  /** Forgets everything. */
  clear(): void {
    this.list.length = 0
    this.disk = undefined
    this.readyCount = 0
    this.unackedCount = 0
    this.readyOctets = 0
  }
}
