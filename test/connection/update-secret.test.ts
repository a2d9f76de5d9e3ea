import { describe, it } from 'vitest'
import { RawBroker } from '../support/raw-broker.js'
import { basicConsume, publish, updateSecret } from '../support/raw-frames.js'

describe('connection.update-secret', () => {
  it('is answered, and changes nothing for the consumers', async () => {
    const client = await (await RawBroker.start()).withChannel({ capabilities: ['consumer_cancel_notify'] })
    await client.declareQueue(1, 'q')
    client.send(basicConsume(1, 'q', 'tag', 2), updateSecret('new'), publish(1, 'q', 'x'))
    await client.expectMethod(1, [60, 21])
    await client.expectMethod(0, [10, 71])
    await client.expectDelivery(1)
  })

  it('may be empty, long, and repeated', async () => {
    const client = await (await RawBroker.start()).opened()
    client.send(updateSecret(''), updateSecret('x'.repeat(5000)), updateSecret('\xff\0'))
    for (let i = 0; i < 3; i++) await client.expectMethod(0, [10, 71])
  })
})
