import type { RoutingTable } from '../../../src/broker/routing/routing-table.js'
import type { FieldTable, FieldValue } from '../../../src/protocol/field-table.js'

/** The destinations that a table finds for a message, each once, sorted. */
export function matched(table: RoutingTable<string>, routingKey: string, headers?: FieldTable): string[] {
  const found = new Set<string>()
  table.match(routingKey, headers, (destination) => found.add(destination))
  return [...found].sort()
}

/** A field table with the entries of `fields` in their order. */
export function tableOf(fields: Record<string, FieldValue>): FieldTable {
  return Object.entries(fields).map(([name, value]) => ({ name, value }))
}

export const text = (value: string): FieldValue => ({ type: 'S', value })

export const int = (value: number): FieldValue => ({ type: 'I', value })
