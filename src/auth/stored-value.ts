import type { Definition } from '../store/definitions.js'

/** The value of a definition, read field by field. Each reader throws an Error that names the id and the field. */
export class StoredValue {
  readonly #definition: Definition
  readonly #fields: ReadonlyMap<string, unknown>

  constructor(definition: Definition) {
    this.#definition = definition
    const { value } = definition
    if (typeof value !== 'object' || value === null) throw this.#damage('value', 'is no object')
    this.#fields = new Map(Object.entries(value))
  }

  text(field: string): string {
    const value = this.#fields.get(field)
    if (typeof value !== 'string') throw this.#damage(field, 'is no text')
    return value
  }

  /** One of the words that `isWord` accepts. */
  word<Word extends string>(field: string, isWord: (text: string) => text is Word): Word {
    const text = this.text(field)
    if (!isWord(text)) throw this.#damage(field, `is '${text}', which means nothing`)
    return text
  }

  texts(field: string): readonly string[] {
    const value = this.#fields.get(field)
    if (!Array.isArray(value)) throw this.#damage(field, 'is no list')
    return value.map((element: unknown) => {
      if (typeof element !== 'string') throw this.#damage(field, 'has an element that is no text')
      return element
    })
  }

  /** The named numbers of an object: those of `names` that it has. */
  numbers<Name extends string>(field: string, names: readonly Name[]): { readonly [name in Name]?: number } {
    const value = this.#fields.get(field)
    if (typeof value !== 'object' || value === null) throw this.#damage(field, 'is no object')
    const stored: ReadonlyMap<string, unknown> = new Map(Object.entries(value))
    const numbers: { [name in Name]?: number } = {}
    for (const name of names) {
      const number = stored.get(name)
      if (typeof number === 'number') numbers[name] = number
      else if (number !== undefined) throw this.#damage(`${field}.${name}`, 'is no number')
    }
    return numbers
  }

  #damage(field: string, what: string): Error {
    const { id, kind } = this.#definition
    return new Error(`definition ${id} of the data directory, a ${kind}, is damaged: its ${field} ${what}`)
  }
}
