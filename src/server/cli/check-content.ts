import { decodeMessageRecord } from '../../broker/message-record.js'
import { type RecordEntry, readRecord, referenceOf, StoredState, withSettled } from '../../broker/queue-record.js'
import type { Finding, StoredItem } from '../../store/lmdb/examine.js'
import { DefinitionCheck } from './check-definitions.js'

type RecordItem = Extract<StoredItem, { kind: 'record' }>

/** Judges what a data directory holds: what the store cannot know, since to it everything is octets. */
export class ContentCheck {
  readonly #definitions = new DefinitionCheck()
  #definitionsDone = false
  readonly #damagedRecords = new Set<string>()
  /** Messages by the id of a queue that is not stored. */
  readonly #orphans = new Map<number, number>()
  /** Messages by the id of the shared body that they refer to, as long as that has not been found. */
  readonly #missingBodies = new Map<number, number>()
  readonly #counts = { definitions: 0, queues: 0, records: 0, messages: 0, blobs: 0 }

  /** Takes what was found in the order of `examine`. @returns what is wrong, a sentence each. */
  add(finding: Finding): string[] {
    if ('damage' in finding) return [`cannot be read: ${finding.damage}`]
    const { item } = finding
    if (item.kind === 'definition') return this.#addDefinition(item.id, item.bytes)
    const complaints = this.#finishDefinitions()
    if (item.kind === 'record') complaints.push(...this.#addRecord(item))
    else this.#addBody(item.blobId)
    return complaints
  }

  /** @returns what is wrong with everything together, a sentence each. */
  finish(): string[] {
    const complaints = this.#finishDefinitions()
    for (const [queueId, messages] of this.#orphans) {
      complaints.push(`${counted(messages, 'message')} of queue ${queueId}, which no definition describes`)
    }
    for (const [bodyId, messages] of this.#missingBodies) {
      complaints.push(`${counted(messages, 'message')} with the shared message body ${bodyId}, which is missing`)
    }
    return complaints
  }

  /** What the broker can use of an item, which may be all or nothing of it; known after `finish`. */
  usablePart(item: StoredItem): StoredItem | undefined {
    if (item.kind === 'definition') return this.#definitions.isUsable(item.id) ? item : undefined
    if (item.kind === 'blob') return item
    if (this.#damagedRecords.has(placeOf(item))) return undefined
    if (this.#definitions.keeperIds.has(item.queueId)) return item
    return this.#definitions.queueIds.has(item.queueId) ? this.#withoutMissingBodies(item) : undefined
  }

  /** Whether there is anything that can be used; known after `finish`. */
  get hasAny(): boolean {
    return this.#counts.definitions + this.#counts.records > 0
  }

  /** What can be used, for people. */
  get summary(): string {
    const { definitions, queues, messages, records, blobs } = this.#counts
    const bodies = blobs > 0 ? `, ${counted(blobs, 'shared message body', 'shared message bodies')}` : ''
    return `${counted(definitions, 'definition')}, ${counted(queues, 'queue')}, ${counted(messages, 'message')} in ${counted(records, 'record')}${bodies}`
  }

  /** Bodies come after the records. One that nothing refers to is what a crash leaves: the broker removes it. */
  #addBody(bodyId: number): void {
    this.#counts.blobs++
    this.#missingBodies.delete(bodyId)
  }

  #withoutMissingBodies(item: RecordItem): RecordItem {
    if (this.#missingBodies.size === 0) return item
    const lost = messagesOf(item).filter(
      (entry) => entry.isShared && this.#missingBodies.has(referenceOf(item.bytes, entry).id),
    )
    return lost.length === 0 ? item : { ...item, settled: withSettled(item.settled, lost) }
  }

  #addDefinition(id: number, bytes: Uint8Array): string[] {
    const complaint = this.#definitions.add(id, bytes)
    if (complaint !== undefined) return [complaint]
    this.#counts.definitions++
    return []
  }

  #finishDefinitions(): string[] {
    if (this.#definitionsDone) return []
    this.#definitionsDone = true
    const complaints = this.#definitions.finish()
    this.#counts.definitions -= complaints.length
    this.#counts.queues = this.#definitions.queueIds.size
    return complaints
  }

  #addRecord(item: RecordItem): string[] {
    const { queueId } = item
    try {
      if (this.#definitions.keeperIds.has(queueId)) {
        decodeMessageRecord(item.bytes)
        this.#counts.records++
        this.#counts.messages++
        return []
      }
      const messages = messagesOf(item)
      if (this.#definitions.queueIds.has(queueId)) {
        this.#counts.records++
        this.#counts.messages += messages.length
        for (const entry of messages)
          if (entry.isShared) count(this.#missingBodies, referenceOf(item.bytes, entry).id, 1)
      } else if (messages.length > 0) {
        // A transient queue that was written because memory was short is not stored, and neither are its messages.
        count(this.#orphans, queueId, messages.length)
      }
      return []
    } catch (error) {
      this.#damagedRecords.add(placeOf(item))
      const reason = error instanceof Error ? error.message : String(error)
      return [`the record at ${item.firstSeq} of queue ${queueId}: ${reason}`]
    }
  }
}

/** Those that a broker would deliver after a restart. */
function messagesOf({ bytes, settled }: RecordItem): RecordEntry[] {
  return readRecord(bytes, settled).filter(({ state, isTransient }) => state !== StoredState.SETTLED && !isTransient)
}

function count(counts: Map<number, number>, key: number, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more)
}

function placeOf({ queueId, firstSeq }: RecordItem): string {
  return `${queueId}/${firstSeq}`
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
