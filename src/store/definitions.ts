import type { MessageStore } from './message-store.js'

/** A stored definition: `kind` says who understands `value`, which is plain JSON. */
export interface Definition {
  readonly id: number
  readonly kind: string
  readonly value: unknown
}

/**
 * The definitions of a store (users, virtual hosts, exchanges, queues, bindings) as JSON values under ids of their own.
 *
 * Ids count up and no two live definitions share one, so that a queue's id can key its records: whoever removes a queue
 * removes its records in the same batch.
 * Changes join the current batch of the store; whoever promises durability waits for its commit.
 */
export class Definitions {
  readonly #store: MessageStore
  readonly #loaded: Definition[] = []
  #nextId = 1
  /** Called after each change: it has joined the store's current batch, which somebody has to commit. */
  onChange: () => void = () => undefined

  private constructor(store: MessageStore) {
    this.#store = store
  }

  /** Reads what the store holds. @throws Error naming the id, when a definition is not the JSON that was stored. */
  static async load(store: MessageStore): Promise<Definitions> {
    const definitions = new Definitions(store)
    for await (const { id, bytes } of store.loadDefinitions()) {
      definitions.#loaded.push(decode(id, bytes))
      definitions.#nextId = Math.max(definitions.#nextId, id + 1)
    }
    definitions.#loaded.sort((a, b) => a.id - b.id)
    return definitions
  }

  /** What was loaded of one kind, oldest first. Later changes do not show. */
  loaded(kind: string): readonly Definition[] {
    return this.#loaded.filter((definition) => definition.kind === kind)
  }

  /** Takes an id that no definition has or will have. */
  takeId(): number {
    return this.#nextId++
  }

  /** Stores `value` under `id`, replacing what was there. */
  put(id: number, kind: string, value: object): void {
    this.putCollected(id, kind, value)
    this.onChange()
  }

  /** The same for whoever is handing over a batch that is being committed: nobody has to be told. */
  putCollected(id: number, kind: string, value: object): void {
    this.#store.putDefinition(id, Buffer.from(JSON.stringify({ kind, value }), 'utf8'))
  }

  remove(id: number): void {
    this.#store.removeDefinition(id)
    this.onChange()
  }
}

function decode(id: number, bytes: Uint8Array): Definition {
  const parsed = parse(id, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  if (typeof parsed !== 'object' || parsed === null || !('kind' in parsed) || !('value' in parsed)) {
    throw new Error(`definition ${id} of the data directory has no kind or no value: the directory is damaged`)
  }
  if (typeof parsed.kind !== 'string')
    throw new Error(`definition ${id} of the data directory has a kind that is no word`)
  return { id, kind: parsed.kind, value: parsed.value }
}

function parse(id: number, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`definition ${id} of the data directory is not JSON: the directory is damaged`, { cause })
  }
}
