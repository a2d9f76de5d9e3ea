/** Direct reply-to. */

import { script } from '../script.js'

const REPLY_TO = 'amq.rabbitmq.reply-to'
const replies = (s, tag = 'r') => s.consume(REPLY_TO, tag, { noAck: true })

export const scripts = [
  script('a request and its reply', (s) => {
    replies(s.declare('q')).publish('', 'q', 'request', { replyTo: REPLY_TO, correlationId: '1', headers: { n: 1 } })
    s.on('b1')
      .get('q', { noAck: true })
      .publish('', 'amq.rabbitmq.reply-to.#1', 'reply', { correlationId: '1', headers: { m: 2 } }, { mandatory: true })
    s.on('b1').publish('', 'amq.rabbitmq.reply-to.#1', 'another', { replyTo: 'x' })
  }),
  script('a reply on the same channel', (s) => {
    replies(s.declare('q'))
      .publish('', 'q', 'request', { replyTo: REPLY_TO })
      .get('q')
      .publish('', 'amq.rabbitmq.reply-to.#1', 'reply')
      .ack(1)
      .ack(2)
  }),
  script('what is refused', (s) => {
    s.consume(REPLY_TO, 'r')
    replies(s)
    replies(s, 's')
    replies(s)
    replies(s)
    s.publish('', 'q', 'no consumer', { replyTo: REPLY_TO }).publish('nope', 'q', 'no consumer', { replyTo: REPLY_TO })
    s.get(REPLY_TO).purge(REPLY_TO).delete(REPLY_TO).consume(REPLY_TO, 'r', { noAck: true, exclusive: true })
  }),
  script('cancel frees the place', (s) => {
    replies(s).cancel('r')
    replies(s, 's').cancel('nope').cancel('s').declare('q').publish('', 'q', 'm', { replyTo: REPLY_TO })
  }),
  script('a consumer without a name', (s) => {
    replies(s, '').cancel('amq.ctag-#1')
    replies(s, '')
  }),
  script('declaring', (s) => {
    s.declare(REPLY_TO).passive(REPLY_TO)
    replies(s.declare('q')).declare(REPLY_TO).publish('', 'q', 'm', { replyTo: REPLY_TO }).get('q', { noAck: true })
    s.on('b1').passive('amq.rabbitmq.reply-to.#1').on('b1').declare('amq.rabbitmq.reply-to.#1', {}, { durable: false })
    s.cancel('r').on('b1').passive('amq.rabbitmq.reply-to.#1').on('b1').declare('amq.rabbitmq.reply-to.#1')
  }),
  script('declaring by its own channel', (s) => {
    replies(s.declare('q')).publish('', 'q', 'm', { replyTo: REPLY_TO }).get('q', { noAck: true })
    s.passive('amq.rabbitmq.reply-to.#1')
  }),
  script('declaring what makes no sense', (s) => {
    s.declare(`${REPLY_TO}.nonsense`).passive(`${REPLY_TO}.nonsense`)
  }),
  script('binding', (s) => {
    s.bind(REPLY_TO, 'amq.direct', 'k')
    replies(s.declare('q')).bind(REPLY_TO, 'amq.direct', 'k')
    replies(s)
      .publish('', 'q', 'm', { replyTo: REPLY_TO })
      .get('q', { noAck: true })
      .bind('amq.rabbitmq.reply-to.#1', 'amq.direct', 'k')
    s.unbind('amq.rabbitmq.reply-to.#1', 'amq.direct', 'k').unbind(REPLY_TO, 'amq.direct', 'k')
  }),
  script('the requester is gone', (s) => {
    replies(s.declare('q')).publish('', 'q', 'request', { replyTo: REPLY_TO }).on('b1').get('q', { noAck: true })
    s.closeChannel()
      .on('b1')
      .confirm()
      .publish('', 'amq.rabbitmq.reply-to.#1', 'late', {}, { mandatory: true })
      .publish('', `${REPLY_TO}.nonsense`, 'm', {}, { mandatory: true })
      .publish('', REPLY_TO, 'm', {}, { mandatory: true })
  }),
  script('confirms and transactions of replies', (s) => {
    replies(s.declare('q')).publish('', 'q', 'request', { replyTo: REPLY_TO }).on('b1').get('q', { noAck: true })
    s.on('b1')
      .confirm()
      .publish('', 'amq.rabbitmq.reply-to.#1', 'a', {}, { mandatory: true })
      .on('b2')
      .tx()
      .publish('', 'amq.rabbitmq.reply-to.#1', 'b')
      .tx('commit')
  }),
  script('other exchanges know no reply-to', (s) => {
    replies(s.declare('q'))
      .publish('', 'q', 'request', { replyTo: REPLY_TO })
      .get('q', { noAck: true })
      .publish('amq.direct', 'amq.rabbitmq.reply-to.#1', 'm', {}, { mandatory: true })
    s.bind('q', 'amq.direct', 'k').publish('amq.direct', 'k', 'm', { replyTo: REPLY_TO }).get('q', { noAck: true })
  }),
  script('deliveries count with the others', (s) => {
    replies(s.declare('q'))
      .consume('q', 'c')
      .publish('', 'q', 'm', { replyTo: REPLY_TO })
      .publish('', 'amq.rabbitmq.reply-to.#1', 'x')
      .publish('', 'q', 'n')
      .ack(2)
      .ack(3)
      .ack(1)
  }),
]
