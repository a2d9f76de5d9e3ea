import type { BrokerParts } from './broker-parts.js'
import { DeduplicationSettings } from './deduplication.js'
import { DeduplicationIntake } from './deduplication-intake.js'
import type { Delays } from './delays.js'
import type { ExchangeExtras, ExchangeOptions } from './exchange.js'
import { historyLengthOf, RecentHistory } from './recent-history.js'
import type { Intake } from './route.js'
import { DELAYED_MESSAGE, routingTypeOf } from './routing/exchange-types.js'

/**
 * What an exchange with these options has beside its bindings. A duplicate is turned away before it is delayed, and what
 * is delayed is remembered when it goes on.
 */
export function exchangeExtras(
  definitionId: number | undefined,
  { name, type, isDurable, arguments: args }: ExchangeOptions,
  { store, committer, log, clock }: BrokerParts,
  delays: Delays,
): ExchangeExtras {
  const deduplication = DeduplicationSettings.of(args)
  const history =
    routingTypeOf(type, args) === 'x-recent-history'
      ? new RecentHistory({ length: historyLengthOf(args), definitionId, store, committer, log })
      : undefined
  const intakes: Intake[] = []
  if (deduplication) intakes.push(new DeduplicationIntake(deduplication, clock))
  if (type === DELAYED_MESSAGE) intakes.push(delays.intakeOf(name, isDurable))
  if (history) intakes.push(history)
  return { intakes, history }
}
