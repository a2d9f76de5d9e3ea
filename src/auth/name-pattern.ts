import type { ByteString } from '../base/byte-string.js'
import type { Log } from '../base/log.js'
import { Pattern } from '../base/pattern/pattern.js'
import { InvalidPatternError } from '../base/pattern/pattern-node.js'

/** The longest pattern that is accepted, in octets. RabbitMQ 4.3. */
const PATTERN_OCTETS_MAX = 1024

/**
 * A pattern of a permission, to be found anywhere in a name. The empty pattern matches the empty name alone, which no
 * resource has: it grants nothing.
 */
export class NamePattern {
  /** The pattern as it was written. */
  readonly source: ByteString
  readonly #pattern: Pattern
  readonly #log: Log
  #hasGivenUp = false

  /**
   * In `source`, `{key}` stands for the text that `values` has under `key`, taken literally; unknown keys stay as they
   * are. What that expands to may be longer than a pattern may.
   * @throws InvalidPatternError when `source` is too long or no pattern.
   */
  constructor(source: ByteString, log: Log, values: ReadonlyMap<string, ByteString> = new Map()) {
    if (source.length > PATTERN_OCTETS_MAX) {
      throw new InvalidPatternError(source, `it has ${source.length} octets and ${PATTERN_OCTETS_MAX} are allowed`)
    }
    this.source = source
    this.#pattern = new Pattern(source === '' ? '^$' : expand(source, values))
    this.#log = log
  }

  /** Whether the pattern is found in `name`. A search that costs too much counts as no match, and is logged once. */
  matches(name: ByteString): boolean {
    const result = this.#pattern.search(name)
    if (result === 'gave up' && !this.#hasGivenUp) {
      this.#hasGivenUp = true
      this.#log.warn({ pattern: this.source }, 'a permission pattern takes too many steps: it counts as no match')
    }
    return result === 'match'
  }
}

function expand(source: ByteString, values: ReadonlyMap<string, ByteString>): ByteString {
  return source.replace(/\{(\w+)\}/g, (whole, key: string) => {
    return values.get(key)?.replace(/[^0-9A-Za-z_]/g, '\\$&') ?? whole
  })
}
