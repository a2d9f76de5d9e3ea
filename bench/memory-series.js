// The memory of a broker while a deep queue is filled and emptied: what it was each second, and how far it went by depth.
import { memoryOf } from './process-facts.js'

/** How often the generator tells how far it is, in seconds; one sample in so many is shown. */
export const SAMPLE_S = 0.25
const SHOWN_EVERY = 4

const MARKS = [1e6, 5e6, 10e6]
const PHASES = ['in', 'out']

/** Samples of one run: `{ phase, depth, now, anonymous }`, megabytes and messages in the queue. */
export class MemorySeries {
  samples = []
  #pid

  /** @param {number | undefined} pid */
  constructor(pid) {
    this.#pid = pid
  }

  /** Notes the memory now. @param {'in' | 'out'} phase @param {number} depth - messages in the queue */
  note(phase, depth) {
    const memory = this.#pid && memoryOf(this.#pid)
    if (memory) this.samples.push({ phase, depth, now: memory.now, anonymous: memory.anonymous })
  }
}

const whole = (megabytes) => megabytes.toFixed(0)

function seriesLine(samples, phase) {
  const shown = samples.filter((sample) => sample.phase === phase).filter((_, index) => index % SHOWN_EVERY === 0)
  return `  ${phase.padEnd(4)} ${shown.map(({ now, anonymous }) => `${whole(now)}(${whole(anonymous)})`).join(' ')}`
}

const millions = (messages) => `${messages / 1e6} M`

/** Least and most resident memory while the queue held up to each mark, and more than the mark before it. */
function rangeOf(samples, phase, mark, before) {
  const within = samples.filter((sample) => sample.phase === phase && sample.depth <= mark && sample.depth > before)
  if (within.length === 0) return undefined
  const values = within.map(({ now }) => now)
  return `${phase} ${whole(Math.min(...values))}–${whole(Math.max(...values))}`
}

function rangeLine(samples) {
  const cells = MARKS.flatMap((mark, index) => {
    const ranges = PHASES.flatMap((phase) => rangeOf(samples, phase, mark, MARKS[index - 1] ?? -1) ?? [])
    return ranges.length > 0 ? [`to ${millions(mark)}: ${ranges.join(', ')}`] : []
  })
  return cells.length > 0 ? `  ${cells.join('; ')}` : ''
}

/** The series of each run that has one, as text. @param {any[]} runs - as the results have them */
export function memoryText(runs) {
  const blocks = runs.flatMap(({ case: name, broker, round, result }) => {
    const memory = result?.memory ?? []
    if (memory.length === 0) return []
    const head = `${name}, ${broker}, round ${round}: MB resident (anonymous) each second`
    return [[head, ...PHASES.map((phase) => seriesLine(memory, phase)), rangeLine(memory)].filter(Boolean).join('\n')]
  })
  return blocks.join('\n')
}
