import type { Log } from '../base/log.js'
import { PrettyLog } from './pretty-log.js'

export interface LogChoice {
  /** 'debug', 'info', 'warning', 'error' or 'none': the words of rabbitmq.conf. */
  readonly level: string
  /** 'pretty' for people, 'json' for programs. */
  readonly format: string
  readonly colours: boolean
}

const STANDARD_ERROR = 2

const LEVELS = { debug: 'debug', info: 'info', warning: 'warn', error: 'error' } as const

/**
 * Makes the log of the command line, to standard error, so that standard output holds nothing but the start-up text. For
 * programs that is `pino`, loaded here and only then, since that takes a good part of the time to start. A broken pipe
 * is ignored.
 */
export async function createLog({ level, format, colours }: LogChoice): Promise<Log> {
  const least = Object.hasOwn(LEVELS, level) ? LEVELS[level as keyof typeof LEVELS] : undefined // it is one of the keys
  if (format !== 'json') {
    const write = (text: string) => void process.stderr.write(text)
    return new PrettyLog({ least, colours, write, now: () => new Date() })
  }
  const { pino } = await import('pino')
  const formatters = { level: (label: string) => ({ level: label }) }
  const settings = { level: least ?? 'silent', base: null, formatters }
  const json: Log = pino(settings, pino.destination({ dest: STANDARD_ERROR, sync: true }))
  return json
}
