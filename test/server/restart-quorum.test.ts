import type { ChannelModel } from 'amqplib'
import { describe, expect, it } from 'vitest'
import { RestartableBroker, STORAGE_NAMES } from './restartable-broker.js'

const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum' } }

/** Publishes messages to the queue `q` of that connection, and hears that they are stored. */
async function publish(connection: ChannelModel, ...messages: readonly (readonly [string, boolean])[]): Promise<void> {
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('q', QUORUM)
  for (const [body, persistent] of messages) channel.sendToQueue('q', Buffer.from(body), { persistent })
  await channel.waitForConfirms()
  await channel.close()
}

describe.each(STORAGE_NAMES)('a quorum queue %s', (storage) => {
  it.each(['restart', 'crash'] as const)(
    'has all messages after a %s, whatever their delivery mode (semantics 3.7 e, 7.5 n, 11 a)',
    async (end) => {
      const broker = await RestartableBroker.start(storage)
      await publish(await broker.connect(), ['transient', false], ['persistent', true])
      await broker[end]()
      const channel = await (await broker.connect()).createChannel()
      const bodies = [await channel.get('q'), await channel.get('q'), await channel.get('q')]
      expect(bodies.map((message) => message && String(message.content))).toEqual(['transient', 'persistent', false])
    },
  )

  it('remembers after a restart how often a message was given back (corner promise 6)', async () => {
    const broker = await RestartableBroker.start(storage)
    const connection = await broker.connect()
    await publish(connection, ['m', true])
    const channel = await connection.createChannel()
    for (let time = 0; time < 3; time++) {
      const message = await channel.get('q')
      if (message) channel.nack(message)
    }
    await channel.close()
    await broker.restart()
    const message = await (await (await broker.connect()).createChannel()).get('q')
    expect(message).toMatchObject({ fields: { redelivered: true }, properties: { headers: { 'x-delivery-count': 3 } } })
  })
})
