import { connect } from 'amqplib'

/** A client that fills queues. */
export interface ToolsClient {
  /** Declares a durable queue bound to amq.direct, publishes messages to it and settles the first ten. */
  fill(queue: string, messages: number): Promise<void>
  /** Declares durable queues bound to amq.fanout, and publishes one large message to them, and a small one. */
  fanOut(queues: readonly string[], bodyBytes: number): Promise<void>
  /** Declares a delayed exchange and one with a history, both durable, and gives each some messages. */
  keep(delayed: number, remembered: number): Promise<void>
  close(): Promise<void>
}

export async function openClient(url: string): Promise<ToolsClient> {
  const connection = await connect(url)
  return {
    async fill(queue, messages) {
      const channel = await connection.createConfirmChannel()
      await channel.assertQueue(queue, { durable: true })
      await channel.bindQueue(queue, 'amq.direct', 'key')
      for (let number = 0; number < messages; number++) {
        channel.publish('amq.direct', 'key', Buffer.from(`message ${number} `), { persistent: true })
      }
      await channel.waitForConfirms()
      for (let number = 0; number < 10; number++) {
        const message = await channel.get(queue)
        if (message !== false) channel.ack(message)
      }
      await channel.close()
    },
    async fanOut(queues, bodyBytes) {
      const channel = await connection.createConfirmChannel()
      for (const queue of queues) {
        await channel.assertQueue(queue, { durable: true })
        await channel.bindQueue(queue, 'amq.fanout', '')
      }
      channel.publish('amq.fanout', '', Buffer.alloc(bodyBytes, 'large '), { persistent: true })
      channel.publish('amq.fanout', '', Buffer.from('small'), { persistent: true })
      await channel.waitForConfirms()
      await channel.close()
    },
    async keep(delayed, remembered) {
      const channel = await connection.createConfirmChannel()
      await channel.assertExchange('late', 'x-delayed-message', { arguments: { 'x-delayed-type': 'fanout' } })
      await channel.assertExchange('recent', 'x-recent-history')
      const headers = { 'x-delay': 3_600_000 }
      for (let number = 0; number < delayed; number++) {
        channel.publish('late', '', Buffer.from(`delayed ${number} `), { persistent: true, headers })
      }
      for (let number = 0; number < remembered; number++) {
        channel.publish('recent', '', Buffer.from(`remembered ${number} `))
      }
      await channel.waitForConfirms()
      await channel.close()
    },
    close: () => connection.close(),
  }
}
