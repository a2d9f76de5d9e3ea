import { environmentName, OPTION_TABLE, type OptionValue } from '../option-table.js'
import { readSetting, type Settings } from './settings.js'

/** Variables of the process, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface EnvironmentSettings {
  readonly settings: Settings
  readonly configFile: string | undefined
  /** Variables that look like ours and are none. Kubernetes makes such for a service called leveret: so only named. */
  readonly unknown: readonly string[]
}

const PREFIX = 'LEVERET_'
const CONFIG_VARIABLE = 'LEVERET_CONFIG'

/** Reads the `LEVERET_*` variables; an empty one counts as absent. @throws Error with a sentence naming the variable. */
export function readEnvironment(environment: Environment): EnvironmentSettings {
  const settings = new Map<string, OptionValue>()
  const known = new Set([CONFIG_VARIABLE])
  for (const row of OPTION_TABLE) {
    const variable = environmentName(row)
    const text = environment[variable]
    known.add(variable)
    if (text !== undefined && text !== '') settings.set(row.name, readSetting(row, text, variable))
  }
  const unknown = Object.keys(environment).filter((name) => name.startsWith(PREFIX) && !known.has(name))
  return { settings, configFile: environment[CONFIG_VARIABLE] || undefined, unknown }
}
