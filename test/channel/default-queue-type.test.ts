import { describe, it } from 'vitest'
import { preparedStore } from '../support/raw-store.js'
import { BrokerFixture } from './broker-fixture.js'

const fixture = new BrokerFixture()

/** Only a classic queue may be named by the broker, which is how this tells what it would be. */
const refusal = (type: string) =>
  `PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_${type}_queue`

describe('3.6 a queue that is declared without a type', () => {
  it('is of the type that default_queue_type names, unless that does not go with its flags (semantics 3.6 a, 3.6 c)', async () => {
    await fixture.broker({ defaultQueueType: 'quorum' })
    const channel = await fixture.channel()
    await channel.refuses('QueueDeclare', { queue: '', durable: true }, 406, refusal('quorum'))
    await channel.call('QueueDeclare', { queue: '', durable: true, autoDelete: true })
    await channel.call('QueueDeclare', { queue: '', exclusive: true })
    await channel.call('QueueDeclare', { queue: '', durable: true, arguments: { 'x-queue-type': 'classic' } })
  })

  it('is of the type of its virtual host, if that has one (semantics 3.6 a)', async () => {
    const store = await preparedStore((users, broker) => {
      broker.addVirtualHost('/', { defaultQueueType: 'stream' })
      users.putWithPassword({ name: 'guest', tags: [], limits: {} }, 'guest')
      users.setPermissions('guest', '/', { configure: '.*', write: '.*', read: '.*' })
    })
    await fixture.broker({ store, defaultQueueType: 'quorum' })
    const channel = await fixture.channel()
    await channel.refuses('QueueDeclare', { queue: '', durable: true }, 406, refusal('stream'))
  })
})
