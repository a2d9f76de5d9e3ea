/**
 * Where this broker means to say something else than a recorded one: the one list, with reasons.
 *
 * A script that is listed and agrees all the same fails, so that the list does not outlive its reasons.
 */

const REUSED_TAG =
  'RabbitMQ credits a consumer with what an earlier one of the same tag had unacked, and so exceeds its prefetch.'
const CRASH = 'RabbitMQ crashes: connection.close 541 with nothing but INTERNAL_ERROR. We say what is wrong.'
const WRAPPED = 'RabbitMQ breaks the line of a long term in an error text, counted from where the term stands.'

/** For each recorded broker the scripts that differ, by name. */
const DIFFERENCES = {
  4.3: {
    'consumers: a consumer that is cancelled and starts anew at once': REUSED_TAG,
    'equivalence: a value changes': CRASH,
    'publishing: expiration "99999999999999999999"': WRAPPED,
  },
  '4.3-permissive': {},
  '3.10': {
    'consumers: a consumer that is cancelled and starts anew at once': REUSED_TAG,
    'equivalence: a value changes': CRASH,
    'publishing: expiration "99999999999999999999"': WRAPPED,
  },
}

/** Scripts that a recorded broker is too old for, with the profile that is compared with it. */
const NOT_COMPARED = {
  4.3: [],
  '4.3-permissive': [],
  '3.10': [
    [/quorum/, 'Quorum queues of 3.10 are of an earlier kind than those of 3.13.'],
    [/stream|x-max-age|x-initial-cluster-size/, 'Streams of 3.10 are of an earlier kind than those of 3.13.'],
    [/leader-locator|an argument comes/, 'Classic queues have x-queue-leader-locator since 3.12.'],
    [/single active consumer/, 'A defect of 3.10: a cancel of the active consumer promotes none until the next event.'],
    [/headers and types|headers and structured/, 'Headers exchanges compare numbers by value since 3.12.'],
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
