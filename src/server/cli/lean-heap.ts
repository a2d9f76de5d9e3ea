import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import type { Environment } from './environment.js'

/**
 * How large V8's young generation may become, both halves of it. V8 doubles it whenever enough has survived, up to 32 MB,
 * and hardly ever takes that back. It costs more than its own size: the octets of buffers lie outside of the heap, and wait
 * there until it is collected.
 */
const YOUNG_BYTES_MAX = 16 * 1024 * 1024

/** How much of what has survived may come on top, in percent, until all of the heap is collected. V8 allows up to 300. */
const OLD_GROWTH_PERCENT = 60

const YOUNG_GROWTH_FACTOR = 2
const NO_GROWTH = 1

/** What there is to see and to set of V8's heap. */
export interface Heap {
  /** Both halves of the young generation. */
  youngBytes(): number
  /** Sets one of V8's flags. */
  setFlag(name: string, value: number): void
  /** Calls back some time after each collection. */
  onCollection(callback: () => void): void
}

/**
 * Keeps the heap of this process small beside the little that a broker keeps in it. The limit of the young generation can
 * only be set before a process starts, but how fast it grows at any time. Where V8 does not honour that, nothing changes.
 */
export function keepHeapLean(heap: Heap = v8Heap): void {
  heap.setFlag('heap-growing-percent', OLD_GROWTH_PERCENT)
  let factor = YOUNG_GROWTH_FACTOR
  heap.onCollection(() => {
    // V8 also makes it smaller, when the process has been idle.
    const wanted = heap.youngBytes() < YOUNG_BYTES_MAX ? YOUNG_GROWTH_FACTOR : NO_GROWTH
    if (wanted === factor) return
    factor = wanted
    heap.setFlag('semi-space-growth-factor', factor)
  })
}

/** Whether whoever started Node has chosen sizes of the heap. */
export function hasChosenHeap(nodeArguments: readonly string[], { NODE_OPTIONS = '' }: Environment): boolean {
  return [...nodeArguments, NODE_OPTIONS].some((text) => /--\w+[-_](semi[-_]space|heap[-_]size|growing)/.test(text))
}

const v8Heap: Heap = {
  youngBytes: () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0,
  setFlag: (name, value) => setFlagsFromString(`--${name}=${value}`),
  onCollection: (callback) => new PerformanceObserver(callback).observe({ entryTypes: ['gc'] }),
}
