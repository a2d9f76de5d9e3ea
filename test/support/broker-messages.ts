import { Message } from '../../src/protocol/message.js'

export interface MessageParts {
  readonly exchange?: string
  readonly routingKey?: string
  /** The content header payload, opaque to a queue. */
  readonly header?: Buffer
  readonly body?: Buffer | string
  readonly isPersistent?: boolean
}

/** A message as a channel hands it on, in memory of its own. */
export function messageOf(parts: MessageParts = {}): Message {
  const message = new Message()
  message.envelope = Buffer.concat([shortString(parts.exchange ?? ''), shortString(parts.routingKey ?? 'key')])
  message.envelopeEnd = message.envelope.length
  message.header = parts.header ?? Buffer.from('content header', 'latin1')
  message.headerEnd = message.header.length
  message.body = Buffer.from(parts.body ?? '')
  message.bodyEnd = message.body.length
  message.isPersistent = parts.isPersistent ?? false
  return message
}

/** What a view shows, copied. */
export function partsOf(view: Message): Required<MessageParts> & { readonly body: Buffer } {
  return {
    exchange: view.exchange,
    routingKey: view.routingKey,
    header: Buffer.from(view.header.subarray(view.headerStart, view.headerEnd)),
    body: Buffer.from(view.body.subarray(view.bodyStart, view.bodyEnd)),
    isPersistent: view.isPersistent,
  }
}

export function bodyOf(view: Message): string {
  return view.body.toString('latin1', view.bodyStart, view.bodyEnd)
}

function shortString(text: string): Buffer {
  return Buffer.from(String.fromCharCode(text.length) + text, 'latin1')
}
