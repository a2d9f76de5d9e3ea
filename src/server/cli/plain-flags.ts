/**
 * Reads the flags of nearly every start without `yargs`, whose loading costs more than starting Node does (63 ms
 * against 61).
 *
 * What is not plain is left to `yargs`, which alone decides what it means: flags given twice, words that are no flag, help
 * and version, quotes, values that are empty or begin with a dash.
 */

const FLAG = /^--(?<flag>[a-z-]+)(?:=(?<value>.+))?$/s
const QUOTED = /^["']/

/**
 * @param argv without the program's own path
 * @param known the flags that take a value or none, without dashes
 * @returns the values by flag, as `yargs` would have them: empty for a flag without a value. Undefined when it has to look.
 */
export function readPlainFlags(argv: readonly string[], known: readonly string[]): Record<string, string> | undefined {
  const values: Record<string, string> = {}
  for (let at = 0; at < argv.length; at++) {
    const { flag = '', value } = FLAG.exec(argv[at] ?? '')?.groups ?? {}
    if (!known.includes(flag) || Object.hasOwn(values, flag)) return undefined
    const next = argv[at + 1]
    const isBare = value === undefined && (next === undefined || FLAG.test(next))
    const given = isBare ? '' : (value ?? argv[++at] ?? '')
    if (!isBare && !isPlain(given)) return undefined
    values[flag] = given
  }
  return values
}

function isPlain(value: string): boolean {
  return value !== '' && !value.startsWith('-') && !QUOTED.test(value)
}
