// What a run was made on, as far as it decides the figures.
import { spawnSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const SAMPLE_MS = 1000
/** What other programs may use of the processors without a word. */
export const BUSY_CORES = 0.2

/** @returns {{ processor: string, cores: number, memoryGib: number, system: string, node: string }} */
export function describeMachine() {
  const processors = cpus()
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `Linux ${release()}`,
    node: process.version,
  }
}

/** The same as a line. */
export const machineText = ({ processor, cores, memoryGib, system, node }) =>
  `${cores} × ${processor}, ${memoryGib} GiB, ${system}, Node ${node}`

/** How many processors other programs keep busy at this moment: near 0 where there is nothing else to do. */
export async function busyCores() {
  const before = processorMs()
  await sleep(SAMPLE_MS)
  const after = processorMs()
  const busyShare = (after.busy - before.busy) / (after.all - before.all)
  return Number((busyShare * cpus().length).toFixed(2))
}

/** Milliseconds of all processors together since the machine started. */
function processorMs() {
  const times = cpus().map((processor) => processor.times)
  const sum = (values) => values.reduce((total, value) => total + value, 0)
  const all = sum(times.flatMap((time) => Object.values(time)))
  return { all, busy: all - sum(times.map(({ idle }) => idle)) }
}

/**
 * The commit that is checked out in a folder, with `+` when tracked files differ from it; undefined without git.
 * @param {string} folder
 */
export function commitOf(folder) {
  const git = (...args) => spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8' })
  const { status, stdout } = git('rev-parse', '--short=10', 'HEAD')
  if (status !== 0) return undefined
  return stdout.trim() + (git('status', '--porcelain', '--untracked-files=no').stdout ? '+' : '')
}
