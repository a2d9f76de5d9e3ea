/**
 * Where this broker means to differ from a recorded one, or the recorded one is too old for the profile that is compared with
 * it: the one list, each script by its name with the reason. A script that is listed and agrees fails, so that the list does
 * not outlive its reasons.
 */

/** For each recorded broker, reasons and the names of the scripts that they hold for; a name that ends in `*` is a prefix. */
const DIFFERENCES = {
  4.3: {
    'A consumer tag that is used again at once: RabbitMQ credits the new consumer with what the old one had unacked, and so exceeds its prefetch.':
      ['consumers: a consumer that is cancelled and starts anew at once'],
  },
  '4.3-permissive': {},
  '3.10': {
    'A consumer tag that is used again at once: RabbitMQ credits the new consumer with what the old one had unacked, and so exceeds its prefetch.':
      ['consumers: a consumer that is cancelled and starts anew at once'],
  },
}

/** @returns why the script may differ from what was recorded; undefined where it must not. */
export function knownDifference(name, recorded) {
  const known = Object.entries(DIFFERENCES[recorded]).find(([, names]) =>
    names.some((pattern) => matches(pattern, name)),
  )
  return known?.[0]
}

function matches(pattern, name) {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name
}
