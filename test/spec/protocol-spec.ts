import { readFileSync } from 'node:fs'

/** The protocol definition as data, for tests that compare the codec with it. */

export type SpecFieldType = 'octet' | 'short' | 'long' | 'longlong' | 'shortstr' | 'longstr' | 'bit' | 'table'

export interface SpecField {
  readonly name: string
  readonly type: SpecFieldType
  readonly reserved?: boolean
}

export interface SpecMethod {
  readonly id: number
  readonly name: string
  readonly direction: 'client' | 'server' | 'both'
  readonly content?: boolean
  readonly extension?: boolean
  readonly replies?: readonly string[]
  readonly doc: string
  readonly fields: readonly SpecField[]
}

export interface SpecClass {
  readonly id: number
  readonly name: string
  readonly methods: readonly SpecMethod[]
}

export interface ProtocolSpec {
  readonly classes: readonly SpecClass[]
  readonly contentProperties: readonly { readonly bit: number; readonly name: string; readonly type: string }[]
  readonly replyCodes: readonly {
    readonly code: number
    readonly name: string
    readonly error: 'soft' | 'hard' | null
  }[]
}

// The file has this shape, which a type cannot prove; the tests that use it would fail if it had not.
export const SPEC = JSON.parse(
  readFileSync(new URL('../../spec/amqp0-9-1.json', import.meta.url), 'utf8'),
) as ProtocolSpec

/** A method with its class: `queue.declare`, `QueueDeclare` and the id of its payload. */
export interface NamedMethod extends SpecMethod {
  readonly fullName: string
  readonly pascalName: string
  readonly payloadId: number
}

export const METHODS: readonly NamedMethod[] = SPEC.classes.flatMap((owner) =>
  owner.methods.map((method) => {
    const fullName = `${owner.name}.${method.name}`
    return { ...method, fullName, pascalName: pascalCase(fullName), payloadId: owner.id * 65536 + method.id }
  }),
)

/** `queue.declare-ok` to `QueueDeclareOk`. */
export function pascalCase(name: string): string {
  return name.replace(/(?:^|[.-])(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** `auto-delete` to `autoDelete`. */
export function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
