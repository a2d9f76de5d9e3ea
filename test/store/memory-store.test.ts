import { describe, expect, it } from 'vitest'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { describeMessageStore, recordsOf } from './message-store-contract.js'

describeMessageStore('MemoryStore', async () => {
  const store = new MemoryStore()
  return { open: async () => store, cleanUp: async () => undefined }
})

describe('MemoryStore', () => {
  it('can be used again after it was closed', async () => {
    const store = new MemoryStore()
    store.putRecord(1, 0, Buffer.from('kept'))
    await store.commit()
    await store.close()
    store.putRecord(1, 1, Buffer.from('too'))
    await store.commit()
    expect(await recordsOf(store)).toEqual(['1/0 kept', '1/1 too'])
  })

  it('has stored a batch when commit returns', async () => {
    const store = new MemoryStore()
    store.putRecord(1, 0, Buffer.from('r'))
    const commit = store.commit()
    store.putRecord(1, 1, Buffer.from('later'))
    await store.close()
    await commit
    expect(await recordsOf(store)).toEqual(['1/0 r'])
  })
})
