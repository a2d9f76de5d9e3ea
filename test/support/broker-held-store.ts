import { MemoryStore } from '../../src/store/memory/memory-store.js'

/** A store whose commits end when a test says so. What is put is kept all the same. */
export class HeldStore extends MemoryStore {
  readonly #held: { resolve: () => void; reject: (error: Error) => void }[] = []
  commits = 0

  override commit(): Promise<void> {
    this.commits++
    super.commit() // A memory store has done it when this returns.
    return new Promise<void>((resolve, reject) => this.#held.push({ resolve, reject }))
  }

  /** Commits that have not ended. */
  get heldCount(): number {
    return this.#held.length
  }

  /** Ends the oldest commit, and lets everybody hear who waits for it. */
  async release(): Promise<void> {
    this.#held.shift()?.resolve()
    await settled()
  }

  async fail(error: Error): Promise<void> {
    this.#held.shift()?.reject(error)
    await settled()
  }
}

/** Lets all promise reactions run that are due. */
export async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
