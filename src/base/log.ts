/** Named facts of a log line: never a message body, never a password. */
export type LogFields = Readonly<Record<string, unknown>>

/** What the broker needs of a logger. A `pino` logger is one. */
export interface Log {
  debug(fields: LogFields, text: string): void
  info(fields: LogFields, text: string): void
  warn(fields: LogFields, text: string): void
  error(fields: LogFields, text: string): void
  /** A logger that adds `fields` to each of its lines. */
  child(fields: LogFields): Log
}

/** Says nothing: the default of the library. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
}
