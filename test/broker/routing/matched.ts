import type { BoundDestination, RoutedProperties, RoutingTable } from '../../../src/broker/routing/routing-table.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'

/** The destinations that a table finds for a message, each once, sorted. */
export function matched(table: RoutingTable<string>, routingKey: string, headers?: FieldTable): string[] {
  return [...new Set(visited(table, routingKey, { headers }))].sort()
}

/** The destinations that a table visits for a message, in its order. */
export function visited<Destination>(
  table: RoutingTable<Destination>,
  routingKeys: string | readonly string[],
  properties?: RoutedProperties,
): Destination[] {
  const found: Destination[] = []
  const keys = typeof routingKeys === 'string' ? [routingKeys] : routingKeys
  table.match({ routingKeys: keys, properties }, (destination) => found.push(destination))
  return found
}

/** A queue, as tables know it. */
export function boundQueue(name: string, type = 'classic'): BoundDestination {
  return { kind: 'queue', name, type }
}

/** A field table with the entries of `fields` in their order. */
export function tableOf(fields: Record<string, FieldValue>): FieldTable {
  return Object.entries(fields).map(([name, value]) => ({ name, value }))
}

export const text = (value: string): FieldValue => ({ type: 'S', value })

export const int = (value: number): FieldValue => ({ type: 'I', value })
