/** Programs that use the library, compiled and run as processes of their own. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** How long a program may take before it is killed, which fails the test: one that does not end by itself hangs. */
const PATIENCE_MS = 15_000

const run = promisify(execFile)

/**
 * Runs an ECMAScript module that may use `startBroker`, and waits until it ends by itself.
 * @param folder of the compiled sources.
 * @returns what its last line, JSON, says.
 * @throws Error when it fails, or does not end.
 */
export async function runWithLibrary(folder: string, program: string): Promise<unknown> {
  const library = JSON.stringify(join(folder, 'src', 'index.js'))
  const text = `import { startBroker } from ${library}\n${program}`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', text], { timeout: PATIENCE_MS })
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}
