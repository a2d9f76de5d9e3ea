import { connect } from 'amqplib'

/** A client that fills queues. */
export interface ToolsClient {
  /** Declares a durable queue bound to amq.direct, publishes messages to it and settles the first ten. */
  fill(queue: string, messages: number): Promise<void>
  /** Declares durable queues bound to amq.fanout, and publishes one large message to them, and a small one. */
  fanOut(queues: readonly string[], bodyBytes: number): Promise<void>
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
    close: () => connection.close(),
  }
}
