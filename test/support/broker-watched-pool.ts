import { type Page, PagePool } from '../../src/broker/page.js'

/**
 * A page pool that notices a page handed out twice or given back twice, and spoils what is given back, so that a page
 * used after that shows.
 */
export class WatchedPool extends PagePool {
  readonly inUse = new Set<Page>()
  /** Pages handed out so far, anew or again. */
  takenCount = 0

  override take(size: number, octets: number, firstSeq: number): Page {
    const page = super.take(size, octets, firstSeq)
    if (this.inUse.has(page)) throw new Error('the pool handed out a page in use')
    if (page.bytes.length < octets) throw new Error(`the pool handed out ${page.bytes.length} octets for ${octets}`)
    this.inUse.add(page)
    this.takenCount++
    return page
  }

  override giveBack(page: Page): void {
    if (!this.inUse.delete(page)) throw new Error('a page was given back that is not in use')
    page.bytes.fill(0xee)
    page.states.fill(0xee)
    super.giveBack(page)
  }
}
