import { JOURNAL_LIMITS, type JournalLimits, makeJournal } from '../../src/store/lmdb/journal.js'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'

/** A data directory that has its journal from the start, which others get after some commits. */
export async function makeJournaledDirectory(directory: string, limits: JournalLimits = JOURNAL_LIMITS): Promise<void> {
  await (await openLmdbStore({ directory })).close()
  await makeJournal(directory, limits)
}
