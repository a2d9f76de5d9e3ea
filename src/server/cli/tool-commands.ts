import type { Options } from 'yargs'
import { nearest } from '../nearest.js'
import type { Environment } from './environment.js'

/** What a tool needs of the process that runs it. */
export interface ToolHost {
  readonly argv: readonly string[]
  readonly environment: Environment
  readonly columns: number
  /** Resolves when somebody asks the process to stop. */
  readonly stopRequested: Promise<void>
  writeOut(text: string): void
}

interface Tool {
  readonly doc: string
  readonly flags: Readonly<Record<string, Options>>
  /** @returns the exit code. */
  run(flag: (name: string) => string, has: (name: string) => boolean, write: (text: string) => void): Promise<number>
}

/** As shells have it for a program that Ctrl+C has ended. */
const INTERRUPTED = 130

const DATA_DIR: Options = {
  type: 'string',
  describe: 'The data directory; without it, the one that LEVERET_DATA_DIR names',
}

/** The tools by the word that asks for them. Each is loaded only when it is asked for. */
const TOOLS: Readonly<Record<string, Tool>> = {
  check: {
    doc: 'Verifies a data directory that no broker uses, names what is damaged, and exits with 1 when something is.',
    flags: {
      'data-dir': DATA_DIR,
      repair: { type: 'boolean', describe: 'Keep what is intact, and put the damaged file aside' },
    },
    run: async (flag, has, write) => {
      const { checkDirectory } = await import('./check-command.js')
      return checkDirectory({ dataDirectory: flag('data-dir'), repair: has('repair') }, write)
    },
  },
  compact: {
    doc: 'Makes the files of a directory that no broker uses small again.',
    flags: { 'data-dir': DATA_DIR },
    run: async (flag, _, write) => (await import('./compact-command.js')).compactDirectory(flag('data-dir'), write),
  },
  backup: {
    doc: 'Copies a data directory, also while a broker uses it.',
    flags: { 'data-dir': DATA_DIR, to: { type: 'string', describe: 'The directory for the copy: missing or empty' } },
    run: async (flag, _, write) => {
      const { backup } = await import('./backup-command.js')
      return backup({ dataDirectory: flag('data-dir'), to: flag('to') }, write)
    },
  },
}

/** For the help of the command. */
export const TOOL_WORDS: readonly string[] = Object.keys(TOOLS)

/**
 * Runs the tool that the command line asks for.
 * @returns the exit code; undefined when the command line asks for none.
 * @throws Error with a sentence for flags that are not right, and what the tool throws.
 */
export async function runTool({
  argv,
  environment,
  columns,
  stopRequested,
  writeOut,
}: ToolHost): Promise<number | undefined> {
  const [word = '', ...rest] = argv
  const tool = Object.hasOwn(TOOLS, word) ? TOOLS[word] : undefined
  if (tool === undefined) return undefined
  const { default: yargs } = await import('yargs')
  const parser = yargs(rest)
    .scriptName('leveret')
    .usage(`Usage: leveret ${word} [flags]\n\n${tool.doc}`)
    .options({ ...tool.flags, help: { type: 'boolean', describe: 'Print this and exit', alias: 'h' } })
    .help(false)
    .version(false)
    .detectLocale(false)
    .exitProcess(false)
    .wrap(columns)
    .parserConfiguration({ 'boolean-negation': false, 'camel-case-expansion': false, 'dot-notation': false })
  const words: Readonly<Record<string, unknown>> = await parser.parse()
  refuseUnknown(word, words, [...Object.keys(tool.flags), 'help'])
  const { help } = words
  if (help === true) {
    writeOut(`${await parser.getHelp()}\n`)
    return 0
  }
  const { LEVERET_DATA_DIR } = environment
  const flag = (name: string) => textOf(name, words[name] ?? (name === 'data-dir' ? LEVERET_DATA_DIR : undefined))
  // Whatever a tool is doing then, the directory is as it was or as it shall be.
  const stopped = stopRequested.then(() => INTERRUPTED)
  return Promise.race([tool.run(flag, (name) => words[name] === true, writeOut), stopped])
}

function refuseUnknown(tool: string, words: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  for (const word of Object.keys(words)) {
    if (['_', '$0', 'h', ...known].includes(word)) continue
    throw new Error(`leveret ${tool} has no flag --${word}; the nearest one is --${nearest(word, known)}`)
  }
  const { _: stray } = words
  if (Array.isArray(stray) && stray.length > 0) throw new Error(`'${stray[0]}' is no flag of leveret ${tool}`)
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new Error(Array.isArray(value) ? `--${name} is given twice: once is enough` : `--${name} needs a directory`)
}
