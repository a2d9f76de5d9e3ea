import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import type { AlarmKind, Alarms } from '../base/alarms.js'
import type { Clock, Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'

/** How often both are looked at: RabbitMQ's interval for memory. */
const INTERVAL_MS = 1000
const PAGE_BYTES = 4096

export interface ResourceLimits {
  /** Publishers are blocked while the process holds more memory than this. */
  readonly memoryBytes: number
  /** Publishers are blocked while the disk of the data directory has less free than this. */
  readonly diskFreeBytes: number
  readonly dataDirectory: string | undefined
}

/** What the machine has left: a program may make it up, to see its clients blocked. */
export interface Resources {
  /** Bytes of memory that this process holds. */
  usedMemoryBytes(): number
  /** Bytes free on the disk of a directory; `undefined` stands for a broker in memory, which may answer what it likes. */
  freeDiskBytes(directory: string | undefined): Promise<number>
}

/** Raises and clears the alarms for memory and disk. */
export class ResourceMonitor {
  readonly #limits: ResourceLimits
  readonly #alarms: Alarms
  readonly #log: Log
  readonly #resources: Resources
  readonly #timer: Timer
  #isLooking = false

  constructor(limits: ResourceLimits, alarms: Alarms, clock: Clock, log: Log, resources: Resources) {
    this.#limits = limits
    this.#alarms = alarms
    this.#log = log
    this.#resources = resources
    this.#timer = clock.every(INTERVAL_MS, () => void this.look())
  }

  /** Looks now. Never rejects: what cannot be read is logged, and changes no alarm. */
  async look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    const { memoryBytes, diskFreeBytes, dataDirectory } = this.#limits
    const used = this.#resources.usedMemoryBytes()
    this.#set('memory', used > memoryBytes, { used, limit: memoryBytes })
    try {
      const free = await this.#resources.freeDiskBytes(dataDirectory)
      this.#set('disk', free < diskFreeBytes, { free, limit: diskFreeBytes })
    } catch (err) {
      this.#log.warn({ err, dataDirectory }, 'the free space of the disk cannot be read')
    }
    this.#isLooking = false
  }

  stop(): void {
    this.#timer.cancel()
  }

  #set(kind: AlarmKind, isShort: boolean, facts: Readonly<Record<string, number>>): void {
    if (isShort && this.#alarms.raise(kind)) this.#log.warn(facts, `${kind} alarm: publishers are blocked`)
    if (!isShort && this.#alarms.clear(kind)) this.#log.info(facts, `${kind} alarm cleared`)
  }
}

/** Memory that the machine, or the container, has for this process. */
export function availableMemoryBytes(): number {
  // Not imported from `node:process`: that reads every property of it, standard input among them, and takes 2 ms.
  const limit = process.constrainedMemory() ?? 0
  const total = totalmem()
  return limit > 0 && limit < total ? limit : total
}

/** The machine as it is. */
export const systemResources: Resources = {
  usedMemoryBytes,
  async freeDiskBytes(directory) {
    if (directory === undefined) return Number.POSITIVE_INFINITY
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  },
}

/** Resident memory without the pages of mapped files: those are the kernel's cache of the data file, not ours to hold. */
function usedMemoryBytes(): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss()
  const [, resident, shared] = readFileSync('/proc/self/statm', 'latin1').split(' ').map(Number)
  return ((resident ?? 0) - (shared ?? 0)) * PAGE_BYTES
}
