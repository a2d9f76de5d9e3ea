/** What two transcripts of one script differ in, for people. */

/** @returns whether the broker said the same, line for line. */
export function isSame(expected, actual) {
  return JSON.stringify(expected) === JSON.stringify(actual)
}

/** @returns whether the broker said the same, but for what is not compared. */
export function agrees(script, expected, actual) {
  return isSame(compared(script, expected), compared(script, actual))
}

/**
 * RabbitMQ counts as a consumer of a quorum queue whatever holds its messages, a basic.get or a consumer that was cancelled,
 * and of several of which one is active it counts that one. Nobody can rely on such a number, so it is a star.
 */
function compared({ steps }, transcript) {
  const quorumQueues = new Set(
    steps
      .flat()
      .filter(([, name, fields]) => name === 'queue.declare' && fields.arguments?.['x-queue-type'] === 'quorum')
      .map(([, , { queue }]) => queue),
  )
  if (quorumQueues.size === 0) return transcript
  const hide = (line, name) => (quorumQueues.has(name) ? line.replace(/\d+$/, '*') : line)
  return transcript.map((lines) =>
    lines.map((line) => line.replace(/queue\.declare-ok (\S+) \d+ \d+$/, (found, name) => hide(found, name))),
  )
}

/**
 * The script with what was said to each step: lines of both brokers plain, those that only the recorded one said behind `-`,
 * those that only this one said behind `+`. Long stretches without a difference are left out.
 *
 * @returns lines.
 */
export function differenceOf(script, expected, actual) {
  const { steps } = script
  const [before, now] = [compared(script, expected), compared(script, actual)]
  const blocks = steps.map((step, index) => ({
    operations: step.map((operation) => `> ${operationText(operation)}`),
    said: merged(before[index] ?? [], now[index] ?? []),
  }))
  const first = blocks.findIndex(({ said }) => said.some((line) => !line.startsWith('  ')))
  const last = blocks.findLastIndex(({ said }) => said.some((line) => !line.startsWith('  ')))
  return blocks.slice(0, last + 1).flatMap(({ operations, said }, index) => {
    return index < first - 1 && said.length > 2 ? [...operations, `  ${said.length} lines`] : [...operations, ...said]
  })
}

/** The longest common subsequence, and around it what only one of them has. */
function merged(expected, actual) {
  const lengths = Array.from({ length: expected.length + 1 }, () => new Array(actual.length + 1).fill(0))
  for (let i = expected.length - 1; i >= 0; i--) {
    for (let j = actual.length - 1; j >= 0; j--) {
      lengths[i][j] =
        expected[i] === actual[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1])
    }
  }
  const lines = []
  let [i, j] = [0, 0]
  while (i < expected.length || j < actual.length) {
    if (i < expected.length && j < actual.length && expected[i] === actual[j]) {
      lines.push(`  ${expected[i++]}`)
      j += 1
    } else if (j === actual.length || (i < expected.length && lengths[i + 1][j] >= lengths[i][j + 1])) {
      lines.push(`- ${expected[i++]}`)
    } else lines.push(`+ ${actual[j++]}`)
  }
  return lines
}

/** An operation in one line, without what is empty. */
function operationText([where, name, fields]) {
  if (typeof fields !== 'object') return `${name} ${fields} ms`
  const shown = Object.entries(fields).filter(([, value]) => JSON.stringify(value) !== '{}')
  return `${where} ${name} ${shown.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(' ')}`
}
