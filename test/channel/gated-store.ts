import { MemoryStore } from '../../src/store/memory/memory-store.js'

/** A store in memory whose commits take as long as a test wants: it holds the moment when they are on disk. */
export class GatedStore extends MemoryStore {
  #gate: Promise<void> | undefined
  #open: () => void = () => undefined

  /** Lets no commit complete from now on. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  /** Completes what is held back, and everything to come. */
  release(): void {
    this.#gate = undefined
    this.#open()
  }

  override async commit(): Promise<void> {
    const gate = this.#gate
    await super.commit()
    await gate
  }
}
