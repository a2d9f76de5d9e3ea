import { OfflineDirectory } from '../../store/lmdb/offline-directory.js'
import { ContentCheck } from './check-content.js'

/** How many sentences about what is wrong are printed before the rest is only counted. */
const SHOWN_MAX = 1000

type Journal = Awaited<ReturnType<OfflineDirectory['journal']>>

export interface CheckRequest {
  readonly dataDirectory: string
  /** Whether to save what can be saved when something is damaged. */
  readonly repair: boolean
}

/**
 * Looks at everything in a data directory that no broker uses, and prints what is wrong with it, a line each.
 * @returns the exit code: 0 when everything is intact or has been repaired, 1 when something is damaged.
 * @throws StoreOpenError when the directory is none, or in use.
 */
export async function checkDirectory(request: CheckRequest, write: (text: string) => void): Promise<number> {
  const directory = await OfflineDirectory.open(request.dataDirectory)
  try {
    const content = new ContentCheck()
    const journal = await directory.journal()
    const wrong = await printWrong(directory, content, journal, write)
    if (wrong === 0) {
      write(`${directory.path} is intact: ${content.summary}${journalText(journal)}\n`)
      return 0
    }
    write(`${directory.path} is damaged in ${wrong} ${wrong === 1 ? 'place' : 'places'}. Intact: ${content.summary}\n`)
    if (request.repair) return await repair(directory, content, write)
    write('leveret check --repair keeps what is intact, and puts the damaged file aside\n')
    return 1
  } finally {
    await directory.close()
  }
}

async function printWrong(
  directory: OfflineDirectory,
  content: ContentCheck,
  journal: Journal,
  write: (text: string) => void,
): Promise<number> {
  let wrong = 0
  const print = (sentences: readonly string[]) => {
    for (const sentence of sentences) if (++wrong <= SHOWN_MAX) write(`${sentence}\n`)
  }
  for await (const finding of directory.examine()) print(content.add(finding))
  print(content.finish())
  const { commits = 0, unusable = 0, damages = [] } = journal ?? {}
  for (const { damage } of damages) print([`cannot be read: ${damage}`])
  if (unusable > 0) print([`cannot be read: a commit in the journal, behind ${commits} and before ${unusable} others`])
  if (wrong > SHOWN_MAX) write(`... and ${wrong - SHOWN_MAX} more\n`)
  return wrong
}

/** What waits in the journal of a broker that was not stopped. */
function journalText(journal: Journal): string {
  const { commits = 0 } = journal ?? {}
  if (commits === 0) return ''
  return `. ${commits === 1 ? 'A commit' : `${commits} commits`} in the journal will be added at the next start`
}

async function repair(
  directory: OfflineDirectory,
  content: ContentCheck,
  write: (text: string) => void,
): Promise<number> {
  if (!content.hasAny) {
    write('nothing can be saved, and nothing was changed: restore the directory from a backup\n')
    return 1
  }
  const { dataFile, recordFolder } = await directory.repair((item) => content.usablePart(item))
  write(`repaired: what is named above is lost, and the rest is kept. The damaged file is now ${dataFile}\n`)
  if (recordFolder !== undefined) {
    write(
      `${recordFolder} keeps the record files that it refers to, and their room on the disk, until you remove both\n`,
    )
  }
  return 0
}
