/**
 * The file of `--config`: lines of `key = value` in the syntax of rabbitmq.conf, or JSON with the same keys, nested at the
 * dots if its writer likes. A key that this version does not know is refused rather than ignored.
 */

import { nearest } from '../nearest.js'
import { OPTION_TABLE, type OptionRow, type OptionValue, optionRow } from '../option-table.js'
import type { Environment } from './environment.js'
import { readSetting, type Settings } from './settings.js'

/** One assignment: a key cut at its dots, and text or, in JSON only, a list. */
interface Assignment {
  readonly segments: readonly string[]
  readonly value: string | readonly string[]
  /** Where it stands, to be named when it is refused. */
  readonly place: string
}

/**
 * Reads the text of a configuration file; of two assignments to one key the later wins.
 * @param path names the file in messages
 * @param environment what `$(NAME)` inside a value stands for
 * @throws Error with a sentence that names the place, the key and the value.
 */
export function readConfigFile(text: string, path: string, environment: Environment): Settings {
  const assignments = text.trimStart().startsWith('{') ? jsonAssignments(text, path) : lineAssignments(text, path)
  const settings = new Map<string, OptionValue>()
  const listeners = new Map<string, Assignment>()
  const loopbackUsers = new Map<string, boolean>()
  for (const assignment of assignments.map((raw) => interpolate(raw, environment))) {
    const [first, second, third] = assignment.segments
    if (first === 'listeners' && second === 'tcp' && third !== undefined) listeners.set(third, assignment)
    else if (first === 'loopback_users' && second !== undefined) loopbackUsers.set(second, isTrue(assignment))
    else readPlain(assignment, settings)
  }
  if (loopbackUsers.size > 0) settings.set('loopbackUsers', namesSetTrue(loopbackUsers))
  readListeners([...listeners.values()], settings)
  return settings
}

function readPlain(assignment: Assignment, settings: Map<string, OptionValue>): void {
  const key = assignment.segments.join('.')
  const row = OPTION_TABLE.find((candidate) => candidate.key === key || candidate.otherKey === key)
  if (row === undefined) {
    const known = OPTION_TABLE.map((candidate) => candidate.key)
    throw new Error(`unknown key '${key}' in ${assignment.place}; the nearest one is '${nearest(key, known)}'`)
  }
  settings.set(row.name, readAssigned(row, assignment.value, assignment))
}

function readAssigned(row: OptionRow, value: string | readonly string[], { segments, place }: Assignment): OptionValue {
  if (typeof value === 'string' && value.startsWith('encrypted:')) {
    throw new Error(`${segments.join('.')} in ${place} is encrypted, which this version cannot read`)
  }
  return readSetting(row, value, place)
}

// Keys that rabbitmq.conf spreads over several lines.

/** As RabbitMQ does: naming any user replaces the default list, and `= false` names nobody. */
function namesSetTrue(users: ReadonlyMap<string, boolean>): readonly string[] {
  return [...users].filter(([, isListed]) => isListed).map(([user]) => user)
}

function isTrue({ segments, value, place }: Assignment): boolean {
  if (value === 'true' || value === 'false') return value === 'true'
  throw new Error(`${segments.join('.')} '${value}' is neither true nor false (given by ${place})`)
}

/** `5672`, `127.0.0.1:5672`, `::1:5672` or `[::1]:5672`. */
const LISTENER = /^(?:\[?(?<host>.*?)\]?:)?(?<port>\d+)$/

/** One port for all listeners; a listener without an address leaves the addresses to `bind`. */
function readListeners(listeners: readonly Assignment[], settings: Map<string, OptionValue>): void {
  const hosts: string[] = []
  for (const listener of listeners) {
    const { host, port } = LISTENER.exec(String(listener.value))?.groups ?? {}
    if (port === undefined)
      throw new Error(`listener '${listener.value}' is not a port or address:port (${listener.place})`)
    const number = readSetting(optionRow('port'), port, listener.place)
    if ((settings.get('port') ?? number) !== number) {
      throw new Error(
        `listener '${listener.value}' has another port than the one before it: this version takes one port`,
      )
    }
    settings.set('port', number)
    if (host !== undefined) hosts.push(host)
  }
  if (hosts.length > 0) settings.set('host', hosts)
}

// The two syntaxes.

function lineAssignments(text: string, path: string): Assignment[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (/^\s*(#|$)/.test(line)) return []
    const place = `${path}, line ${index + 1}`
    const at = line.indexOf('=')
    const key = line.slice(0, Math.max(at, 0)).trim()
    if (key === '') throw new Error(`'${line.trim()}' in ${place} is not of the form key = value`)
    return [{ segments: segmentsOf(key), value: unquoted(line.slice(at + 1).trim(), place), place }]
  })
}

/** A dot inside a segment is written `\.`. */
function segmentsOf(key: string): string[] {
  return key.split(/(?<!\\)\./).map((segment) => segment.replaceAll('\\.', '.'))
}

/** Single quotes keep everything; without them `#` opens a comment. */
function unquoted(text: string, place: string): string {
  if (!text.startsWith("'")) return text.replace(/#.*$/, '').trim()
  const end = text.indexOf("'", 1)
  if (end < 0) throw new Error(`a quote is not closed in ${place}`)
  return text.slice(1, end)
}

function jsonAssignments(text: string, path: string): Assignment[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new Error(`${path} begins as JSON and is none: ${error instanceof Error ? error.message : error}`)
  }
  return flatten(parsed, [], path)
}

function flatten(value: unknown, segments: readonly string[], path: string): Assignment[] {
  if (Array.isArray(value)) return [{ segments, value: value.map(String), place: path }]
  if (typeof value !== 'object' || value === null) return [{ segments, value: String(value), place: path }]
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, [...segments, ...segmentsOf(key)], path))
}

function interpolate(assignment: Assignment, environment: Environment): Assignment {
  const { value, place } = assignment
  if (typeof value !== 'string') return assignment
  const filled = value.replaceAll(/\$\(([^)]*)\)/g, (_, name: string) => {
    const found = environment[name]
    if (found === undefined) throw new Error(`the environment has no variable ${name}, which ${place} asks for`)
    return found
  })
  return { ...assignment, value: filled }
}
