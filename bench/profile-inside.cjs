// Runs inside the broker that profile.js measures, by NODE_OPTIONS: begins at a signal, ends at the next, writes a file.
const { Session } = require('node:inspector')
const { PerformanceObserver } = require('node:perf_hooks')
const { writeFileSync } = require('node:fs')

/** Octets between two allocations that are looked at. */
const SAMPLED_OCTETS = 16 * 1024
const SAMPLED_US = 500

const file = process.env.BENCH_PROFILE_FILE
const wantsMemory = process.env.BENCH_PROFILE_OF === 'memory'
const session = new Session()
session.connect()
const post = (method, params) =>
  new Promise((resolve, reject) => {
    session.post(method, params, (error, result) => (error ? reject(error) : resolve(result)))
  })

const pauses = []
const observer = new PerformanceObserver((list) => {
  for (const { duration, detail } of list.getEntries()) pauses.push({ ms: duration, kind: detail.kind })
})

let began
async function begin() {
  observer.observe({ entryTypes: ['gc'] })
  if (wantsMemory) {
    const includes = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true }
    await post('HeapProfiler.startSampling', { samplingInterval: SAMPLED_OCTETS, ...includes })
  } else {
    await post('Profiler.enable')
    await post('Profiler.setSamplingInterval', { interval: SAMPLED_US })
    await post('Profiler.start')
  }
  began = { at: performance.now(), cpu: process.cpuUsage() }
}

async function end() {
  const { user, system } = process.cpuUsage(began.cpu)
  const seconds = (performance.now() - began.at) / 1000
  const { profile } = await post(wantsMemory ? 'HeapProfiler.stopSampling' : 'Profiler.stop')
  writeFileSync(file, JSON.stringify({ seconds, user: user / 1e6, system: system / 1e6, pauses, profile }))
}

process.on('SIGUSR2', () => {
  const step = began ? end : begin
  step().catch((error) => process.stderr.write(`${error.stack}\n`))
})
