import type { Log } from '../../base/log.js'
import { VERSION } from '../../base/version.js'
import type { LogChoice } from '../logging.js'
import type { BrokerOptions } from '../options.js'
import type { RunningBroker } from '../start-broker.js'
import { readCommandLine } from './command-line.js'
import type { Environment } from './environment.js'
import { explainFailure } from './explain-failure.js'
import { planStart, type StartPlan } from './plan-start.js'
import { startUpText } from './start-up-text.js'
import { runTool } from './tool-commands.js'

/** What the command needs of the process that runs it. */
export interface CommandHost {
  /** The words after the program's name. */
  readonly argv: readonly string[]
  readonly environment: Environment
  /** As `process.platform` has it. */
  readonly platform: string
  readonly homeDirectory: string
  /** Width of the terminal. */
  readonly columns: number
  /** Whether the log may use colours. */
  readonly colours: boolean
  writeOut(text: string): void
  writeError(text: string): void
  /** Resolves when somebody asks the process to stop, politely and for the first time. */
  readonly stopRequested: Promise<void>
  createLog(choice: LogChoice): Promise<Log>
  startBroker(options: BrokerOptions): Promise<Omit<RunningBroker, 'admin'>>
}

/**
 * Runs `leveret` until it is asked to stop, or one of its tools.
 * @returns the exit code: 0, 1 after one sentence on standard error, or that of the tool.
 */
export async function runCommand(host: CommandHost): Promise<number> {
  let plan: StartPlan | undefined
  try {
    const toolExit = await runTool(host)
    if (toolExit !== undefined) return toolExit
    const { argv, environment, platform, homeDirectory } = host
    const command = await readCommandLine(argv, host.columns)
    if (command.ask === 'start') {
      plan = await planStart({ ...command, environment, platform, homeDirectory })
      await serve(plan, host)
    } else {
      host.writeOut(command.ask === 'help' ? `${command.text}\n` : `${VERSION}\n`)
    }
    return 0
  } catch (error) {
    host.writeError(`leveret: ${explainFailure(error, plan?.broker.dataDirectory)}\n`)
    return 1
  }
}

async function serve({ broker: options, logLevel, logFormat, warnings }: StartPlan, host: CommandHost): Promise<void> {
  const log = await host.createLog({ level: logLevel, format: logFormat, colours: host.colours })
  for (const warning of warnings) log.warn({}, warning)
  const broker = await host.startBroker({ ...options, log })
  host.writeOut(startUpText(broker, options))
  const failure = await Promise.race([host.stopRequested, broker.failed])
  await broker.stop()
  if (failure !== undefined) throw failure
}
