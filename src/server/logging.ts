import type { Log } from '../base/log.js'

export interface LogChoice {
  /** 'debug', 'info', 'warning', 'error' or 'none': the words of rabbitmq.conf. */
  readonly level: string
  /** 'pretty' for people, 'json' for programs. */
  readonly format: string
  readonly colours: boolean
}

const STANDARD_ERROR = 2

/**
 * Makes the log of the command line: `pino` to standard error, so that standard output holds nothing but the start-up
 * text. Lines are written before the call returns; a broken pipe is ignored. Both packages are loaded here and only
 * when needed, since loading them takes a good part of the time to start.
 */
export async function createLog({ level, format, colours }: LogChoice): Promise<Log> {
  const { pino } = await import('pino')
  const settings = { level: pinoLevel(level), base: null }
  if (format === 'json') {
    const withNames = { ...settings, formatters: { level: (label: string) => ({ level: label }) } }
    const json: Log = pino(withNames, pino.destination({ dest: STANDARD_ERROR, sync: true }))
    return json
  }
  const { default: pretty } = await import('pino-pretty')
  const looks = { colorize: colours, translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l', singleLine: true }
  const log: Log = pino(settings, pretty({ ...looks, destination: STANDARD_ERROR, sync: true }))
  return log
}

function pinoLevel(level: string): string {
  if (level === 'warning') return 'warn'
  return level === 'none' ? 'silent' : level
}
