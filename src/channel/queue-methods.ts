import type { ByteString } from '../base/byte-string.js'
import type { Queue } from '../broker/queue.js'
import type { QueueBind, QueueDeclare, QueueDelete, QueuePurge, QueueUnbind } from '../protocol/generated/methods.js'
import {
  encodeQueueBindOk,
  encodeQueueDeclareOk,
  encodeQueueDeleteOk,
  encodeQueuePurgeOk,
  encodeQueueUnbindOk,
} from '../protocol/generated/methods.js'
import { noPreviouslyDeclaredQueue } from '../protocol/reply-texts.js'
import type { ChannelContext } from './channel-context.js'
import type { OrderedOutput } from './ordered-output.js'

/** The methods of class queue. Each throws the AmqpError of the broker's rules, having changed nothing. */
export class QueueMethods {
  readonly #channel: number
  readonly #context: ChannelContext
  readonly #output: OrderedOutput
  /** The queue that an empty name stands for. */
  #lastDeclared: ByteString | undefined

  constructor(channel: number, context: ChannelContext, output: OrderedOutput) {
    this.#channel = channel
    this.#context = context
    this.#output = output
  }

  /** The queue that a client means by `name`. @throws NOT_FOUND when it is empty and nothing was declared here. */
  named(name: ByteString): ByteString {
    if (name !== '') return name
    if (this.#lastDeclared === undefined) throw noPreviouslyDeclaredQueue()
    return this.#lastDeclared
  }

  declare(method: QueueDeclare): void {
    const queue = method.passive ? this.#check(method) : this.#declare(method)
    this.#lastDeclared = queue.name
    if (method.noWait) return
    if (!method.passive && queue.isDurable) this.#output.holdUntilStored()
    const { name, messagesReady, consumers } = queue
    // RabbitMQ does not count the readers of a stream here.
    const consumerCount = queue.type === 'stream' ? 0 : consumers.length
    encodeQueueDeclareOk(this.#output.buffer, this.#channel, name, messagesReady, consumerCount)
  }

  bind(method: QueueBind): void {
    const { vhost, access, owner } = this.#context
    vhost.bindings.bind(this.#bindingRequest(method), owner, access)
    if (method.noWait) return
    this.#output.holdUntilStored()
    encodeQueueBindOk(this.#output.buffer, this.#channel)
  }

  unbind(method: QueueUnbind): void {
    const { vhost, access, owner } = this.#context
    vhost.bindings.unbind(this.#bindingRequest(method), owner, access)
    this.#output.holdUntilStored()
    encodeQueueUnbindOk(this.#output.buffer, this.#channel)
  }

  purge(method: QueuePurge): void {
    const { vhost, access, owner } = this.#context
    const purged = vhost.purgeQueue(this.named(method.queue), owner, access)
    if (!method.noWait) encodeQueuePurgeOk(this.#output.buffer, this.#channel, purged)
  }

  delete(method: QueueDelete): void {
    const { vhost, access, owner } = this.#context
    const { ifUnused, ifEmpty } = method
    const dropped = vhost.deleteQueue(this.named(method.queue), { ifUnused, ifEmpty }, owner, access)
    if (method.noWait) return
    this.#output.holdUntilStored()
    encodeQueueDeleteOk(this.#output.buffer, this.#channel, dropped)
  }

  #declare(method: QueueDeclare): Queue {
    const { vhost, access, owner } = this.#context
    const { queue: name, durable, exclusive, autoDelete } = method
    const exclusiveOwner = exclusive ? owner : undefined
    if (!durable && !exclusive) this.#context.noteDeprecatedUse('transient_nonexcl_queues')
    return vhost.declareQueue(
      { name, isDurable: durable, exclusiveOwner, isAutoDelete: autoDelete, arguments: method.arguments },
      owner,
      access,
    )
  }

  #check(method: QueueDeclare): Queue {
    const { vhost, access, owner } = this.#context
    return vhost.checkQueue(method.queue, owner, access)
  }

  /** An empty queue name stands for the last declared one, and then so does an empty routing key. */
  #bindingRequest(method: QueueBind | QueueUnbind) {
    const destination = this.named(method.queue)
    const key = method.queue === '' && method.routingKey === '' ? destination : method.routingKey
    const { exchange: source } = method
    return { source, destination, destinationKind: 'queue', key, arguments: method.arguments } as const
  }
}
