import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { COMMAND_LINE_ONLY, DEFAULTS } from '../option-table.js'
import type { BrokerOptions } from '../options.js'
import { readConfigFile } from './config-file.js'
import { defaultDataDirectory } from './data-directory.js'
import { type Environment, readEnvironment } from './environment.js'
import { mergeSettings, type Settings } from './settings.js'

/** What a start needs to know, gathered from flags, environment and configuration file. */
export interface StartPlan {
  /** Everything but the log. */
  readonly broker: BrokerOptions
  readonly logLevel: string
  readonly logFormat: string
  /** Sentences to log once there is a log. */
  readonly warnings: readonly string[]
}

export interface StartSources {
  /** What the flags say. */
  readonly settings: Settings
  /** The path of `--config`. */
  readonly configFile: string | undefined
  readonly environment: Environment
  /** As `process.platform` has it. */
  readonly platform: string
  readonly homeDirectory: string
}

/** A flag wins over an environment variable, that over the file, that over the default. @throws Error with a sentence. */
export async function planStart(sources: StartSources): Promise<StartPlan> {
  const environment = readEnvironment(sources.environment)
  const configFile = sources.configFile ?? environment.configFile
  const file = configFile === undefined ? new Map() : await loadConfigFile(configFile, sources.environment)
  const settings = mergeSettings([file, environment.settings, sources.settings])
  return {
    broker: brokerOptions(settings, sources),
    logLevel: String(settings.get('logLevel') ?? DEFAULTS.logLevel),
    logFormat: String(settings.get('logFormat') ?? DEFAULTS.logFormat),
    warnings: environment.unknown.map(
      (name) => `environment variable ${name} is not one of Leveret's and has no effect`,
    ),
  }
}

function brokerOptions(settings: Settings, { environment, platform, homeDirectory }: StartSources): BrokerOptions {
  const values = Object.fromEntries([...settings].filter(([name]) => !COMMAND_LINE_ONLY.includes(name)))
  // Sound because each value has been checked by the row of its option, and rows are named after fields.
  const options: BrokerOptions = { port: DEFAULTS.port, ...(values as BrokerOptions) }
  if (settings.get('memory') === true) return options
  const directory = options.dataDirectory ?? defaultDataDirectory(platform, environment, homeDirectory)
  return { ...options, dataDirectory: resolve(directory) }
}

async function loadConfigFile(path: string, environment: Environment): Promise<Settings> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    throw new Error(`the configuration file ${path} cannot be read: name one that exists with --config`)
  }
  return readConfigFile(text, path, environment)
}
