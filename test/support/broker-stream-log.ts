import { PagePool } from '../../src/broker/page.js'
import type { StreamSettings } from '../../src/broker/queue-settings.js'
import { StreamCursor } from '../../src/broker/stream/stream-cursor.js'
import { StreamLog } from '../../src/broker/stream/stream-log.js'
import { Message } from '../../src/protocol/message.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { RecordMemory, StoredRecord } from '../../src/store/message-store.js'
import { settled } from './broker-held-store.js'
import { bodyOf } from './broker-messages.js'
import { streamMessage } from './broker-stream.js'
import { ManualClock } from './manual-clock.js'

/** Puts what is read into the memory that it is given, as a store on disk does, and counts it. */
class LendingStore extends MemoryStore {
  recordsRead = 0
  /** All memory that anything was read into. */
  readonly buffers = new Set<ArrayBufferLike>()

  override async readRecords(
    queueId: number,
    fromSeq: number,
    toSeq: number,
    maxBytes: number,
    memory?: RecordMemory,
  ): Promise<StoredRecord[]> {
    const records = await super.readRecords(queueId, fromSeq, toSeq, maxBytes)
    this.recordsRead += records.length
    return records.map((record) => (memory ? this.#lend(record, memory) : record))
  }

  #lend(record: StoredRecord, memory: RecordMemory): StoredRecord {
    const bytes = memory.take(record.bytes.length)
    bytes.set(record.bytes)
    this.buffers.add(bytes.buffer)
    return { ...record, bytes }
  }
}

const SETTINGS = { maxAgeMs: undefined, maxLengthBytes: undefined, segmentBytes: 1e6, filterBytes: 16 }

/** A stream without a queue and a broker around it, the log of queue 1 in a store of its own. */
export function lonelyLog(settings: Partial<StreamSettings> = {}, pool = new PagePool()) {
  const store = new LendingStore()
  const readers: LogReader[] = []
  const goOn = () => {
    for (const reader of readers) reader.goOn()
  }
  const log = new StreamLog({
    pool,
    clock: new ManualClock(),
    settings: { ...SETTINGS, ...settings },
    readRecords: (fromSeq, toSeq) => store.readRecords(1, fromSeq, toSeq, 1e6, pool.records),
    onDirty: () => undefined,
    onLoaded: () => goOn(),
    onLost: (error) => {
      throw error
    },
  })
  const commit = async () => {
    log.collect(store, 1)
    await store.commit()
    log.committed()
    goOn()
  }
  /** Appends bodies that begin with their offset, and stores so many at a time. */
  const fill = async (messages: number, bodyBytes: number, atOnce: number) => {
    for (let n = 1; n <= messages; n++) {
      log.append(streamMessage(`${log.nextSeq} `.padEnd(bodyBytes, 'b')))
      if (n % atOnce === 0 || n === messages) await commit()
    }
  }
  /** Somebody who reads from an offset on. */
  const reader = (offset: number) => {
    const added = new LogReader(log, offset)
    readers.push(added)
    return added
  }
  return { pool, store, log, commit, fill, reader }
}

/** Reads a log, and checks that the bodies are those of `lonelyLog`'s `fill`. */
class LogReader {
  readonly #cursor: StreamCursor
  readonly #log: StreamLog
  readonly #view = new Message()
  #wanted = 0
  /** Offsets that it has read. */
  readonly seqs: number[] = []

  constructor(log: StreamLog, offset: number) {
    this.#log = log
    const subscription = { filter: undefined, matchesUnfiltered: false, isTracked: false }
    this.#cursor = new StreamCursor(log, { ...subscription, offset: { offset } }, 0)
    log.addReader(this.#cursor)
  }

  /** Asks for `count` messages more, and reads what is in memory of them; `goOn` reads the others. */
  ask(count: number): void {
    this.#wanted = count
    this.goOn()
  }

  goOn(): void {
    while (this.#wanted > 0) {
      const seq = this.#cursor.read(this.#view)
      if (seq < 0) break
      if (Number.parseInt(bodyOf(this.#view), 10) !== seq) throw new Error(`not the message at ${seq}`)
      this.seqs.push(seq)
      this.#wanted--
    }
    this.#cursor.rest()
  }

  /** Reads `count` messages, or all that are left. */
  async read(count: number): Promise<void> {
    this.ask(count)
    while (this.#wanted > 0 && this.#cursor.nextSeq < this.#log.committedSeq) await settled()
  }

  leave(): void {
    this.#log.removeReader(this.#cursor)
  }
}
