/** The real command, compiled once and run as a process of its own. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { START_UP_COMPLETE } from '../../src/server/cli/start-up-text.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** What `npm run build` makes of the sources, inside `node_modules` so that its imports of packages are found. */
export class BuiltCommand {
  readonly folder = mkdtempSync(join(ROOT, 'node_modules', '.leveret-test-'))

  constructor() {
    execFileSync(process.execPath, [join(ROOT, 'bin', 'bundle.js'), this.folder], { stdio: 'pipe' })
  }

  /** Starts the command with these flags, and no variable of ours but those given. @param folder that of a copy. */
  start(
    flags: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    folder = this.folder,
  ): CommandProcess {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LEVERET_'))
    const program = join(folder, 'bin', 'leveret.js')
    const env = { ...Object.fromEntries(inherited), ...environment }
    return new CommandProcess(spawn(process.execPath, [program, ...flags], { env, stdio: ['ignore', 'pipe', 'pipe'] }))
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export class CommandProcess {
  out = ''
  error = ''
  /** The exit code, or the signal that ended the process. */
  readonly ended: Promise<number | string>
  readonly child: ChildProcess

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.on('data', (chunk) => {
      this.out += chunk
    })
    child.stderr?.on('data', (chunk) => {
      this.error += chunk
    })
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => resolve(code ?? signal ?? 'nothing'))
    })
  }

  /** Resolves once the last line of the start-up text is out. @returns the port. @throws Error when it ends before. */
  async port(): Promise<number> {
    const complete = new Promise<void>((resolve) => {
      const look = () => this.out.includes(`\n${START_UP_COMPLETE}\n`) && resolve()
      this.child.stdout?.on('data', look)
      look()
    })
    const early = this.ended.then((end) => Promise.reject(new Error(`ended with ${end}: ${this.error}`)))
    await Promise.race([complete, early])
    return Number(/amqp:\/\/[^\s]*:(\d+)/.exec(this.out)?.[1])
  }
}
