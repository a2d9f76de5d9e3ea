import { describe, expect, it } from 'vitest'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { recordsOf } from './message-store-contract.js'

describe('Definitions', () => {
  it('finds nothing in an empty store', async () => {
    const definitions = await Definitions.load(new MemoryStore())
    expect(definitions.loaded('queue')).toEqual([])
    expect(definitions.takeId()).toBe(1)
  })

  it('returns after a restart what was committed, by kind, oldest first', async () => {
    const store = new MemoryStore()
    const first = await Definitions.load(store)
    for (const [kind, name] of [
      ['queue', 'b'],
      ['user', 'ann'],
      ['queue', 'a'],
      ['queue', 'gone'],
    ]) {
      first.put(first.takeId(), kind ?? '', { name, arguments: { n: 1, deep: [null, 'ü', true] } })
    }
    first.remove(4)
    first.put(1, 'queue', { name: 'changed' })
    await store.commit()
    first.put(first.takeId(), 'queue', { name: 'not committed' })
    await store.close()
    const second = await Definitions.load(store)
    expect(second.loaded('queue')).toEqual([
      { id: 1, kind: 'queue', value: { name: 'changed' } },
      { id: 3, kind: 'queue', value: { name: 'a', arguments: { n: 1, deep: [null, 'ü', true] } } },
    ])
    expect(second.loaded('user').map(({ id }) => id)).toEqual([2])
    expect(second.loaded('exchange')).toEqual([])
  })

  it('never gives an id twice, whichever order the store returns', async () => {
    const store = new MemoryStore()
    const first = await Definitions.load(store)
    for (const id of [7, 300, 8]) first.put(id, 'queue', {})
    expect(first.takeId()).toBe(1)
    await store.commit()
    const second = await Definitions.load(store)
    expect(second.loaded('queue').map(({ id }) => id)).toEqual([7, 8, 300])
    expect([second.takeId(), second.takeId()]).toEqual([301, 302])
  })

  it('shows no later change in what was loaded', async () => {
    const store = new MemoryStore()
    const definitions = await Definitions.load(store)
    definitions.put(definitions.takeId(), 'queue', {})
    await store.commit()
    expect(definitions.loaded('queue')).toEqual([])
  })

  it('has the ids of queues to itself: records are another matter', async () => {
    const store = new MemoryStore()
    const definitions = await Definitions.load(store)
    definitions.put(1, 'queue', {})
    store.putRecord(1, 0, Buffer.from('r'))
    await store.commit()
    definitions.remove(1)
    await store.commit()
    expect(await recordsOf(store)).toEqual(['1/0 r'])
  })

  it.each([
    ['not JSON', 'nonsense'],
    ['no object', '7'],
    ['null', 'null'],
    ['without a kind', '{"value":1}'],
    ['without a value', '{"kind":"queue"}'],
    ['of a kind that is no word', '{"kind":1,"value":1}'],
  ])('refuses a definition that is %s, and names it', async (_, text) => {
    const store = new MemoryStore()
    store.putDefinition(77, Buffer.from(text))
    await store.commit()
    await expect(Definitions.load(store)).rejects.toThrow('definition 77')
  })
})
