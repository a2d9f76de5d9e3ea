import { HeldMemory } from '../base/held-memory.js'

/** Sizes are multiples of it, so that most are of use for the next body. */
const STEP_OCTETS = 64 * 1024
/** A larger body's memory is left to the garbage collector. */
const KEPT_OCTETS_MAX = 4 * 1024 * 1024
/** Octets of the buffers that are kept, all together. */
const FREE_OCTETS_MAX = 4 * 1024 * 1024

/** Where a body of several frames is put together, and where it stays until a socket has taken it. */
export class BodyBuffer {
  readonly bytes: Buffer
  readonly memory = new HeldMemory()

  constructor(octets: number) {
    this.bytes = Buffer.allocUnsafeSlow(octets)
  }
}

/**
 * Buffers for bodies, of nobody at the moment. Allocated for each body, they would be most of what such a body costs:
 * memory outside of V8's heap has it mark all of the heap again and again.
 */
export class BodyBuffers {
  #free: BodyBuffer[] = []
  #freeOctets = 0

  /** A buffer for at least so many octets: the one that was given back last, if it is large enough. */
  take(octets: number): BodyBuffer {
    const index = this.#free.findLastIndex(({ bytes }) => bytes.length >= octets)
    const [taken] = index < 0 ? [] : this.#free.splice(index, 1)
    if (!taken) return new BodyBuffer(Math.ceil(octets / STEP_OCTETS) * STEP_OCTETS)
    this.#freeOctets -= taken.bytes.length
    return taken
  }

  /** Takes back a buffer. It is given to nobody else before those who hold its memory have let go. */
  giveBack(buffer: BodyBuffer): void {
    if (buffer.bytes.length <= KEPT_OCTETS_MAX) buffer.memory.whenFree(() => this.#keep(buffer))
  }

  /** Makes room by dropping those that have not been of use for longest. */
  #keep(buffer: BodyBuffer): void {
    this.#free.push(buffer)
    this.#freeOctets += buffer.bytes.length
    while (this.#freeOctets > FREE_OCTETS_MAX) this.#freeOctets -= this.#free.shift()?.bytes.length ?? 0
  }
}
