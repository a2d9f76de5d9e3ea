import { describe, expect, it } from 'vitest'
import { type BatchSource, type BatchWaiter, Committer } from '../../src/broker/committer.js'
import { HeldStore, settled } from '../support/broker-held-store.js'

function started() {
  const store = new HeldStore()
  const failures: unknown[] = []
  const committer = new Committer(store, (error) => failures.push(error))
  return { store, committer, failures, heard: [] as string[] }
}

/** A source that writes down when it is collected. */
function source(name: string, collected: string[]): BatchSource {
  return { collect: () => collected.push(name) }
}

function waiter(name: string, heard: string[]): BatchWaiter {
  return { batchStored: (batch) => heard.push(`${name} ${batch}`) }
}

describe('Committer', () => {
  it('hands nothing over when nothing has changed', () => {
    const { store, committer } = started()
    committer.endTurn()
    expect([store.commits, committer.pendingBatch]).toEqual([0, 0])
  })

  it('has one batch in flight, and makes the next of what changes meanwhile', async () => {
    const { store, committer } = started()
    const collected: string[] = []
    committer.touch(source('a', collected))
    committer.touch(source('b', collected))
    committer.endTurn()
    committer.touch(source('c', collected))
    committer.endTurn()
    committer.touch(source('d', collected))
    committer.endTurn()
    expect([store.commits, collected]).toEqual([1, ['a', 'b']])
    await store.release()
    expect([store.commits, collected]).toEqual([2, ['a', 'b', 'c', 'd']])
    await store.release()
    expect([store.commits, store.heldCount, committer.pendingBatch]).toEqual([2, 0, 0])
  })

  it('commits definitions without a source', async () => {
    const { store, committer } = started()
    committer.touchDefinitions()
    expect(committer.pendingBatch).toBe(committer.openBatch)
    committer.endTurn()
    await store.release()
    expect([store.commits, committer.pendingBatch]).toEqual([1, 0])
  })

  it('names the batch that has to be stored for all changes so far to be', async () => {
    const { store, committer } = started()
    expect([committer.openBatch, committer.pendingBatch]).toEqual([1, 0])
    committer.touchDefinitions()
    expect([committer.openBatch, committer.pendingBatch]).toEqual([1, 1])
    committer.endTurn()
    expect([committer.openBatch, committer.pendingBatch]).toEqual([2, 1])
    committer.touchDefinitions()
    expect([committer.openBatch, committer.pendingBatch]).toEqual([2, 2])
    await store.release()
    expect([committer.openBatch, committer.pendingBatch]).toEqual([3, 2])
    await store.release()
    expect([committer.openBatch, committer.pendingBatch]).toEqual([3, 0])
  })

  it('tells those who wait for a batch, in their order, when it is stored and not before', async () => {
    const { store, committer, heard } = started()
    committer.touchDefinitions()
    committer.notify(committer.pendingBatch, waiter('first', heard))
    committer.notify(committer.pendingBatch, waiter('second', heard))
    committer.endTurn()
    committer.touchDefinitions()
    committer.notify(committer.pendingBatch, waiter('later', heard))
    committer.notify(1, waiter('third', heard))
    await settled()
    expect(heard).toEqual([])
    await store.release()
    expect(heard).toEqual(['first 1', 'second 1', 'third 1'])
    await store.release()
    expect(heard).toEqual(['first 1', 'second 1', 'third 1', 'later 2'])
  })

  it('lets a waiter wait for the next batch while it is told', async () => {
    const { store, committer, heard } = started()
    committer.touchDefinitions()
    committer.notify(1, {
      batchStored: () => {
        committer.touchDefinitions()
        committer.notify(committer.pendingBatch, waiter('again', heard))
      },
    })
    committer.endTurn()
    await store.release()
    expect([heard, store.heldCount]).toEqual([[], 1])
    await store.release()
    expect(heard).toEqual(['again 2'])
  })

  it('tells nobody anything once a commit has failed, and reports it once', async () => {
    const { store, committer, failures, heard } = started()
    committer.touchDefinitions()
    committer.notify(1, waiter('first', heard))
    committer.endTurn()
    committer.touchDefinitions()
    committer.notify(2, waiter('second', heard))
    const full = new Error('no space left')
    await store.fail(full)
    committer.endTurn()
    await settled()
    expect({ failures, heard, commits: store.commits }).toEqual({ failures: [full], heard: [], commits: 1 })
  })

  it('tells nobody anything while a commit does not end', async () => {
    const { committer, heard } = started()
    committer.touchDefinitions()
    committer.notify(1, waiter('first', heard))
    committer.endTurn()
    for (let turn = 0; turn < 5; turn++) {
      await settled()
      committer.endTurn()
    }
    expect(heard).toEqual([])
  })

  describe('that may wait', () => {
    /** A store that stores at once when a test says so. */
    class QuickStore extends HeldStore {
      isQuick = true
      storedAtOnce = 0

      override commitAtOnce(): boolean {
        if (this.isQuick) this.storedAtOnce++
        return this.isQuick
      }
    }

    function startedQuick() {
      const store = new QuickStore()
      const heard: string[] = []
      const committer = new Committer(store, (error) => heard.push(String(error)))
      const publish = (mayWait: boolean) => {
        committer.touchDefinitions()
        committer.accept(100)
        committer.notify(committer.pendingBatch, waiter('publisher', heard))
        committer.endTurn(mayWait)
      }
      return { store, committer, heard, publish }
    }

    it('tells those who wait before it returns, when the store has stored at once', () => {
      const { store, committer, heard, publish } = startedQuick()
      publish(true)
      expect([heard, committer.pendingBatch, committer.unstoredOctets]).toEqual([['publisher 1'], 0, 0])
      expect([store.storedAtOnce, store.commits]).toEqual([1, 0])
    })

    it('commits as ever when the store has not', async () => {
      const { store, heard, publish } = startedQuick()
      store.isQuick = false
      publish(true)
      expect([heard, store.commits]).toEqual([[], 1])
      await store.release()
      expect(heard).toEqual(['publisher 1'])
    })

    it('asks for it neither when it may not wait nor while a batch is in flight', async () => {
      const { store, heard, publish } = startedQuick()
      publish(false)
      publish(true)
      expect([heard, store.storedAtOnce, store.commits]).toEqual([[], 0, 1])
      await store.release()
      await store.release()
      expect(heard).toEqual(['publisher 1', 'publisher 2'])
    })
  })

  it('is drained when everything that changed before is stored', async () => {
    const { store, committer } = started()
    let isDrained = false
    committer.touchDefinitions()
    committer.endTurn()
    committer.touchDefinitions()
    const drained = committer.drained().then(() => {
      isDrained = true
    })
    await store.release()
    expect([isDrained, store.heldCount]).toEqual([false, 1])
    await store.release()
    await drained
    expect(store.commits).toBe(2)
  })

  it('is drained at once when nothing has changed', async () => {
    await started().committer.drained()
  })

  it('is never drained after a failure', async () => {
    const { store, committer } = started()
    let isDrained = false
    committer.touchDefinitions()
    committer.drained().then(() => {
      isDrained = true
    })
    await store.fail(new Error('no space left'))
    expect(isDrained).toBe(false)
  })
})
