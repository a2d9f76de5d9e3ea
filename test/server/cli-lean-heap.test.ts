import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { describe, expect, it } from 'vitest'
import { type Heap, hasChosenHeap, keepHeapLean } from '../../src/server/cli/lean-heap.js'

const MIB = 1024 * 1024

/** Later versions of V8 may not let a running process change them. */
const FOLLOWS_FLAGS = process.versions.node.startsWith('20.')

/** Has a lot survive, a little in each turn, and prints how large that has made the young generation. */
const SURVIVORS = `
import { getHeapSpaceStatistics } from 'node:v8'
let kept = []
for (let turn = 0; turn < 1_500; turn++) {
  for (let i = 0; i < 2_000; i++) kept.push({ i, list: [i] })
  if (kept.length > 300_000) kept = kept.slice(-150_000)
  await new Promise((resolve) => setImmediate(resolve))
}
console.log(Math.round(getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size / 2 ** 20))
`

/** A young generation that grows by its factor at each collection, as V8's does when much survives. */
class GrowingHeap implements Heap {
  size = MIB
  readonly flags: string[] = []
  #factor = 2
  #collected: () => void = () => undefined

  youngBytes(): number {
    return this.size
  }

  setFlag(name: string, value: number): void {
    if (name === 'semi-space-growth-factor') this.#factor = value
    this.flags.push(`${name}=${value}`)
  }

  onCollection(callback: () => void): void {
    this.#collected = callback
  }

  collect(times: number): void {
    for (let i = 0; i < times; i++) {
      this.size = Math.min(this.size * this.#factor, 32 * MIB)
      this.#collected()
    }
  }
}

describe('the heap of the command', () => {
  it('has a young generation that grows to 16 MiB and no further', () => {
    const heap = new GrowingHeap()
    keepHeapLean(heap)
    heap.collect(10)
    expect(heap.size).toBe(16 * MIB)
    expect(heap.flags).toEqual(['heap-growing-percent=60', 'semi-space-growth-factor=1'])
  })

  it('lets its young generation grow again after V8 has made it smaller', () => {
    const heap = new GrowingHeap()
    keepHeapLean(heap)
    heap.collect(10)
    heap.size = 2 * MIB
    heap.collect(1)
    expect(heap.size).toBe(2 * MIB)
    heap.collect(10)
    expect(heap.size).toBe(16 * MIB)
    expect(heap.flags.slice(1)).toEqual([
      'semi-space-growth-factor=1',
      'semi-space-growth-factor=2',
      'semi-space-growth-factor=1',
    ])
  })

  it.runIf(FOLLOWS_FLAGS)('is that of Node', async () => {
    const input = fileURLToPath(new URL('../../src/server/cli/lean-heap.ts', import.meta.url))
    const { output } = await build({ input, platform: 'node', write: false })
    const module = `data:text/javascript,${encodeURIComponent(output[0].code)}`
    const youngMiB = (prelude: string) => {
      const program = [prelude, SURVIVORS].join('\n')
      return Number(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }))
    }
    expect(youngMiB(`import { keepHeapLean } from ${JSON.stringify(module)}; keepHeapLean()`)).toBe(16)
    expect(youngMiB('')).toBeGreaterThan(16)
  })

  it.each([
    { nodeArguments: [], environment: {}, isChosen: false },
    { nodeArguments: ['--max-old-space-size=100'], environment: { NODE_OPTIONS: '--trace-gc' }, isChosen: false },
    { nodeArguments: ['--max-semi-space-size=64'], environment: {}, isChosen: true },
    { nodeArguments: ['--max-heap-size=500'], environment: {}, isChosen: true },
    { nodeArguments: ['--heap-growing-percent=10'], environment: {}, isChosen: true },
    { nodeArguments: ['--min_semi_space_size', '64'], environment: {}, isChosen: true },
    { nodeArguments: [], environment: { NODE_OPTIONS: '--trace-gc --max-semi-space-size=64' }, isChosen: true },
  ])('is left to whoever started Node with $nodeArguments $environment: $isChosen', (start) => {
    expect(hasChosenHeap(start.nodeArguments, start.environment)).toBe(start.isChosen)
  })
})
