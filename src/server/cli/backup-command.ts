import { backupDirectory } from '../../store/lmdb/backup-directory.js'
import { sizeText } from './compact-command.js'

export interface BackupRequest {
  readonly dataDirectory: string
  readonly to: string
}

/**
 * Copies a data directory, whether a broker uses it or not, and prints how large the copy is.
 * @throws StoreOpenError when there is nothing to copy, the target has something in it, or the copy fails.
 */
export async function backup({ dataDirectory, to }: BackupRequest, write: (text: string) => void): Promise<number> {
  const octets = await backupDirectory(dataDirectory, to)
  write(`${to} is a copy of ${dataDirectory}: ${sizeText(octets)}\n`)
  return 0
}
