import { Violation } from './violation.js'

/** Messages of one channel that wait for their confirms, by publish seqno. */
export class Unconfirmed {
  #entries = new Map()
  #nextSeqno = 1
  #nextConfirm = 1

  get size() {
    return this.#entries.size
  }

  /** @param {number} at how many methods the connection had sent by then. */
  add(message, at) {
    this.#entries.set(this.#nextSeqno++, { message, at })
  }

  /**
   * A basic.ack or basic.nack has come.
   * @returns the messages that it confirms, `{ message, at }`, in the order of publishing.
   * @throws Violation when it is about a message that was not published, or was confirmed before.
   */
  take(upTo, multiple) {
    if (upTo >= this.#nextSeqno) throw new Violation(`a confirm of number ${upTo}, which was not published`)
    if (!multiple && !this.#entries.has(upTo)) throw new Violation(`number ${upTo} was confirmed twice`)
    const taken = []
    for (let seqno = multiple ? this.#nextConfirm : upTo; seqno <= upTo; seqno++) {
      const entry = this.#entries.get(seqno)
      if (entry) taken.push(entry)
      this.#entries.delete(seqno)
    }
    while (this.#nextConfirm < this.#nextSeqno && !this.#entries.has(this.#nextConfirm)) this.#nextConfirm++
    return taken
  }

  /** Nobody will answer any more. @returns the messages that were still waiting. */
  giveUp() {
    const messages = [...this.#entries.values()].map(({ message }) => message)
    this.#entries.clear()
    return messages
  }
}
