// What the cases do to a broker: most run the load generator once; the special ones have a procedure of their own.
import { runLoad } from './load.js'
import { MemorySeries, SAMPLE_S } from './memory-series.js'
import { forgetPeak, memoryOf, processorSecondsOf } from './process-facts.js'

/**
 * Runs a case once against a broker, on queues of its own.
 * @param {import('./cases.js').Case} kase
 * @param {object} broker - see brokers.js
 * @param {object} options - of the command line, and `interrupt`, a signal that ends the run early
 * @param {number} round - part of the names of the queues
 * @returns what the figures of the case read
 * @throws when the broker loses, repeats, reorders or changes something, or refuses a request
 */
export async function runCase(kase, broker, options, round) {
  if (kase.isOursOnly && !broker.isOurs) return {}
  if (kase.special === 'start') return broker.measureStart()
  if (kase.special === 'idle') return broker.measureIdle()
  const queue = `bench.${kase.name}.${process.pid}.${round}`
  if (kase.special === 'recover') return broker.measureRecovery ? runRecovery(broker, options, queue) : {}
  const running = await broker.acquire(kase.storage)
  try {
    if (kase.special === 'deep') return await runDeep(running, options, queue)
    if (kase.special === 'stream') return await runStream(running, options, queue)
    const window = ['--duration', options.duration, '--warmup', options.warmup]
    const load = ['--queue', queue, '--durable', ...window, ...kase.load]
    if (kase.special === 'time') return await runLong(running, options, load)
    return await runLoad(running, options.interrupt, load)
  } finally {
    await running.release()
  }
}

/** Peak memory of the broker while something runs. */
async function withPeak(pid, action) {
  forgetPeak(pid)
  let peakAnonymousMegabytes
  const sample = () => {
    const anonymous = pid && memoryOf(pid)?.anonymous
    if (anonymous) peakAnonymousMegabytes = Math.max(anonymous, peakAnonymousMegabytes ?? 0)
  }
  const timer = setInterval(sample, 20)
  try {
    const result = await action()
    sample()
    return { ...result, peakMegabytes: pid && memoryOf(pid)?.peak, peakAnonymousMegabytes }
  } finally {
    clearInterval(timer)
  }
}

/** Fills a queue with confirmed persistent messages while nobody consumes, then empties it. */
function runDeep(running, options, queue) {
  const both = ['--queue', queue, '--durable', '--size', '100', '--publishers', '2', '--timeout', '600']
  const size = options.deep ? ['--count', options.deep] : ['--duration', options.duration, '--warmup', '0']
  const series = new MemorySeries(running.pid)
  const progress = ['--progress', String(SAMPLE_S)]
  return withPeak(running.pid, async () => {
    const filled = await runLoad(
      running,
      options.interrupt,
      [...both, ...progress, '--publish-only', '--persistent', '--confirm', '10000', '--keep', ...size],
      (published) => series.note('in', published),
    )
    const count = filled.total.published
    const emptied = await runLoad(
      running,
      options.interrupt,
      [...both, ...progress, '--consume-only', '--count', String(count)],
      (_, delivered) => series.note('out', count - delivered),
    )
    return { in: filled, out: emptied, memory: series.samples }
  })
}

/** So many messages are replayed to one consumer before three get them: memory has grown by then as far as it does. */
const REPLAYED_TO_ONE = 6e6
const REPLAYS_TO_ONE_MAX = 6

/** Fills a stream with confirmed messages, then replays all of it: to one consumer, several times, and to three at once. */
async function runStream(running, options, queue) {
  const both = ['--queue', queue, '--durable', '--queue-type', 'stream', '--size', '100', '--timeout', '600', '--keep']
  const size = options.deep ? ['--count', options.deep] : ['--duration', options.duration, '--warmup', '0']
  const fill = [...both, '--publishers', '2', '--publish-only', '--confirm', '10000', ...size]
  const filled = await withPeak(running.pid, () => runLoad(running, options.interrupt, fill))
  const count = filled.total.published
  const reading = ['--consume-only', '--publishers', '2', '--offset', 'first', '--prefetch', '5000', '--ack', '500']
  const load = [...both, ...reading, '--count', String(count)]
  /** @returns the rate of the slowest consumer, and the peaks of memory */
  const replayTo = (consumers) =>
    withPeak(running.pid, async () => {
      const replays = Array.from({ length: consumers }, () => runLoad(running, options.interrupt, load))
      return { eachPerS: Math.min(...(await Promise.all(replays)).map((report) => report.delivered_per_s)) }
    })
  const ones = []
  while (ones.length < Math.min(REPLAYS_TO_ONE_MAX, REPLAYED_TO_ONE / count)) ones.push(await replayTo(1))
  return { in: filled, ones, three: await replayTo(3) }
}

/** Fills queues with confirmed persistent messages, kills the broker, and starts it anew; then everything must be there. */
function runRecovery(broker, options, queue) {
  const both = ['--queue', queue, '--queues', '1000', '--durable', '--size', '100', '--publishers', '4']
  const all = [...both, '--count', options.recover, '--timeout', '600']
  return broker.measureRecovery(
    (running) =>
      runLoad(running, options.interrupt, [...all, '--publish-only', '--persistent', '--confirm', '10000', '--keep']),
    (running) => runLoad(running, options.interrupt, [...all, '--consume-only']),
  )
}

/** Runs a load and notes each second what was delivered and what processor time that took the broker. */
async function runLong(running, options, load) {
  const samples = []
  const from = performance.now()
  const result = await runLoad(running, options.interrupt, [...load, '--progress', '1'], (_, delivered) => {
    const seconds = (performance.now() - from) / 1000
    samples.push({ seconds, delivered, processorSeconds: processorSecondsOf(running.pid) })
  })
  return { ...result, samples }
}
