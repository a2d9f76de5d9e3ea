import { consuming } from './consuming.js'
import { conventions } from './conventions.js'
import { corners } from './corners.js'
import { eventsAndFirehose } from './events-and-firehose.js'
import { exchangePlugins } from './exchange-plugins.js'
import { exchanges } from './exchanges.js'
import { expiryAndDeadLetters } from './expiry-and-dead-letters.js'
import { policiesAndLimits } from './policies-and-limits.js'
import { publishing } from './publishing.js'
import { queues } from './queues.js'
import { quorumAndStreams } from './quorum-and-streams.js'
import { replyToAndPermissions } from './reply-to-and-permissions.js'
import { routing } from './routing.js'
import type { Rules } from './rules.js'
import { settling } from './settling.js'
import { textsAndVersions } from './texts-and-versions.js'

const AREAS: readonly Rules[] = [
  conventions,
  exchanges,
  queues,
  routing,
  consuming,
  publishing,
  settling,
  expiryAndDeadLetters,
  quorumAndStreams,
  replyToAndPermissions,
  policiesAndLimits,
  textsAndVersions,
  exchangePlugins,
  eventsAndFirehose,
  corners,
]

/** The sections of the reference that have rules, in its order. Each is in one area. */
export const SECTIONS: readonly string[] = AREAS.flatMap((rules) => Object.keys(rules))

/** What each rule says in short, by its name: that of its section and its mark, as in `semantics 9.1 c`. */
export const RULES: ReadonlyMap<string, string> = new Map(
  AREAS.flatMap((rules) => Object.entries(rules)).flatMap(([section, marks]) =>
    Object.entries(marks).map(([mark, sentence]) => [`${section} ${mark}`, sentence] as const),
  ),
)
