import type { CompatProfile } from '../protocol/compat-profile.js'
import { type Field, type FieldTable, lookup } from '../protocol/field-table.js'
import { long } from '../protocol/field-values.js'
import type { ReturnCause } from './consumer.js'
import type { ReturnCounts } from './page.js'
import { type PriorityLevels, STRICT_QUORUM_LEVELS, TWO_QUORUM_LEVELS } from './priority-log.js'
import type { QueueSettings } from './queue-settings.js'

/** Whether a return says that the delivery has failed, and not only that the client would not have it. */
export function isFailure(cause: ReturnCause): boolean {
  return cause === 'reject' || cause === 'lost'
}

/** Whether a message that was given back so often may not be handed out once more. */
export function isExhausted(counts: ReturnCounts, { deliveryLimit }: QueueSettings, profile: CompatProfile): boolean {
  if (deliveryLimit === undefined) return false
  const counted = profile.deliveryLimitCounts === 'failures' ? counts.failures : counts.returns
  return counted > deliveryLimit
}

/** How long a message waits before it is handed out again; 0 is not at all. */
export function retryDelayMs(counts: ReturnCounts, cause: ReturnCause, { delayedRetry }: QueueSettings): number {
  if (!delayedRetry) return 0
  const { type, minMs, maxMs } = delayedRetry
  if (type === 'failed' && !isFailure(cause)) return 0
  if (type === 'returned' && isFailure(cause)) return 0
  const count = type === 'failed' ? counts.failures : counts.returns
  return Math.min(minMs * count, maxMs)
}

/** How a quorum queue orders messages by priority; undefined when it does not. */
export function quorumLevels(profile: CompatProfile): PriorityLevels | undefined {
  switch (profile.quorumPriorities) {
    case 'none':
      return undefined
    case 'two-classes':
      return TWO_QUORUM_LEVELS
    case 'strict':
      return STRICT_QUORUM_LEVELS
  }
}

/** What a delivery from a quorum queue says of the returns before it; undefined when it says nothing. */
export function returnHeaders(
  headers: FieldTable | undefined,
  counts: ReturnCounts | undefined,
  profile: CompatProfile,
): FieldTable | undefined {
  const added = countFields(counts ?? { failures: 0, returns: 0 }, profile)
  if (added.length === 0) return undefined
  const others = (headers ?? []).filter(({ name }) => !lookup(added, name))
  return [...others, ...added].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function countFields({ failures, returns }: ReturnCounts, profile: CompatProfile): readonly Field[] {
  const deliveries = (count: number) => ({ name: 'x-delivery-count', value: long(count) })
  switch (profile.deliveryCountHeaders) {
    case 'always':
      return [deliveries(returns)]
    case 'once-returned':
      return returns > 0 ? [deliveries(returns)] : []
    case 'once-returned-and-acquired': {
      // One that has not been given back here tells what it brought along for both.
      const acquired = returns > 0 ? returns : failures
      if (acquired === 0) return []
      const header = { name: 'x-acquired-count', value: long(acquired) }
      return failures > 0 ? [header, deliveries(failures)] : [header]
    }
  }
}
