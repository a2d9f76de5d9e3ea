import type { ByteString } from '../base/byte-string.js'
import type { Definitions } from '../store/definitions.js'

/** A row as it is listed and stored, and what its patterns compile to. */
export interface PermissionEntry<Row, Compiled> {
  readonly id: number
  readonly row: Row
  readonly compiled: Compiled
}

/** A table of permissions under the names that they are for, each row of it a stored definition. */
export class PermissionRows<Row extends object, Compiled> {
  readonly #definitions: Definitions
  readonly #kind: string
  readonly #namesOf: (row: Row) => readonly ByteString[]
  readonly #entries = new Map<string, PermissionEntry<Row, Compiled>>()

  /** `namesOf` tells what a row is for; no two rows are for the same. */
  constructor(definitions: Definitions, kind: string, namesOf: (row: Row) => readonly ByteString[]) {
    this.#definitions = definitions
    this.#kind = kind
    this.#namesOf = namesOf
  }

  /** Takes in a row that is stored already. */
  restore(id: number, row: Row, compiled: Compiled): void {
    this.#entries.set(keyOf(this.#namesOf(row)), { id, row, compiled })
  }

  /** Stores a row in place of the one for the same names. */
  set(row: Row, compiled: Compiled): void {
    const key = keyOf(this.#namesOf(row))
    const id = this.#entries.get(key)?.id ?? this.#definitions.takeId()
    this.#definitions.put(id, this.#kind, row)
    this.#entries.set(key, { id, row, compiled })
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  get(names: readonly ByteString[]): PermissionEntry<Row, Compiled> | undefined {
    return this.#entries.get(keyOf(names))
  }

  list(): Row[] {
    return Array.from(this.#entries.values(), ({ row }) => row)
  }

  /** @returns how many rows there were. */
  removeWhere(isRemoved: (row: Row) => boolean): number {
    let count = 0
    for (const [key, { id, row }] of this.#entries) {
      if (!isRemoved(row)) continue
      this.#entries.delete(key)
      this.#definitions.remove(id)
      count++
    }
    return count
  }
}

/** One text for several names. The lengths keep apart what a separator could not: names may contain any octet. */
function keyOf(names: readonly ByteString[]): string {
  return names.map((name) => `${name.length}:${name}`).join('')
}
