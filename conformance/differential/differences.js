/**
 * Where this broker means to say something else than a recorded one: the one list, with reasons.
 *
 * A script that is listed and agrees all the same fails, so that the list does not outlive its reasons.
 */

const REUSED_TAG =
  'RabbitMQ credits a consumer with what an earlier one of the same tag had unacked, and so exceeds its prefetch.'
const CRASH = 'RabbitMQ crashes: connection.close 541 with nothing but INTERNAL_ERROR. We say what is wrong.'
const WRAPPED = 'RabbitMQ breaks the line of a long term in an error text, counted from where the term stands.'
const DELETED_IN_TX = 'RabbitMQ 4.3 closes the connection with RESOURCE_ERROR; 3.10 commits, as we do.'
const REPLY_OF_3_10 =
  'RabbitMQ 3.10 returns a mandatory reply that it has delivered, gives replies of a channel the same tag, and sends them before tx.commit.'
const OWN_REPLY_QUEUE =
  'A channel of RabbitMQ 4.3 cannot ask itself whether it is there, and misses its own reply queue.'
const CREDITED_LATER =
  'A consumer without acknowledgements of a quorum queue loses its turn until RabbitMQ has credited it, a moment later.'
const BUILT_IN = 'Types of exchanges that are plugins of RabbitMQ are always there.'
const CONSUMER_ARGUMENTS_OF_STREAMS =
  'RabbitMQ ignores a filter of a wrong type, and takes a binary for the name of an offset. We say what is wrong.'
const THROUGH_AMQP_1_0 =
  'RabbitMQ stores messages of streams as those of AMQP 1.0 and so loses what that has no place for; ours come out as they went in.'
const STREAM_READERS = 'Which of two readers on one channel is served first is nothing that RabbitMQ promises.'
const EMPTY_TYPE = 'RabbitMQ stores an empty x-queue-type as it is, and then finds that it differs from none.'
const STUCK =
  'RabbitMQ 4.3 leaves a single active consumer of a quorum queue waiting for ever when two before it went, the first to make way for the second.'
const UNSEEN_EXPIRY =
  'RabbitMQ does not look at the time of a message that comes to stand before others in a classic queue with priorities, and delivers it late.'
const DELAYED_RETRY =
  'Delayed retry is ours on classic queues too, and its arguments are judged, which RabbitMQ does not.'

const everywhere = {
  'expiry: before lower priorities, classic': UNSEEN_EXPIRY,
  'consumers: a consumer that is cancelled and starts anew at once': REUSED_TAG,
  'equivalence: a decimal': CRASH,
  'publishing: expiration "99999999999999999999"': WRAPPED,
}

/** For each recorded broker the scripts that differ, by name. */
const DIFFERENCES = {
  4.3: {
    ...everywhere,
    'consumers: a single active consumer that is to make way and goes, and then the other': STUCK,
    'equivalence: an empty type': EMPTY_TYPE,
    'generated: quorum queues, seed 14': CREDITED_LATER,
    'names: exchange types': BUILT_IN,
    'reply-to: declaring by its own channel': OWN_REPLY_QUEUE,
    'reply-to: declaring what makes no sense': CRASH,
    'publishing: a transaction to a queue that is deleted before its commit': DELETED_IN_TX,
    'equivalence: an empty type again': EMPTY_TYPE,
    'streams: consuming from the next': STREAM_READERS,
    'streams: filters': CONSUMER_ARGUMENTS_OF_STREAMS,
    'streams: headers and properties arrive': THROUGH_AMQP_1_0,
    'streams: message ids that are no text': CRASH,
    'streams: odd offsets': CONSUMER_ARGUMENTS_OF_STREAMS,
    'streams: types of headers': THROUGH_AMQP_1_0,
    'streams: a decimal in a header': CRASH,
    'streams: offsets of other types': CRASH,
    'queue-arguments: x-delayed-retry-max on classic': DELAYED_RETRY,
    'queue-arguments: x-delayed-retry-max on quorum': DELAYED_RETRY,
    'queue-arguments: x-delayed-retry-min on classic': DELAYED_RETRY,
    'queue-arguments: x-delayed-retry-min on quorum': DELAYED_RETRY,
    'queue-arguments: x-delayed-retry-type on classic': DELAYED_RETRY,
    'queue-arguments: x-delayed-retry-type on quorum': DELAYED_RETRY,
  },
  '4.3-permissive': {},
  '3.10': {
    ...everywhere,
    'reply-to: a request and its reply': REPLY_OF_3_10,
    'reply-to: confirms and transactions of replies': REPLY_OF_3_10,
  },
}

/** Scripts that a recorded broker is too old for, with the profile that is compared with it. */
const NOT_COMPARED = {
  4.3: [],
  '4.3-permissive': [],
  '3.10': [
    [/quorum/, 'Quorum queues of 3.10 are of an earlier kind than those of 3.13.'],
    [/stream|x-max-age|x-initial-cluster-size/, 'Streams of 3.10 are of an earlier kind than those of 3.13.'],
    [
      /locator|an argument comes/,
      'Classic queues have x-queue-leader-locator since 3.12, and 3.10 crashes on the other.',
    ],
    [/single active consumer/, 'A defect of 3.10: a cancel of the active consumer promotes none until the next event.'],
    [/headers and types|headers and structured/, 'Headers exchanges compare numbers by value since 3.12.'],
    [/by its own channel/, '3.10 crashes when a channel asks after its own reply queue.'],
    [
      /^dead-lettering:|^generated: (dead letters|priorities)|^limits: .*(of dead letters, classic|died twice|comes back)/,
      'Deaths have another order of fields since 3.13.',
    ],
    [
      /exchange type|long names|: an exchange$|no-wait/,
      'An unknown type of exchange closes the channel only since 3.13.',
    ],
    [/delivery mode|empty properties/, '3.10 refuses delivery modes other than 1 and 2.'],
    [/x-queue-type|a type changes|an empty type/, '3.10 takes an empty type of queue for an unknown one.'],
    [/at most priority 0/, '3.10 has one level where the others have two.'],
    [/delayed-retry|disconnected-timeout|consumer-timeout|other arguments of/, 'Arguments that 3.10 does not know.'],
  ],
}

/** @returns why the script must differ from what was recorded; undefined where it must not. */
export function knownDifference(name, recorded) {
  return DIFFERENCES[recorded][name]
}

/** @returns why the script is not compared with what was recorded; undefined where it is. */
export function reasonNotToCompare(name, recorded) {
  return NOT_COMPARED[recorded].find(([pattern]) => pattern.test(name))?.[1]
}
