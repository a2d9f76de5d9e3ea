import type { ByteString } from '../base/byte-string.js'
import type { BrokerParts } from './broker-parts.js'
import type { QueueType } from './declaration/queue-type.js'
import {
  type VirtualHostFacts,
  virtualHostLimitsCleared,
  virtualHostLimitsSet,
  virtualHostTagsSet,
  virtualHostUpdated,
} from './events/definition-events.js'
import { DefinitionKind, type StoredVirtualHost } from './stored-definitions.js'
import type { VirtualHostLimits, VirtualHostMetadata } from './virtual-host-metadata.js'

/** What is known of one virtual host beside its contents: as it is stored, and who hears of its changes. */
export class VirtualHostDefinition {
  readonly #id: number
  readonly #vhost: VirtualHostFacts
  readonly #parts: Pick<BrokerParts, 'definitions' | 'events' | 'limits'>
  #metadata: VirtualHostMetadata

  /** @param vhost the virtual host, whose metadata this keeps. */
  constructor(
    id: number,
    vhost: VirtualHostFacts,
    parts: Pick<BrokerParts, 'definitions' | 'events' | 'limits'>,
    metadata: VirtualHostMetadata,
  ) {
    this.#id = id
    this.#vhost = vhost
    this.#parts = parts
    this.#metadata = metadata
  }

  get metadata(): VirtualHostMetadata {
    return this.#metadata
  }

  get defaultQueueType(): QueueType {
    return this.#metadata.defaultQueueType ?? this.#parts.limits.defaultQueueType
  }

  change(changes: Partial<VirtualHostMetadata>, by: ByteString): void {
    const before = this.#metadata
    this.#metadata = { ...before, ...changes }
    this.store()
    this.#tellChanges(before, by)
  }

  store(): void {
    const stored: StoredVirtualHost = { name: this.#vhost.name, ...this.#metadata }
    this.#parts.definitions.put(this.#id, DefinitionKind.VIRTUAL_HOST, stored)
  }

  #tellChanges(before: VirtualHostMetadata, by: ByteString): void {
    const { events } = this.#parts
    const { name } = this.#vhost
    const { description, tags, defaultQueueType, limits, isProtected } = this.#metadata
    const hasOtherTags = JSON.stringify(tags) !== JSON.stringify(before.tags)
    const hasOtherText = description !== before.description || defaultQueueType !== before.defaultQueueType
    if (hasOtherTags || hasOtherText || isProtected !== before.isProtected) virtualHostUpdated(events, this.#vhost, by)
    if (hasOtherTags) virtualHostTagsSet(events, name, tags, by)
    if (sameLimits(limits, before.limits)) return
    if (sameLimits(limits, {})) virtualHostLimitsCleared(events, name, by)
    else virtualHostLimitsSet(events, name, limits, by)
  }
}

function sameLimits(a: VirtualHostLimits, b: VirtualHostLimits): boolean {
  return a.maxConnections === b.maxConnections && a.maxQueues === b.maxQueues
}
