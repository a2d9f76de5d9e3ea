import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A running `store-process.ts`. */
export class StoreProcess {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  /** Resolves when the process has ended, however. */
  readonly ended: Promise<unknown>

  constructor(program: string, task: string, directory: string, command = process.execPath, before: string[] = []) {
    this.#child = spawn(command, [...before, program, task, directory])
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    this.ended = once(this.#child, 'close')
    // What the native code says on its way down is no matter here.
    this.#child.stderr.resume()
    this.#child.stdin.on('error', () => undefined)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The next line that the process says; undefined when it says no more. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next()
    return done === true ? undefined : value
  }

  /** The lines that the process has still to say. */
  async rest(): Promise<string[]> {
    const lines: string[] = []
    for (let line = await this.line(); line !== undefined; line = await this.line()) lines.push(line)
    return lines
  }

  say(word: string): void {
    this.#child.stdin.write(`${word}\n`)
  }

  /** As `kill -9` does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}
