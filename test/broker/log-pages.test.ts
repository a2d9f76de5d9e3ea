import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LogPages } from '../../src/broker/log-pages.js'
import { Page } from '../../src/broker/page.js'

const newPage = () => new Page(64, 2)

/** What is done to the pages, at a place that is taken modulo how many places there are. */
const step = fc.record({ kind: fc.constantFrom('add', 'insert', 'remove'), place: fc.nat(5) })

/** Does the same to a plain list. */
function apply(pages: LogPages, list: Page[], kind: string, place: number): void {
  const page = newPage()
  if (kind === 'add') {
    pages.addPage(page)
    list.push(page)
  } else if (kind === 'insert') {
    const index = place % (list.length + 1)
    pages.insertPage(index, page)
    list.splice(index, 0, page)
  } else if (list.length > 0) {
    const index = place % list.length
    pages.removePage(index)
    list.splice(index, 1)
  }
}

describe('LogPages', () => {
  it('holds its pages in the order of a plain list', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const pages = new LogPages()
        const list: Page[] = []
        for (const { kind, place } of steps) {
          apply(pages, list, kind, place)
          expect(pages.pageCount).toBe(list.length)
          expect(pages.lastPage).toBe(list.at(-1))
          expect([...pages.pages].every((page, index) => page === list[index])).toBe(true)
          for (let index = 0; index <= list.length; index++) expect(pages.find(index)).toBe(list[index])
          expect(pages.find(-1)).toBeUndefined()
        }
        pages.clear()
        expect(pages.pageCount).toBe(0)
        expect(pages.pages).toEqual([])
      }),
    )
  })

  it('refuses to tell of a page that is not there', () => {
    const pages = new LogPages()
    expect(() => pages.at(0)).toThrow('a queue has no page 0')
    pages.addPage(newPage())
    expect(() => pages.at(1)).toThrow('a queue has no page 1')
  })

  it('has the cursor and the disk run follow a page that is taken out before them', () => {
    const pages = new LogPages()
    for (let i = 0; i < 3; i++) pages.addPage(newPage())
    Object.assign(pages, { diskIndex: 2, cursorPage: 1, cursorSlot: 2 })
    pages.takeOut(0)
    expect([pages.diskIndex, pages.cursorPage, pages.cursorSlot]).toEqual([1, 0, 2])
    pages.takeOut(0)
    expect([pages.diskIndex, pages.cursorPage, pages.cursorSlot]).toEqual([0, 0, 0])
  })
})
