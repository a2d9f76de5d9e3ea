import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ChannelModel, connect } from 'amqplib'
import { onTestFinished } from 'vitest'
import { type BrokerOptions, type RunningBroker, startBroker } from '../../src/index.js'
import { backupDirectory } from '../../src/store/lmdb/backup-directory.js'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { MessageStore } from '../../src/store/message-store.js'
import { FaultyStore } from '../support/faulty-store.js'

/** Where a broker keeps what is to survive it. */
interface Storage {
  /** What to start a broker with. */
  options(): BrokerOptions
  /** The store itself, while no broker has it. */
  open(): Promise<MessageStore>
  /** What would be left of it if the machine stopped now, which no commit may be under way for. */
  copy(): Promise<Storage>
}

class MemoryStorage implements Storage {
  readonly #store = new FaultyStore(new MemoryStore())

  options(): BrokerOptions {
    return { store: this.#store }
  }

  async open(): Promise<MessageStore> {
    return this.#store
  }

  async copy(): Promise<Storage> {
    const copy = new MemoryStorage()
    await this.#store.copyTo(await copy.open())
    return copy
  }
}

class LmdbStorage implements Storage {
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async create(): Promise<Storage> {
    const directory = await mkdtemp(join(tmpdir(), 'leveret-restart-'))
    onTestFinished(() => rm(directory, { recursive: true, force: true }))
    return new LmdbStorage(join(directory, 'data'))
  }

  options(): BrokerOptions {
    return { dataDirectory: this.#directory }
  }

  open(): Promise<MessageStore> {
    return openLmdbStore({ directory: this.#directory })
  }

  async copy(): Promise<Storage> {
    // Not file by file: what the journal holds may just be on its way to the data file.
    const directory = `${this.#directory}-copy`
    await backupDirectory(this.#directory, directory)
    return new LmdbStorage(directory)
  }
}

export const STORAGES = {
  'in memory': async (): Promise<Storage> => new MemoryStorage(),
  'on disk': () => LmdbStorage.create(),
} as const

export type StorageName = keyof typeof STORAGES
export const STORAGE_NAMES: readonly StorageName[] = ['in memory', 'on disk']

/** A broker that a test stops and starts again over what the last one has stored. All ends with the test. */
export class RestartableBroker {
  #storage: Storage
  readonly #options: BrokerOptions
  #broker: RunningBroker | undefined

  private constructor(storage: Storage, options: BrokerOptions) {
    this.#storage = storage
    this.#options = options
  }

  /** @param prepare fills the store before the first broker has it. */
  static async start(
    name: StorageName,
    options: BrokerOptions = {},
    prepare?: (store: MessageStore) => Promise<void>,
  ): Promise<RestartableBroker> {
    const storage = await STORAGES[name]()
    if (prepare) {
      const store = await storage.open()
      await prepare(store)
      await store.close()
    }
    const restartable = new RestartableBroker(storage, options)
    onTestFinished(() => restartable.#broker?.stop())
    await restartable.#start()
    return restartable
  }

  get port(): number {
    return this.#broker?.port ?? 0
  }

  /** Stops cleanly, and starts again. */
  async restart(): Promise<void> {
    await this.#broker?.stop()
    await this.#start()
  }

  /** Starts again with what a crash would have left. What was not confirmed may or may not be there. */
  async crash(): Promise<void> {
    const left = await this.#storage.copy()
    await this.#broker?.stop()
    this.#storage = left
    await this.#start()
  }

  /** A client; the end of its broker is no error of its. */
  async connect(path = '', login = 'guest:guest'): Promise<ChannelModel> {
    // With delays, whatever is sent behind an acknowledgement waits 40 ms.
    const options = { noDelay: true }
    const connection = await connect(`amqp://${login}@127.0.0.1:${this.port}${path}`, options)
    connection.on('error', () => undefined)
    return connection
  }

  async #start(): Promise<void> {
    this.#broker = await startBroker({ host: '127.0.0.1', ...this.#options, ...this.#storage.options() })
  }
}
