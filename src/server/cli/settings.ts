import { checkOption, type OptionRow, type OptionValue, parseOption, wordsOf } from '../option-table.js'

/** What one source (flags, environment, file) says: values by the name of their option, already checked. */
export type Settings = ReadonlyMap<string, OptionValue>

/**
 * Reads one value of a source.
 * @param raw text, or a list where the source knows lists
 * @param giver how people recognise the source, such as `--port`
 * @throws Error with a sentence that names the value and the giver.
 */
export function readSetting(row: OptionRow, raw: string | readonly string[], giver: string): OptionValue {
  try {
    if (typeof raw === 'string') return parseOption(row, raw)
    if (row.type.kind !== 'list') throw new Error(`${wordsOf(row)} is given ${raw.length} times: once is enough`)
    const items = raw.flatMap((item) => listItems(parseOption(row, item)))
    checkOption(row, items)
    return items
  } catch (error) {
    throw new Error(`${messageOf(error)} (given by ${giver})`)
  }
}

/**
 * Lays sources over each other, the weakest first. A data directory and `memory` replace each other, so that a flag
 * undoes what the environment or a file chose; one source that asks for both is refused.
 */
export function mergeSettings(sources: readonly Settings[]): Settings {
  const merged = new Map<string, OptionValue>()
  for (const source of sources) {
    if (source.get('memory') === true && source.has('dataDirectory')) {
      throw new Error('memory and a data directory exclude each other: leave one of them out')
    }
    if (source.get('memory') === true) merged.delete('dataDirectory')
    if (source.has('dataDirectory')) merged.delete('memory')
    for (const [name, value] of source) merged.set(name, value)
  }
  return merged
}

function listItems(value: OptionValue): readonly string[] {
  return Array.isArray(value) ? value : [String(value)]
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
