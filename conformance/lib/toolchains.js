/** What a client's manifest may ask of the machine: which programs there are, and how to get those that are missing. */

import { run } from './processes.js'

/** Continuous integration must run every client; on a laptop one whose language is missing may be left out. */
export const isCi = process.env.CI === 'true'

/** Whether the program can be started. */
export async function has(program, args = ['--version']) {
  return (await run(program, args)).code === 0
}

/**
 * Runs a step of an installation.
 *
 * @throws with the end of its output when it fails.
 */
export async function must(program, args, options) {
  const { code, output } = await run(program, args, options)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed (${code}): ${output.slice(-400)}`)
  return output
}

/**
 * Installs packages of the system where that is ours to do: in continuous integration, as root, with apt-get.
 *
 * @returns whether it did; otherwise the caller leaves its client out.
 */
export async function installSystemPackages(packages) {
  if (!isCi || process.getuid?.() !== 0 || !(await has('apt-get'))) return false
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await must('apt-get', ['update', '-q'], { env })
  await must('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], { env })
  return true
}
