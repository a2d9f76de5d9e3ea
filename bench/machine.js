// What a run was made on, as far as it decides the figures.
import { spawnSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'

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

/** How many programs wanted a processor in the minute before: near 0 on a machine that has nothing else to do. */
export const loadBefore = () => Number(loadavg()[0].toFixed(2))

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
