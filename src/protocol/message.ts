import type { HeldMemory } from '../base/held-memory.js'
import { octetAt } from './octets.js'

const NO_BYTES = Buffer.alloc(0)

/** What the broker remembers of a message that its octets do not say. */
export interface MessageMemory {
  /** Whether its header `x-death` is the broker's own, and not something that a client made up. */
  readonly hasOwnDeaths: boolean
  /** Whether a dead letter routing key has taken the place of the keys in its header CC. Only where it has died. */
  readonly goesByKeyAlone: boolean
  /** The keys of its header BCC, which nobody gets to see: where it goes beside its routing key, should it die. */
  readonly hiddenKeys: readonly string[] | undefined
  /** How many deliveries of it had failed before it was dead-lettered, where the profile has a message tell. */
  readonly failures: number
  /**
   * Octets of its properties as it was published, where it has died since and the profile has quorum queues count them.
   * Else 0: those are its properties' that it has now.
   */
  readonly propertyOctets: number
}

/** Of a message that nothing is remembered of. */
export const NO_MEMORY: MessageMemory = Object.freeze({
  hasOwnDeaths: false,
  goesByKeyAlone: false,
  hiddenKeys: undefined,
  failures: 0,
  propertyOctets: 0,
})

/**
 * A message as three runs of octets in memory that somebody else owns: a socket chunk, a page of a queue, a copy.
 *
 * One such view is made for each channel and each queue and pointed anew at every message, so that no message costs an
 * object. What it points at is valid only during the call that is handed the view; whoever keeps a message calls `copy`.
 */
export class Message {
  /** Exchange and routing key, each a short string, as basic.publish brought and basic.deliver sends them. */
  envelope: Buffer = NO_BYTES
  envelopeStart = 0
  envelopeEnd = 0
  /** The content header frame's payload: class, weight, body size, property flags, properties. */
  header: Buffer = NO_BYTES
  headerStart = 0
  headerEnd = 0
  body: Buffer = NO_BYTES
  bodyStart = 0
  bodyEnd = 0
  /** What to hold to keep the octets of the body beyond the call without copying them; undefined where that is no use. */
  bodyMemory: HeldMemory | undefined = undefined
  /** delivery-mode 2: survives a restart in a durable queue. */
  isPersistent = false
  /** The priority property; -1 without one. */
  priority = -1
  /** The expiration property, in milliseconds; -1 without one. */
  ttlMs = -1
  /** When it expires in the queue that holds it, in milliseconds since the epoch; 0 is never. */
  deadlineMs = 0
  /** What else the broker has to remember of it; nothing of most messages. */
  memory: MessageMemory | undefined = undefined

  /** Whether a delivery of it had failed before it was dead-lettered: one from where it waits now is no first one. */
  get hasFailed(): boolean {
    return this.memory !== undefined && this.memory.failures > 0
  }

  get bodyBytes(): number {
    return this.bodyEnd - this.bodyStart
  }

  /** The exchange it was published to, as a byte string. */
  get exchange(): string {
    const start = this.envelopeStart
    return this.envelope.toString('latin1', start + 1, start + 1 + octetAt(this.envelope, start))
  }

  get routingKey(): string {
    const start = this.envelopeStart + 1 + octetAt(this.envelope, this.envelopeStart)
    return this.envelope.toString('latin1', start + 1, start + 1 + octetAt(this.envelope, start))
  }

  /** Replaces the envelope by a copy of it. */
  ownEnvelope(): void {
    this.envelope = Buffer.from(this.envelope.subarray(this.envelopeStart, this.envelopeEnd))
    this.envelopeEnd -= this.envelopeStart
    this.envelopeStart = 0
  }

  /** Replaces the header by a copy of it. */
  ownHeader(): void {
    this.header = Buffer.from(this.header.subarray(this.headerStart, this.headerEnd))
    this.headerEnd -= this.headerStart
    this.headerStart = 0
  }

  /** Lets go of the octets: a view that is not in use keeps no chunk in memory. */
  release(): void {
    this.envelope = NO_BYTES
    this.header = NO_BYTES
    this.body = NO_BYTES
    this.bodyMemory = undefined
  }

  /** A message of its own memory, for whoever keeps it beyond the call. */
  copy(): Message {
    const copied = new Message()
    Object.assign(copied, this)
    copied.ownEnvelope()
    copied.ownHeader()
    copied.body = Buffer.from(this.body.subarray(this.bodyStart, this.bodyEnd))
    copied.bodyEnd = this.bodyBytes
    copied.bodyStart = 0
    copied.bodyMemory = undefined
    return copied
  }
}
