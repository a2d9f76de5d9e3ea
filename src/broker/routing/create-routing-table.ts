import { DirectTable } from './direct-table.js'
import { FanoutTable } from './fanout-table.js'
import { HeadersTable } from './headers-table.js'
import type { ExchangeTypeName, RoutingTable } from './routing-table.js'
import { TopicTrie } from './topic-trie.js'

/** An empty table that routes as exchanges of `type` do. */
export function createRoutingTable<Destination>(type: ExchangeTypeName): RoutingTable<Destination> {
  switch (type) {
    case 'direct':
      return new DirectTable()
    case 'fanout':
      return new FanoutTable()
    case 'topic':
      return new TopicTrie()
    case 'headers':
      return new HeadersTable()
  }
}
