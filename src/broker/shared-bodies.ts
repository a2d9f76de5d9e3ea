import { HeldMemory } from '../base/held-memory.js'
import type { Log } from '../base/log.js'
import type { Message } from '../protocol/message.js'
import { longLongAt, putLongLong } from '../protocol/octets.js'
import type { MessageStore } from '../store/message-store.js'
import type { BatchSource, Committer } from './committer.js'

/** What shared bodies lie in is not used again, so that whoever refers to it has it for as long as that. */
const NEVER_REUSED = new HeldMemory()

/** Octets that stand for a shared body in a page or record: its id and its size, 64 bits each. */
export const REFERENCE_OCTETS = 16

export interface BodyReference {
  readonly id: number
  readonly bodyBytes: number
}

export function readReference(bytes: Uint8Array, at: number): BodyReference {
  return { id: longLongAt(bytes, at), bodyBytes: longLongAt(bytes, at + 8) }
}

export function putReference(bytes: Uint8Array, at: number, { id, bodyBytes }: BodyReference): void {
  putLongLong(bytes, at, id)
  putLongLong(bytes, at + 8, bodyBytes)
}

/** A body that several queues hold: in memory once, in the store once. Counted by the messages that are made of it. */
export class SharedBody {
  readonly id: number
  /** Undefined while no message in memory needs it. */
  bytes: Buffer | undefined
  /** Messages that are not settled, in memory or not. */
  references = 0
  /** Those of them in memory, and those that are about to be. */
  residents = 0
  isStored = false

  constructor(id: number, bytes: Buffer | undefined) {
    this.id = id
    this.bytes = bytes
  }
}

/**
 * The bodies too large for a page that more than one queue got, so that a fanout of a large message does not multiply it.
 *
 * A body is stored with the first record that refers to it, and removed in the batch that notes its last message as
 * settled. The counts are not stored: recovery counts the records, and removes what none refers to.
 */
export class SharedBodies implements BatchSource {
  readonly #store: MessageStore
  readonly #committer: Pick<Committer, 'touch' | 'touchDefinitions'>
  readonly #log: Log
  readonly #bodies = new Map<number, SharedBody>()
  #nextId = 1
  #removed: number[] = []

  constructor(store: MessageStore, committer: Pick<Committer, 'touch' | 'touchDefinitions'>, log: Log) {
    this.#store = store
    this.#committer = committer
    this.#log = log
  }

  /** Bodies that some message is made of. */
  get size(): number {
    return this.#bodies.size
  }

  /** Takes a body in, copying it. Nothing refers to it yet. */
  add(body: Uint8Array): SharedBody {
    const shared = new SharedBody(this.#nextId++, Buffer.from(body))
    this.#bodies.set(shared.id, shared)
    return shared
  }

  /** Points `view`, whose body is a reference, at the body itself. @throws Error when the body is not in memory. */
  pointAtBody(view: Message): void {
    const { id } = readReference(view.body, view.bodyStart)
    const bytes = this.#bodies.get(id)?.bytes
    if (!bytes) throw new Error(`the shared body ${id} is not in memory`)
    view.body = bytes
    view.bodyStart = 0
    view.bodyEnd = bytes.length
    view.bodyMemory = NEVER_REUSED
  }

  /** The body that a stored message refers to. Made known by it if it is not. */
  known(id: number): SharedBody {
    let shared = this.#bodies.get(id)
    if (!shared) {
      shared = new SharedBody(id, undefined)
      shared.isStored = true
      this.#bodies.set(id, shared)
      this.#nextId = Math.max(this.#nextId, id + 1)
    }
    return shared
  }

  /** A message that refers to it has come into being. */
  refer(shared: SharedBody): void {
    shared.references++
  }

  /** A message that refers to it is settled. */
  release(shared: SharedBody): void {
    if (--shared.references > 0) return
    this.#bodies.delete(shared.id)
    if (!shared.isStored) return
    if (this.#removed.length === 0) this.#committer.touch(this)
    this.#removed.push(shared.id)
  }

  /** Forgets a body that no queue took. */
  releaseUnused(shared: SharedBody): void {
    if (shared.references === 0) this.#bodies.delete(shared.id)
  }

  /** A message that refers to it is in memory from now on; `leave` takes that back. */
  enter(shared: SharedBody): void {
    shared.residents++
  }

  leave(shared: SharedBody): void {
    if (--shared.residents === 0 && shared.isStored) shared.bytes = undefined
  }

  /** Hands the body to the store with the first record that refers to it. */
  storeOnce(shared: SharedBody): void {
    if (shared.isStored || !shared.bytes) return
    shared.isStored = true
    this.#store.putBlob(shared.id, shared.bytes)
  }

  /**
   * Keeps bodies in memory until `letGo`, for messages that are about to enter it: another queue may be done with one of
   * them before they have. Those that are not there are read.
   * @param onDamage called for each that is damaged or missing: `has` says so afterwards.
   */
  async hold(ids: Iterable<number>, onDamage: (error: unknown) => void): Promise<readonly SharedBody[]> {
    const held: SharedBody[] = []
    for (const id of ids) {
      const shared = this.#bodies.get(id)
      // One that is not known any more was released while others were read.
      if (!shared) continue
      this.enter(shared)
      held.push(shared)
      if (!shared.bytes) await this.#read(shared, onDamage)
    }
    return held
  }

  letGo(held: readonly SharedBody[]): void {
    for (const shared of held) this.leave(shared)
  }

  async #read(shared: SharedBody, onDamage: (error: unknown) => void): Promise<void> {
    const { id } = shared
    try {
      const bytes = await this.#store.readBlob(id)
      if (bytes) shared.bytes ??= Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      else if (this.#bodies.has(id)) onDamage(new Error(`the message body stored as ${id} is missing`))
    } catch (error) {
      onDamage(error)
    }
  }

  /** Whether the body is in memory. */
  has(id: number): boolean {
    return this.#bodies.get(id)?.bytes !== undefined
  }

  collect(store: MessageStore): void {
    for (const id of this.#removed) store.removeBlob(id)
    this.#removed = []
  }

  /** Removes stored bodies that no record refers to: a crash came between. Called once, when all are counted. */
  async removeUnreferred(): Promise<void> {
    let removed = 0
    for await (const id of this.#store.loadBlobIds()) {
      this.#nextId = Math.max(this.#nextId, id + 1)
      if (this.#bodies.has(id)) continue
      this.#store.removeBlob(id)
      this.#committer.touchDefinitions()
      removed++
    }
    if (removed > 0) this.#log.info({ removed }, 'removed stored message bodies that nothing refers to')
  }
}
