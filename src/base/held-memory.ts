/**
 * Who still needs what lies in a piece of memory that is used again and again.
 *
 * Its owner gives it back with `whenFree`, which waits for those who hold it: octets that a socket has not taken yet must
 * not be written over, though the message that they are of is settled.
 */
export class HeldMemory {
  #holders = 0
  #reuse: (() => void) | undefined

  get isHeld(): boolean {
    return this.#holders > 0
  }

  /** Keeps the memory from being used again, until `letGo` has been called as often. */
  hold(): void {
    this.#holders++
  }

  letGo(): void {
    if (--this.#holders > 0) return
    const reuse = this.#reuse
    this.#reuse = undefined
    reuse?.()
  }

  /** Calls `reuse` once nobody holds the memory: at once, or when the last one lets go. */
  whenFree(reuse: () => void): void {
    if (this.#holders === 0) reuse()
    else this.#reuse = reuse
  }
}
