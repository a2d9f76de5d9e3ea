import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../../base/log.js'

/** How long until it is tried again to open a file. */
const RETRY_MS = 50

/** What the system says when too many files are open, of this process or of all. */
const TOO_MANY_OPEN: readonly unknown[] = ['EMFILE', 'ENFILE']

/**
 * Opens files past the system's cache, where the file system has that; and when this process may have no more files open,
 * since clients have taken all, as soon as it may: what is stored is neither lost nor damaged then.
 */
export class FileOpener {
  readonly #directory: string
  readonly #log: Log
  #isDirect = true

  constructor(directory: string, log: Log) {
    this.#directory = directory
    this.#log = log
  }

  /** There is no memory that such a file could be read to. */
  goThroughCache(): void {
    this.#isDirect = false
  }

  /** @param open opens a file, past the cache or through it. @throws Error of the system, any other */
  async open<Opened>(open: (isDirect: boolean) => Promise<Opened>): Promise<Opened> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#openEitherWay(open)
      } catch (error) {
        if (!TOO_MANY_OPEN.includes(codeOf(error))) throw error
        if (attempt === 0) {
          const facts = { directory: this.#directory, err: error }
          this.#log.warn(facts, 'too many files are open: a file of records is opened when it is possible')
        }
        await delay(RETRY_MS)
      }
    }
  }

  async #openEitherWay<Opened>(open: (isDirect: boolean) => Promise<Opened>): Promise<Opened> {
    try {
      return await open(this.#isDirect)
    } catch (error) {
      if (!this.#isDirect || codeOf(error) !== 'EINVAL') throw error
      this.#isDirect = false
      return open(false)
    }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
