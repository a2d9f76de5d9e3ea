import type { ByteString } from '../../base/byte-string.js'
import { type FieldTable, type FieldValue, lookup } from '../../protocol/field-table.js'
import { xMatchOf } from './headers-table.js'
import type { ExchangeTypeName } from './routing-table.js'
import { countManyWords } from './topic-trie.js'

/**
 * Checks what an exchange of `type` demands of its bindings before anything is changed.
 *
 * @param manyWordsMax how many `#` words a topic binding key may have: 2 in RabbitMQ 4.3, without limit before.
 * @throws InvalidBindingArgument
 */
export function validateBinding(
  type: ExchangeTypeName,
  bindingKey: ByteString,
  args: FieldTable,
  manyWordsMax = Number.POSITIVE_INFINITY,
): void {
  if (type === 'headers') validateXMatch(args)
  if (type === 'topic') validateManyWords(bindingKey, manyWordsMax)
}

/** What is wrong with a binding. RabbitMQ answers each with PRECONDITION_FAILED and a text of its own. */
export type BindingViolation =
  | { readonly kind: 'x-match-value'; readonly value: ByteString }
  | { readonly kind: 'x-match-type'; readonly value: FieldValue }
  | { readonly kind: 'topic-wildcards'; readonly bindingKey: ByteString; readonly count: number }

/** Thrown for a binding that its source exchange refuses. Whoever answers the client words the reply text. */
export class InvalidBindingArgument extends Error {
  readonly violation: BindingViolation

  constructor(violation: BindingViolation) {
    super(`invalid binding: ${violation.kind}`)
    this.name = 'InvalidBindingArgument'
    this.violation = violation
  }
}

function validateXMatch(args: FieldTable): void {
  if (xMatchOf(args) !== undefined) return
  const value = lookup(args, 'x-match')
  if (value === undefined) return
  throw new InvalidBindingArgument(
    value.type === 'S' ? { kind: 'x-match-value', value: value.value } : { kind: 'x-match-type', value },
  )
}

function validateManyWords(bindingKey: ByteString, max: number): void {
  const count = countManyWords(bindingKey)
  if (count > max) throw new InvalidBindingArgument({ kind: 'topic-wildcards', bindingKey, count })
}
