import type { ExchangeBind, ExchangeDeclare, ExchangeDelete, ExchangeUnbind } from '../protocol/generated/methods.js'
import {
  encodeExchangeBindOk,
  encodeExchangeDeclareOk,
  encodeExchangeDeleteOk,
  encodeExchangeUnbindOk,
} from '../protocol/generated/methods.js'
import type { ChannelContext } from './channel-context.js'
import type { OrderedOutput } from './ordered-output.js'

/** The methods of class exchange. Each throws the AmqpError of the broker's rules, having changed nothing. */
export class ExchangeMethods {
  readonly #channel: number
  readonly #context: ChannelContext
  readonly #output: OrderedOutput

  constructor(channel: number, context: ChannelContext, output: OrderedOutput) {
    this.#channel = channel
    this.#context = context
    this.#output = output
  }

  declare(method: ExchangeDeclare): void {
    const { vhost, access } = this.#context
    if (method.passive) {
      vhost.checkExchange(method.exchange, access)
    } else {
      vhost.declareExchange(
        {
          name: method.exchange,
          type: method.type,
          isDurable: method.durable,
          isAutoDelete: method.autoDelete,
          isInternal: method.internal,
          arguments: method.arguments,
        },
        access,
      )
    }
    if (!method.noWait) encodeExchangeDeclareOk(this.#stored(method.passive || !method.durable), this.#channel)
  }

  delete(method: ExchangeDelete): void {
    const { vhost, access } = this.#context
    vhost.deleteExchange(method.exchange, method.ifUnused, access)
    if (!method.noWait) encodeExchangeDeleteOk(this.#stored(), this.#channel)
  }

  bind(method: ExchangeBind): void {
    const { vhost, access, owner } = this.#context
    vhost.bindings.bind(bindingRequest(method), owner, access)
    if (!method.noWait) encodeExchangeBindOk(this.#stored(), this.#channel)
  }

  unbind(method: ExchangeUnbind): void {
    const { vhost, access, owner } = this.#context
    vhost.bindings.unbind(bindingRequest(method), owner, access)
    if (!method.noWait) encodeExchangeUnbindOk(this.#stored(), this.#channel)
  }

  /** Where a reply goes that says that something is done: after the disk has it. */
  #stored(nothingChanged = false) {
    if (!nothingChanged) this.#output.holdUntilStored()
    return this.#output.buffer
  }
}

function bindingRequest(method: ExchangeBind | ExchangeUnbind) {
  const { source, destination, routingKey } = method
  return { source, destination, destinationKind: 'exchange', key: routingKey, arguments: method.arguments } as const
}
