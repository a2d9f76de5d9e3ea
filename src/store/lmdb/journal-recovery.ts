import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import type { Log } from '../../base/log.js'
import { Batch } from '../batch.js'
import { StoreOpenError } from '../store-open-error.js'
import type { BatchStore } from './batch-store.js'
import { BLOCK_OCTETS, decodeEntry, type JournalEntry, peekHeader } from './journal-entry.js'
import { readJournalFile } from './journal-file.js'
import type { JournalMark } from './keys.js'

/** The two files of a journal. Epochs take turns. */
export const JOURNAL_FILES = ['journal-0', 'journal-1'] as const

/** One past the greatest store id. */
const STORE_ID_END = 2 ** 48 - 1

/** What a journal holds that the data file does not. */
export interface JournalContent {
  /** All of it in one; empty when there is nothing. */
  readonly batch: Batch
  /** How many commits that were. */
  readonly commits: number
  /** The mark of a data file that holds all of it. */
  readonly mark: JournalMark
  /** Commits behind a damaged place, which cannot be applied as the ones before them are missing. */
  readonly unusable: number
}

/**
 * Reads what a journal holds beyond the state of a data file. An entry that was being written when the process or the
 * machine stopped was promised to nobody, and counts as never written.
 * @param mark what the data file says that it holds.
 */
export async function readJournal(directory: string, mark: JournalMark): Promise<JournalContent> {
  const content = { batch: new Batch(), commits: 0, mark, unusable: 0 }
  // Of the epoch after the one that the data file has, and of the next, which began while that was being applied.
  for (let epoch = mark.epoch + 1; epoch <= mark.epoch + 2; epoch++) {
    const path = join(directory, journalFileOf(epoch))
    const head = peekHeader(await readJournalFile(path, true))
    if (head?.storeId !== mark.storeId || head.epoch !== epoch) continue
    readEpoch(await readJournalFile(path), epoch, content)
  }
  return content
}

/**
 * Applies to the data file what the journal holds beyond it.
 * @returns the mark of the data file from then on: nothing of the journal counts any more.
 * @throws StoreOpenError when something in the journal is damaged, and something intact lies behind.
 */
export async function recoverJournal(directory: string, data: BatchStore, log: Log): Promise<JournalMark> {
  const known = await data.journalMark()
  if (known === undefined) return beginJournal(data, 0)
  const { batch, commits, mark, unusable } = await readJournal(directory, known)
  if (unusable > 0) {
    throw new StoreOpenError(
      `the journal in ${directory} is damaged behind ${commits} commits, and ${unusable} later ones are intact: leveret check --data-dir --repair drops those, or restore the directory from a backup`,
    )
  }
  if (commits > 0) {
    await data.write(batch, mark)
    log.info({ directory, commits }, 'applied what the journal held')
    return mark
  }
  if (!(await isAhead(directory, known))) return known
  log.warn({ directory }, 'the journal is of a later state than the data file, and of no use')
  return beginJournal(data, known.epoch)
}

/** From here on no entry that was written before counts. */
async function beginJournal(data: BatchStore, epoch: number): Promise<JournalMark> {
  const mark = { storeId: randomInt(1, STORE_ID_END), epoch, checksum: 0 }
  await data.write(new Batch(), mark)
  return mark
}

/** Whether the data file was replaced by an older one, whose epochs will have the numbers of those in the journal. */
async function isAhead(directory: string, mark: JournalMark): Promise<boolean> {
  for (const name of JOURNAL_FILES) {
    const head = peekHeader(await readJournalFile(join(directory, name), true))
    if (head?.storeId === mark.storeId && head.epoch > mark.epoch) return true
  }
  return false
}

/** The name of the file that an epoch is written to. */
export function journalFileOf(epoch: number): string {
  return JOURNAL_FILES[epoch % 2 === 0 ? 0 : 1]
}

type Reading = { -readonly [Key in keyof JournalContent]: JournalContent[Key] }

function readEpoch(bytes: Buffer, epoch: number, content: Reading): void {
  let at = 0
  for (let index = 0; at < bytes.length; index++) {
    const entry = entryOf(bytes.subarray(at), epoch, content.mark.storeId)
    const follows = entry?.index === index && entry.before === content.mark.checksum && content.unusable === 0
    if (!entry || !follows) break
    content.batch.absorb(entry.batch)
    content.commits++
    content.mark = { ...content.mark, epoch, checksum: entry.checksum }
    at += entry.span
  }
  content.unusable += entriesBehind(bytes, at, epoch, content.mark.storeId)
}

/** How many intact entries there are from some place on, where there should be none. */
function entriesBehind(bytes: Buffer, from: number, epoch: number, storeId: number): number {
  let count = 0
  for (let at = from; at < bytes.length; at += BLOCK_OCTETS) {
    if (entryOf(bytes.subarray(at), epoch, storeId)) count++
  }
  return count
}

function entryOf(bytes: Buffer, epoch: number, storeId: number): JournalEntry | undefined {
  const head = peekHeader(bytes)
  return head?.epoch === epoch && head.storeId === storeId ? decodeEntry(bytes) : undefined
}
