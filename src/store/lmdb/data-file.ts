import { StoreOpenError } from '../store-open-error.js'
import { childOf, HAS_KNOWN_LAYOUT, NO_PAGE, PageFile } from './page-file.js'

/** Trees of LMDB are a few levels deep, except damaged ones. */
const LEVELS_MAX = 32

/**
 * A look at LMDB's file before LMDB gets it: that it is LMDB's, and that none of the pages in use is missing. Reading a page
 * beyond the end of a truncated file would kill the process. A missing or empty file is fine. Where the layout of the file
 * is not known, on 32-bit and big-endian machines, nothing is checked.
 * @throws StoreOpenError
 */
export async function checkDataFile(path: string): Promise<void> {
  if (!HAS_KNOWN_LAYOUT) return
  const file = await PageFile.open(path)
  if (file === undefined) return
  try {
    await check(path, file)
  } finally {
    await file.close()
  }
}

async function check(path: string, file: PageFile): Promise<void> {
  if (file.size === 0) return
  const [first, second] = file.metas
  if (!first || !second) throw damaged(path, 'it does not begin as a data file does')
  const meta = second.transaction > first.transaction ? second : first
  // The last pages may be missing from the file when none of them is in use, which takes a look at every page.
  const isWhole = file.filePages > meta.lastPage
  for (const root of [meta.freeRoot, meta.mainRoot]) {
    if (root === NO_PAGE) continue
    const found = isWhole ? (await file.nodePage(root)) !== undefined : await isComplete(file, root)
    if (!found) throw damaged(path, `it has ${file.size} octets, and a page in use is not in it`)
  }
}

/** Whether a page, and all below it, are in the file. */
export async function isComplete(file: PageFile, number: bigint, levels = LEVELS_MAX): Promise<boolean> {
  const page = await file.nodePage(number)
  if (page === undefined || levels === 0) return false
  for (const node of page.nodes) {
    const found = page.isBranch ? await isComplete(file, childOf(page, node), levels - 1) : file.holdsValue(page, node)
    if (!found) return false
  }
  return true
}

function damaged(path: string, what: string): StoreOpenError {
  return new StoreOpenError(
    `the data file ${path} is damaged, as ${what}: see what is left of it with leveret check --data-dir, restore it from a backup, or choose another directory with --data-dir`,
  )
}
