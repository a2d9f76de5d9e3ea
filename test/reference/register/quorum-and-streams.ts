import type { Rules } from './rules.js'

/** The two replicated types of queue: sections 11 and 12 of the semantics. */
export const quorumAndStreams: Rules = {
  'semantics 11': {
    a: 'All messages of a quorum queue are stored, whatever their delivery mode.',
    b: '4.3 counts returns in x-acquired-count and failures in x-delivery-count, from 1 on.',
    c: '4.2 counts all returns in x-delivery-count.',
    d: '3.13 has x-delivery-count on the first delivery too.',
    e: 'redelivered is set once a message was handed out before.',
  },
  'semantics 11.1': {
    a: 'In 4.3 basic.reject counts as a failure.',
    b: 'In 4.3 basic.nack, recover and the timeout count as returns only.',
    c: 'In 4.3 the loss of a channel or connection counts as a failure.',
    d: 'What is rejected without requeue shows its count in the dead letter.',
    e: 'Before 4.3 every return counts for the limit.',
  },
  'semantics 11.2': {
    a: 'The limit is 20 by default, and none in 3.13.',
    b: 'A negative limit is none.',
    c: 'A message returned beyond the limit is dead-lettered as delivery_limit, or dropped.',
    d: 'Argument and policy are combined to the smaller, none counting as larger.',
  },
  'semantics 11.3': {
    a: 'drop-head drops returned messages first.',
    b: 'reject-publish takes the message that exceeds, and refuses until 80 % are left.',
    c: 'reject-publish-dlx does what drop-head does.',
    d: 'The policy comes before the argument for overflow.',
  },
  'semantics 11.4': {
    a: '4.3 has strict priorities up to 31, and 4 where there is none.',
    b: '4.2 has two classes, served two to one.',
    c: 'Returned messages come before all others.',
  },
  'semantics 11.5': {
    a: 'A prefetch of 0 is 2000.',
    b: 'basic.get is served.',
  },
  'semantics 11.6': {
    a: 'At-least-once dead-lettering needs reject-publish, else it is at most once.',
    b: 'With it a message leaves its queue when the targets have confirmed.',
    c: '4.3 delays retries by type, growing with the count up to the largest.',
    d: 'Arguments about replicas are accepted.',
  },
  'semantics 12': {
    a: 'A stream is durable and append-only.',
    b: 'Retention by length drops whole segments, and keeps the last.',
    c: 'Retention by age drops whole segments, and keeps the last.',
    d: 'A consumer without a prefetch is refused.',
    e: 'A consumer without acknowledgements closes the connection.',
    f: 'A prefetch for the channel closes the connection.',
    g: 'get and purge close the connection.',
    h: 'Every settlement gives credit and nothing else.',
    i: 'Nothing is redelivered.',
    j: 'Deliveries have x-stream-offset.',
    k: 'Arguments about TTL, dead letters, single active consumers, priorities and length are foreign.',
    l: 'The message count is an estimate.',
    m: 'A consumer begins at the first, the last chunk, or what comes next, which is the default.',
    n: 'A consumer begins at a number, which may be yet to come.',
    o: 'A consumer begins at a time, or an interval before now.',
    p: 'Another offset is refused, in a term of its own.',
    q: 'A filter selects messages by their header.',
    r: 'Messages without a value pass a filter on demand only.',
    s: 'A delivery shows the exchange and key of its publish.',
    t: 'Since 4.x a stream loses the cluster-id and some headers.',
  },
}
