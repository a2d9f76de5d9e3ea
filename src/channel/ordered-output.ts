import { lastOf } from '../base/last.js'
import type { BatchWaiter, Committer } from '../broker/committer.js'
import { OutputBuffer } from '../protocol/output-buffer.js'
import type { ChannelOutput } from './channel-context.js'

/** Octets that a channel holds back for the disk before its consumers have to wait. */
const HELD_OCTETS_MAX = 1024 * 1024

interface HeldOutput {
  readonly batch: number
  readonly buffer: OutputBuffer
}

/**
 * Where one channel encodes its frames, in the order in which they leave.
 *
 * A reply that promises something durable may leave only after its batch is stored. From there on the channel's frames
 * are encoded into a buffer that waits for the batch, so that nothing overtakes the reply, while the channel goes on
 * working and other channels are not held up.
 */
export class OrderedOutput implements BatchWaiter {
  readonly #output: ChannelOutput
  readonly #committer: Committer
  #held: HeldOutput[] = []
  /** Whether consumers were turned away for what is held. */
  #hasRefused = false
  #isClosed = false

  constructor(output: ChannelOutput, committer: Committer) {
    this.#output = output
    this.#committer = committer
  }

  /** Where the next frame is to be encoded, in the current turn. */
  get buffer(): OutputBuffer {
    const last = lastOf(this.#held)
    if (last) return last.buffer
    this.#output.touch()
    return this.#output.buffer
  }

  get canTake(): boolean {
    if (this.#held.length > 0 && this.#heldOctets() >= HELD_OCTETS_MAX) {
      // Asking the socket to be resumed would be asking in every turn until the disk has written.
      this.#hasRefused = true
      return false
    }
    if (this.#output.canTake) return true
    this.#output.refuse()
    return false
  }

  /** Whether anything waits for the disk. */
  get isHolding(): boolean {
    return this.#held.length > 0
  }

  /** Makes what is encoded from now on wait until all changes so far are stored. */
  holdUntilStored(): void {
    const batch = this.#committer.pendingBatch
    if (batch === 0 || lastOf(this.#held)?.batch === batch) return
    this.#held.push({ batch, buffer: new OutputBuffer() })
    this.#committer.notify(batch, this)
  }

  batchStored(batch: number): void {
    while (this.#held[0] && this.#held[0].batch <= batch) {
      const held = this.#held.shift()
      if (held) this.#release(held.buffer)
    }
    if (!this.#hasRefused || this.#isClosed) return
    this.#hasRefused = false
    this.#output.refuse()
  }

  /** Drops what is held: the socket is gone. */
  close(): void {
    this.#isClosed = true
    this.#held = []
  }

  #release(held: OutputBuffer): void {
    if (this.#isClosed) return
    this.#output.buffer.append(held)
    this.#output.touch()
  }

  #heldOctets(): number {
    return this.#held.reduce((sum, { buffer }) => sum + buffer.octets, 0)
  }
}
