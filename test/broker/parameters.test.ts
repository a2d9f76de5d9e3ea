import { describe, expect, it } from 'vitest'
import { Parameters } from '../../src/broker/parameters.js'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { unheardEvents } from '../support/broker-fixture.js'

const upstream = (vhost: string, name: string, value: unknown = { uri: 'amqp://' }) => {
  return { vhost, component: 'federation-upstream', name, value }
}

describe('runtime parameters', () => {
  it('are listed by virtual host and component', async () => {
    const parameters = new Parameters(await Definitions.load(new MemoryStore()), unheardEvents())
    parameters.set(upstream('/', 'a'))
    parameters.set(upstream('theirs', 'a', [1, null, 'x']))
    parameters.set({ vhost: '/', component: 'shovel', name: 'a', value: 5 })
    expect(parameters.list()).toHaveLength(3)
    expect(parameters.list({ vhost: '/' }).map(({ component }) => component)).toEqual(['federation-upstream', 'shovel'])
    expect(parameters.list({ component: 'federation-upstream' }).map(({ vhost }) => vhost)).toEqual(['/', 'theirs'])
    expect(parameters.list({ vhost: 'nowhere' })).toEqual([])
    expect(parameters.get('theirs', 'federation-upstream', 'a')).toEqual([1, null, 'x'])
    expect(parameters.get('theirs', 'shovel', 'a')).toBeUndefined()
  })

  it('are stored, replaced and cleared', async () => {
    const store = new MemoryStore()
    const first = new Parameters(await Definitions.load(store), unheardEvents())
    first.set(upstream('/', 'a', 1))
    first.set(upstream('/', 'a', 2))
    first.set(upstream('/', 'b'))
    first.setGlobal('cluster_name', 'x')
    first.setGlobal('cluster_name', 'y')
    first.setGlobal('cluster_tags', {})
    expect([first.clear('/', 'federation-upstream', 'b'), first.clearGlobal('cluster_tags')]).toEqual([true, true])
    expect([first.clear('/', 'federation-upstream', 'b'), first.clearGlobal('cluster_tags')]).toEqual([false, false])
    await store.commit()
    const second = new Parameters(await Definitions.load(store), unheardEvents())
    expect(second.list()).toEqual([upstream('/', 'a', 2)])
    expect(second.listGlobal()).toEqual([{ name: 'cluster_name', value: 'y' }])
    expect([second.getGlobal('cluster_name'), second.getGlobal('cluster_tags')]).toEqual(['y', undefined])
    second.setGlobal('cluster_name', 'z')
    await store.commit()
    expect(new Parameters(await Definitions.load(store), unheardEvents()).listGlobal()).toEqual([
      { name: 'cluster_name', value: 'z' },
    ])
  })

  it('go with their virtual host', async () => {
    const parameters = new Parameters(await Definitions.load(new MemoryStore()), unheardEvents())
    parameters.set(upstream('/', 'a'))
    parameters.set(upstream('theirs', 'a'))
    parameters.removeVhost('theirs')
    expect(parameters.list()).toEqual([upstream('/', 'a')])
  })

  it.each(['policy', 'operator_policy', 'vhost-limits'])('are not the way to set a %s', async (component) => {
    const parameters = new Parameters(await Definitions.load(new MemoryStore()), unheardEvents())
    expect(() => parameters.set({ vhost: '/', component, name: 'x', value: {} })).toThrow(
      `component ${component} may not be set using this method`,
    )
    expect(parameters.list()).toEqual([])
  })
})
