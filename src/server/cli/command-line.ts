import type { Options } from 'yargs'
import { nearest } from '../nearest.js'
import { OPTION_TABLE, type OptionRow, type OptionValue, shownDefault } from '../option-table.js'
import { readSetting, type Settings } from './settings.js'
import { TOOL_WORDS } from './tool-commands.js'

/** What the words after `leveret` ask for. */
export type CommandLine =
  | { readonly ask: 'help'; readonly text: string }
  | { readonly ask: 'version' }
  | { readonly ask: 'start'; readonly settings: Settings; readonly configFile: string | undefined }

/** What `yargs` makes of the words: the values of flags by name, and in `_` what belongs to no flag. */
interface Words {
  readonly [flag: string]: unknown
  readonly _?: unknown
  readonly config?: unknown
  readonly help?: unknown
  readonly version?: unknown
}

const USAGE = `Usage: leveret [flags]
       leveret ${TOOL_WORDS.join('|')} [flags]

Serves AMQP 0-9-1 in the foreground until SIGTERM or SIGINT, or looks after a data directory (see leveret check --help).`

const HELP_WIDTH_MAX = 120
const OWN_FLAGS = ['config', 'help', 'version']

/**
 * Reads the command line. `yargs` splits it and writes the help; which flags exist and which values are right is the
 * option table's to say, so that every source of an option is refused in the same words.
 * @param argv without the program's own path
 * @param columns width of the terminal
 * @throws Error with a sentence that names the flag.
 */
export async function readCommandLine(argv: readonly string[], columns: number): Promise<CommandLine> {
  // Most starts have no flag at all, and loading yargs costs as much as starting Node does (55 ms each).
  if (argv.length === 0) return { ask: 'start', settings: new Map(), configFile: undefined }
  const { default: yargs } = await import('yargs')
  const parser = yargs([...argv])
    .scriptName('leveret')
    .usage(USAGE)
    .epilogue('Each flag has an environment variable, LEVERET_ and its name: --data-dir is LEVERET_DATA_DIR.')
    .help(false)
    .version(false)
    .detectLocale(false)
    .options(flags())
    .exitProcess(false)
    .wrap(Math.min(HELP_WIDTH_MAX, columns))
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'populate--': false,
    })
  const words: Words = await parser.parse()
  refuseUnknown(words)
  if (words.help === true) return { ask: 'help', text: withoutTypes(await parser.getHelp()) }
  if (words.version === true) return { ask: 'version' }
  return { ask: 'start', settings: settingsOf(words), configFile: configFileOf(words) }
}

function flags(): Record<string, Options> {
  const own: Record<string, Options> = {
    config: { type: 'string', describe: 'File of settings: lines as in rabbitmq.conf, or JSON with the same names' },
    version: { type: 'boolean', describe: 'Print the version and exit' },
    help: { type: 'boolean', describe: 'Print this and exit', alias: 'h' },
  }
  return { ...Object.fromEntries(OPTION_TABLE.map((row) => [row.flag, flagOf(row)])), ...own }
}

/**
 * To `yargs` every value is text, switches too: it would take `--memory=on` for false. The option table reads the text,
 * and a switch without a value is true.
 */
function flagOf(row: OptionRow): Options {
  const choices = row.type.kind === 'choice' ? ` (${row.type.choices.join(', ')})` : ''
  return {
    type: 'string',
    describe: `${row.doc}${choices}`,
    defaultDescription: shownDefault(row),
  }
}

/** The types that `yargs` appends tell nothing here; blanks of the same width keep its columns. */
function withoutTypes(help: string): string {
  return help.replaceAll(/\[(?:string|boolean)\]/g, (type) => ' '.repeat(type.length)).replaceAll(/ +$/gm, '')
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
