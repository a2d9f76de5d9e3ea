import { nearest } from '../nearest.js'
import { OPTION_TABLE, type OptionRow, type OptionValue } from '../option-table.js'
import type { Words } from './parse-words.js'
import { readPlainFlags } from './plain-flags.js'
import { readSetting, type Settings } from './settings.js'

/** What the words after `leveret` ask for. */
export type CommandLine =
  | { readonly ask: 'help'; readonly text: string }
  | { readonly ask: 'version' }
  | { readonly ask: 'start'; readonly settings: Settings; readonly configFile: string | undefined }

const OWN_FLAGS = ['config', 'help', 'version']

/** Flags with a value or none, whatever else there is on the line. */
export const PLAIN_FLAGS: readonly string[] = [...OPTION_TABLE.map((row) => row.flag), 'config']

/**
 * Reads the command line. Which flags exist and which values are right is the option table's to say, so that every
 * source of an option is refused in the same words.
 * @param argv without the program's own path
 * @param columns width of the terminal
 * @throws Error with a sentence that names the flag.
 */
export async function readCommandLine(argv: readonly string[], columns: number): Promise<CommandLine> {
  // Asked for by scripts, and needs no yargs, which takes more time to load than Node itself.
  if (argv.length === 1 && argv[0] === '--version') return { ask: 'version' }
  const plain = readPlainFlags(argv, PLAIN_FLAGS)
  if (plain) return startOf(plain)
  const { parseWords } = await import('./parse-words.js')
  const { words, help } = await parseWords(argv, columns)
  refuseUnknown(words)
  if (words.help === true) return { ask: 'help', text: await help() }
  if (words.version === true) return { ask: 'version' }
  return startOf(words)
}

function startOf(words: Words): CommandLine {
  return { ask: 'start', settings: settingsOf(words), configFile: configFileOf(words) }
}

function refuseUnknown(words: Words): void {
  const known = [...OPTION_TABLE.map((row) => row.flag), ...OWN_FLAGS]
  for (const word of Object.keys(words)) {
    if (['_', '$0', 'h', ...known].includes(word)) continue
    const dashes = word.length === 1 ? '-' : '--'
    throw new Error(
      `unknown flag ${dashes}${word}; the nearest one is --${nearest(word, known)} (leveret --help lists all)`,
    )
  }
  const [stray] = Array.isArray(words._) ? words._ : []
  if (stray !== undefined) throw new Error(`'${stray}' is no flag: leveret takes flags only (leveret --help lists all)`)
}

function settingsOf(words: Words): Settings {
  const settings = new Map<string, OptionValue>()
  for (const row of OPTION_TABLE) {
    const word = words[row.flag]
    if (word === undefined) continue
    const raw = Array.isArray(word) ? word.map(String) : String(word) || valueOfBareFlag(row)
    settings.set(row.name, readSetting(row, raw, `--${row.flag}`))
  }
  return settings
}

function valueOfBareFlag(row: OptionRow): string {
  if (row.type.kind !== 'switch') throw new Error(`--${row.flag} needs a value`)
  return 'true'
}

function configFileOf(words: Words): string | undefined {
  const file = words.config
  if (file === undefined) return undefined
  if (typeof file !== 'string' || file === '') throw new Error('--config needs the path of one file')
  return file
}
