import type { FieldTable, FieldValue } from '../../protocol/field-table.js'

/**
 * A string that two argument tables of bindings share exactly when RabbitMQ takes them for the same.
 *
 * The order of the arguments does not matter, but their types do: `1` as `b` and as `I` are two bindings. As in
 * RabbitMQ only the table itself is sorted; tables within it are compared in their wire order.
 */
export function argumentIdentity(args: FieldTable): string {
  if (args.length === 0) return ''
  const sorted = args.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return fieldValueIdentity({ type: 'F', value: sorted })
}

/**
 * A string that two values share exactly when they have the same type and content, through all levels.
 *
 * Every string in it is preceded by its length and every list by its size, so that no content imitates a structure.
 * Peers decide how deep values nest, hence a list of what is left to render instead of recursion.
 */
export function fieldValueIdentity(value: FieldValue): string {
  let identity = ''
  const left: (FieldValue | string)[] = [value]
  for (let item = left.pop(); item !== undefined; item = left.pop()) {
    if (typeof item === 'string') identity += sized(item)
    else if (item.type === 'A') {
      identity += `A${item.value.length}:`
      for (const element of item.value.toReversed()) left.push(element)
    } else if (item.type === 'F') {
      identity += `F${item.value.length}:`
      for (const field of item.value.toReversed()) left.push(field.value, field.name)
    } else identity += `${item.type}${scalarIdentity(item)};`
  }
  return identity
}

function scalarIdentity(value: Exclude<FieldValue, { type: 'A' | 'F' }>): string {
  switch (value.type) {
    case 'V':
      return ''
    case 'S':
    case 'x':
      return sized(value.value)
    case 'D':
      return `${value.value}/${value.scale}`
    case 'f':
    case 'd':
      return floatIdentity(value.value)
    default:
      return String(value.value)
  }
}

/** Erlang holds the two zeros apart, and so does RabbitMQ since it runs on OTP 27. */
export function floatIdentity(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function sized(text: string): string {
  return `${text.length}:${text}`
}
