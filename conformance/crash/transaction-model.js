import { Violation } from './violation.js'

/**
 * A transaction: all or nothing over all queues. `outcome` is `open`, `committing`, `committed`, `rolled back`; one that
 * is `committing` when its connection is lost is in doubt until something shows what became of it.
 */
export class TransactionModel {
  outcome = 'open'
  published = []
  settled = []
  requeued = []
  /** What showed the outcome. */
  #evidence = ''

  constructor(id, session) {
    this.id = id
    this.session = session
  }

  get isEmpty() {
    return this.published.length + this.settled.length + this.requeued.length === 0
  }

  /** tx.commit has been sent. */
  beginCommit() {
    this.outcome = 'committing'
    for (const state of this.published) if (state.publish === 'open') state.publish = 'sent'
    for (const state of this.settled) {
      state.heldBy = undefined
      if (state.removal === 'none') state.removal = 'sent'
    }
    for (const state of this.requeued) state.putBack(this.session)
  }

  /** The broker has committed, and has it on disk. */
  endCommit() {
    this.outcome = 'committed'
    for (const state of this.published) if (state.publish === 'sent') state.publish = 'confirmed'
    for (const state of this.settled) if (state.removal === 'sent') state.queue.drop(state)
  }

  /** It was never committed. */
  abandon() {
    this.outcome = 'rolled back'
    for (const state of this.published) state.queue.drop(state)
  }

  /** The connection was lost while it was being committed. */
  doubt() {
    for (const state of this.published) {
      if (state.publish === 'sent') state.publish = 'lost'
      state.publishedIn = this
    }
    for (const state of this.settled) {
      if (state.removal !== 'sent') continue
      state.removal = 'none'
      state.settledIn = this
      state.handedOut = 'yes'
    }
  }

  /**
   * Something shows what became of it. @throws Violation when something else showed the opposite.
   * @param {'committed' | 'rolled back'} outcome
   */
  decide(outcome, evidence, id) {
    if (this.outcome === 'committing') {
      this.outcome = outcome
      this.#evidence = evidence
      this.session.world.tally.commitsInDoubt[outcome]++
    }
    if (this.outcome === outcome) return
    throw new Violation(
      `transaction ${this.id} was not atomic: ${this.outcome} as ${this.#evidence} shows; ${outcome} as ${evidence} shows`,
      id,
    )
  }

  /** Applies the outcome, if something has shown it, to what was not looked at. */
  resolve() {
    if (this.outcome === 'committing') return
    const isCommitted = this.outcome === 'committed'
    for (const state of this.published) {
      if (state.publishedIn !== this) continue
      state.publishedIn = undefined
      if (isCommitted) state.publish = 'confirmed'
      else state.queue.drop(state)
    }
    for (const state of this.settled) {
      if (state.settledIn !== this) continue
      state.settledIn = undefined
      if (isCommitted) state.queue.drop(state)
    }
  }
}
