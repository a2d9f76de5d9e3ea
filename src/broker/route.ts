import type { Message } from '../protocol/message.js'
import type { EnqueueResult } from './queue.js'
import type { RouteTarget } from './reply-queues.js'
import type { RoutedMessage } from './routing/routing-table.js'

/**
 * The queues that a message reaches, each once, and what on the way takes the message beside them. A plain list of queues
 * is a route, and nearly every route is one. It may be shared: it is not to be changed.
 */
export interface Route extends ReadonlyArray<RouteTarget> {
  readonly takers?: readonly Taker[]
}

/** Something that wants a message which has passed its exchange, though it is no queue: to hold it back, to remember it. */
export interface Taker {
  /**
   * Called when the message has been enqueued. Copies what it keeps.
   * @param soFar what has become of it elsewhere.
   * @returns what the publisher is to know of it here.
   */
  take(message: Message, soFar: EnqueueResult): EnqueueResult
}

/** The route to `queues`, which stay as they are, and, if there are any, to `takers`. */
export function withTakers(queues: readonly RouteTarget[], takers: readonly Taker[] | undefined): Route {
  return takers && takers.length > 0 ? Object.assign([...queues], { takers }) : queues
}

/** Hands a message to its takers. @param result of its queues. @returns what the publisher is to know of all. */
export function takenBy(takers: readonly Taker[], message: Message, result: EnqueueResult): EnqueueResult {
  let worst = result
  for (const taker of takers) {
    const taken = taker.take(message, worst)
    if (taken > worst) worst = taken
  }
  return worst
}

/** What an exchange does with a message before it looks at its bindings. */
export const Admission = {
  /** It is routed. */
  ROUTE: 0,
  /** It goes to no destination now, so the alternate exchange has it. */
  HOLD: 1,
  /** It goes nowhere. */
  DROP: 2,
} as const

export type Admission = (typeof Admission)[keyof typeof Admission]

/**
 * What some exchanges have beside their bindings. Such an exchange is asked for each message: no route through it is
 * remembered. Asking changes nothing; what is to change does so in the takers, when the message is enqueued.
 */
export interface Intake {
  /** Whether a message that was held back and now goes on has this behind it. */
  readonly isForArrivals: boolean
  /** @param takers gains whoever wants the message. */
  admit(message: RoutedMessage, takers: Taker[]): Admission
}
