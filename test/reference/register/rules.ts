/**
 * Rules of one part of what RabbitMQ does, each in a sentence or, where a table lists them, by what it is about. They
 * stand in sections by the numbers of three documents: `semantics` is about queues, exchanges and messages, `plugins` about
 * the exchanges of plugins, events and the firehose, `corner` about where others have tripped.
 *
 * In a section a rule has a mark: `(semantics 9.1 c)` in the title of a test names the rule `c` of `semantics 9.1`. A mark
 * stays with its rule for good: a rule that is gone leaves a gap, a new one comes at the end of its section.
 */
export type Rules = Readonly<Record<string, Readonly<Record<string, string>>>>
