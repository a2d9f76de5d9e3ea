/** Splits the command line and writes its help with `yargs`, which is loaded only where it is needed. */

import yargs, { type Options } from 'yargs'
import { OPTION_TABLE, type OptionRow, shownDefault } from '../option-table.js'
import { TOOL_WORDS } from './tool-commands.js'

/** What is made of the words: the values of flags by name, and in `_` what belongs to no flag. */
export interface Words {
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

/** @returns the words by flag, and the text of the help. */
export async function parseWords(
  argv: readonly string[],
  columns: number,
): Promise<{ words: Words; help: () => Promise<string> }> {
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
  return { words, help: async () => withoutTypes(await parser.getHelp()) }
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
