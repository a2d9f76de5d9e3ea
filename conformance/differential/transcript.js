/**
 * The text of what a broker sent, and what makes two runs comparable: generated names become placeholders in the order in
 * which they appear, the time of a death a star.
 *
 *     basic.get-ok 1 "" q 0 | delivery-mode=2 headers={n=I 5} | body
 */

import { createHash } from 'node:crypto'

/** A shorter name is one that a script made up. */
const GENERATED = /(amq\.gen-|amq\.ctag-|amq\.rabbitmq\.reply-to\.)[A-Za-z0-9_+/=.-]{12,}/g
const DEATH_TIME = /time=T \d+/g
const BODY_MAX = 80

/** Names that the broker made up, both ways. One for each run of a script. */
export class GeneratedNames {
  #placeholders = new Map()
  #names = new Map()
  #counts = new Map()
  #vhost

  /** @param {string} vhost the virtual host of the run, which transcripts call `/`. */
  constructor(vhost) {
    this.#vhost = vhost
  }

  /** @returns the text with placeholders like `amq.gen-#1` for what was generated. */
  hide(text) {
    return text
      .replaceAll(`vhost '${this.#vhost}'`, "vhost '/'")
      .replaceAll(`{resource,<<"${this.#vhost}">>`, '{resource,<<"/">>')
      .replace(GENERATED, (name, prefix) => this.#placeholders.get(name) ?? this.#add(name, prefix))
  }

  /** @returns a copy of what a script says, of any shape, with the names for the placeholders. */
  reveal(value) {
    if (typeof value === 'string') return value.replace(/amq\.[a-z.-]+#\d+/g, (name) => this.#names.get(name) ?? name)
    if (Array.isArray(value)) return value.map((item) => this.reveal(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.reveal(item)]))
  }

  /** The generated names of queues, so that they can be deleted. */
  get queues() {
    return [...this.#names].filter(([placeholder]) => placeholder.startsWith('amq.gen-')).map(([, name]) => name)
  }

  #add(name, prefix) {
    const count = (this.#counts.get(prefix) ?? 0) + 1
    this.#counts.set(prefix, count)
    const placeholder = `${prefix}#${count}`
    this.#placeholders.set(name, placeholder)
    this.#names.set(placeholder, name)
    return placeholder
  }
}

/** @returns one line for an event of a `Link`. */
export function lineOf({ name, values, properties, body }, names) {
  const fields = Object.entries(values).flatMap(([key, value]) => fieldText(key, value, names))
  const parts = [[name, ...fields].join(' ')]
  if (body !== undefined) {
    parts.push(
      Object.entries(properties)
        .map(([key, value]) => `${hyphenated(key)}=${value}`)
        .join(' '),
    )
    parts.push(bodyText(body))
  }
  return names.hide(parts.join(' | ').replace(DEATH_TIME, 'time=T *'))
}

/** A bit shows by its name, or not at all. */
function fieldText(key, value, names) {
  if (typeof value === 'boolean') return value ? [hyphenated(key)] : []
  if (typeof value === 'number') return [String(value)]
  const text = names.hide(value)
  return [/^[\w.#{}-]+$/.test(text) ? text : JSON.stringify(text)]
}

function hyphenated(key) {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function bodyText(body) {
  if (body.length <= BODY_MAX) return body.latin1Slice()
  return `${body.length} bytes, sha1 ${createHash('sha1').update(body).digest('hex').slice(0, 12)}`
}
