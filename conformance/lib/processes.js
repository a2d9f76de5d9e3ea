/** Small helpers around child processes. */

import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'

/** The children that must not outlive the runner, however it ends. */
export const processesLeftOver = new Set()

process.on('exit', () => {
  for (const child of processesLeftOver) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

/** Resolves when the child is gone and its output has been read. */
export function endOf(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      processesLeftOver.delete(child)
      resolve({ code: error.message, signal: null })
    })
    child.once('close', (code, signal) => {
      processesLeftOver.delete(child)
      resolve({ code, signal })
    })
  })
}

/** Runs a program to its end. @returns its exit code and everything it printed. */
export async function run(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  processesLeftOver.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const { code } = await endOf(child)
  return { code, output: output.trim() }
}

/** The outcome of `promise`, or undefined when it does not come within `limitMs`. */
export async function within(limitMs, promise) {
  const patience = new AbortController()
  try {
    return await Promise.race([promise, delay(limitMs, undefined, { signal: patience.signal })])
  } finally {
    patience.abort()
  }
}
