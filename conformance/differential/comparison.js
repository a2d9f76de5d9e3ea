/** What two transcripts of one script differ in, for people. */

/** @returns whether the broker said the same, line for line. */
export function isSame(expected, actual) {
  return JSON.stringify(expected) === JSON.stringify(actual)
}

/**
 * The script with what was said to each step: lines of both brokers plain, those that only the recorded one said behind `-`,
 * those that only this one said behind `+`. Long stretches without a difference are left out.
 *
 * @returns lines.
 */
export function differenceOf({ steps }, expected, actual) {
  const blocks = steps.map((step, index) => ({
    operations: step.map((operation) => `> ${operationText(operation)}`),
    said: merged(expected[index] ?? [], actual[index] ?? []),
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
