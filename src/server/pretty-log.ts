import { inspect } from 'node:util'
import type { Log, LogFields } from '../base/log.js'

/** How important a line is. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

const COLOURS: Readonly<Record<LogLevel, number>> = { debug: 34, info: 32, warn: 33, error: 31 }
const CYAN = 36
const GREY = 90

export interface PrettyLogOptions {
  /** Lines below it are not written; undefined writes none at all. */
  readonly least: LogLevel | undefined
  readonly colours: boolean
  /** Takes whole lines. */
  readonly write: (text: string) => void
  /** The time of a line. */
  readonly now: () => Date
}

/**
 * A log for people: time, level, text and the fields as JSON in one line, an error with its stack and causes below it.
 *
 *     [2026-11-21 12:57:11.514] WARN: closing a channel {"connection":"127.0.0.1:4711 -> 127.0.0.1:5672","code":404}
 *
 * Written here because the libraries for it take 45 ms to load, which is much of what a start takes.
 */
export class PrettyLog implements Log {
  readonly #options: PrettyLogOptions
  readonly #fields: LogFields

  constructor(options: PrettyLogOptions, fields: LogFields = {}) {
    this.#options = options
    this.#fields = fields
  }

  debug(fields: LogFields, text: string): void {
    this.#line('debug', fields, text)
  }

  info(fields: LogFields, text: string): void {
    this.#line('info', fields, text)
  }

  warn(fields: LogFields, text: string): void {
    this.#line('warn', fields, text)
  }

  error(fields: LogFields, text: string): void {
    this.#line('error', fields, text)
  }

  child(fields: LogFields): Log {
    return new PrettyLog(this.#options, { ...this.#fields, ...fields })
  }

  #line(level: LogLevel, fields: LogFields, text: string): void {
    const { least, write, now } = this.#options
    if (least === undefined || LEVELS.indexOf(level) < LEVELS.indexOf(least)) return
    const { err, ...others } = { ...this.#fields, ...fields }
    const isError = err instanceof Error
    const shown = jsonOf(isError || err === undefined ? others : { ...others, err })
    const head = `[${timeText(now())}] ${this.#painted(level.toUpperCase(), COLOURS[level])}: ${this.#painted(text, CYAN)}`
    const tail = shown === '{}' ? '' : ` ${this.#painted(shown, GREY)}`
    write(`${head}${tail}\n${isError ? indented(inspect(err)) : ''}`)
  }

  #painted(text: string, colour: number): string {
    return this.#options.colours ? `\u001b[${colour}m${text}\u001b[39m` : text
  }
}

/** What JSON cannot say is shown as Node shows it: a line of the log never throws. */
function jsonOf(fields: LogFields): string {
  try {
    return JSON.stringify(fields)
  } catch {
    return inspect(fields, { breakLength: Number.POSITIVE_INFINITY })
  }
}

function indented(text: string): string {
  return `${text.replaceAll(/^/gm, '    ')}\n`
}

/** Local time, to the millisecond. */
function timeText(time: Date): string {
  const date = [time.getFullYear(), padded(time.getMonth() + 1), padded(time.getDate())].join('-')
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => padded(part)).join(':')
  return `${date} ${clock}.${padded(time.getMilliseconds(), 3)}`
}

function padded(value: number, digits = 2): string {
  return String(value).padStart(digits, '0')
}
