import type { Access } from '../../src/broker/access.js'
import type { PermissionVerb, Resource } from '../../src/protocol/reply-texts.js'

/** Writes down what is asked of it, and refuses what it was told to refuse. */
export class RecordingAccess implements Access {
  readonly userName = 'recorded'
  readonly asked: string[] = []
  /** Questions, as they stand in `asked`, that are answered with a `Refused`. */
  readonly #refused: ReadonlySet<string>

  constructor(...refused: string[]) {
    this.#refused = new Set(refused)
  }

  require(verb: PermissionVerb, { kind, name }: Resource): void {
    this.#ask(`${verb} ${kind} '${name}'`)
  }

  requireAny({ kind, name }: Resource): void {
    this.#ask(`any ${kind} '${name}'`)
  }

  requireTopic(verb: 'write' | 'read', { name }: Resource, routingKey: string): void {
    this.#ask(`${verb} topic '${routingKey}' in '${name}'`)
  }

  #ask(question: string): void {
    this.asked.push(question)
    if (this.#refused.has(question)) throw new Refused(question)
  }
}

/** What a `RecordingAccess` throws in place of ACCESS_REFUSED. */
export class Refused extends Error {}

/** Permits everything. */
export const anyAccess: Access = {
  userName: 'anybody',
  require: () => undefined,
  requireAny: () => undefined,
  requireTopic: () => undefined,
}
