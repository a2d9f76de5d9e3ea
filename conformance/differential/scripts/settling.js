/** Get, acknowledge, requeue, recover; prefetch. */

import { script } from '../script.js'

const fill = (s, queue, bodies) => {
  for (const body of bodies) s.publish('', queue, body)
  return s
}
const QUORUM = { 'x-queue-type': 'quorum' }
const byType = (name, write) => [
  script(`${name}, classic`, (s) => write(s, {})),
  script(`${name}, quorum`, (s) => write(s, QUORUM)),
]

export const scripts = [
  ...byType('requeue one by one', (s, args) => {
    fill(s.declare('q', args), 'q', 'abcde').get('q').get('q').get('q')
    s.nack(2, { requeue: true }).counts('q').get('q').nack(1, { requeue: true }).nack(3, { requeue: true }).take('q', 5)
    s.ack(4).counts('q')
  }),
  ...byType('requeue of several', (s, args) => {
    fill(s.declare('q', args), 'q', 'abcdef').get('q').get('q').get('q').get('q')
    s.nack(3, { requeue: true, multiple: true }).take('q', 3).nack(0, { requeue: true, multiple: true }).take('q', 4)
  }),
  ...byType('reject', (s, args) => {
    fill(s.declare('q', args), 'q', 'abc').get('q').get('q').reject(1, { requeue: true }).reject(2).take('q', 3)
  }),
  ...byType('requeue by recover', (s, args) => {
    fill(s.declare('q', args), 'q', 'abcd').get('q').get('q').recover().take('q', 4).recover().counts('q')
    s.recover(false).counts('q')
  }),
  ...byType('recover with a consumer', (s, args) => {
    fill(s.declare('q', args), 'q', 'abc').qos(2).consume('q', 'c').recover().ack(3).recover()
    s.do('basic.recover-async', { requeue: true }).do('basic.recover-async', { requeue: false }).counts('q')
  }),
  ...byType('requeue when the channel closes', (s, args) => {
    fill(s.declare('q', args), 'q', 'abcd').get('q').get('q').on('a2').get('q')
    s.closeChannel().on('a2').get('q').get('q').closeChannel()
    s.take('q', 4)
  }),
  ...byType('requeue when the connection closes', (s, args) => {
    fill(s.declare('q', args), 'q', 'abcd').on('b1').consume('q', 'c').on('b').close()
    s.take('q', 4).counts('q')
  }),
  ...byType('requeue when the connection is lost', (s, args) => {
    fill(s.declare('q', args), 'q', 'ab').on('b1').get('q').on('b').drop()
    s.wait(200).take('q', 2)
  }),
  ...byType('requeue when the channel fails', (s, args) => {
    fill(s.declare('q', args), 'q', 'ab').get('q').passive('nope').take('q', 2)
  }),
  ...byType('acknowledge several', (s, args) => {
    fill(s.declare('q', args), 'q', 'abcdef')
      .consume('q', 'c')
      .ack(3, { multiple: true })
      .ack(5)
      .ack(0, { multiple: true })
    s.ack(0, { multiple: true }).closeChannel().counts('q')
  }),
  script('unknown delivery tags', (s) => {
    fill(s.declare('q'), 'q', 'abc').ack(1)
    s.get('q').ack(2).get('q').ack(1).ack(1)
    s.get('q').ack(2, { multiple: true }).get('q', { noAck: true }).ack(1)
    s.ack(0)
      .nack(0, { requeue: true })
      .reject(0)
      .reject(5)
      .nack(5)
      .nack(0, { multiple: true })
      .ack(0, { multiple: true })
    s.get('q').nack(5, { multiple: true, requeue: true }).get('q').reject(1, { requeue: true }).reject(1)
    s.counts('q').consume('q', 'c', { noAck: true }).ack(1)
  }),
  script('acknowledge what came from several queues', (s) => {
    fill(s.declare('q'), 'q', 'ab')
    fill(s.declare('r'), 'r', 'xy').get('q').get('r').get('q').get('r').nack(3, { multiple: true, requeue: true })
    s.counts('q', 'r').closeChannel().take('q', 2).take('r', 2)
  }),
  script('settling after the queue is gone', (s) => {
    fill(s.declare('q'), 'q', 'ab')
      .get('q')
      .consume('q', 'c')
      .delete('q')
      .ack(1)
      .nack(2, { requeue: true })
      .passive('q')
  }),
  ...byType('get', (s, args) => {
    s.declare('q', args).get('q')
    fill(s, 'q', 'abc').get('q').get('q', { noAck: true }).counts('q').get('q').get('q').ack(1).ack(3)
    s.counts('q')
  }),
  ...byType('redelivered to a consumer', (s, args) => {
    fill(s.declare('q', args), 'q', 'ab')
      .consume('q', 'c')
      .nack(1, { requeue: true })
      .reject(2, { requeue: true })
      .cancel('c')
    s.on('b1').consume('q', 'd').closeChannel()
    s.nack(3, { requeue: true }).nack(4, { requeue: true }).take('q', 3)
  }),
  ...byType('requeue with consumers of two channels', (s, args) => {
    s.declare('q', args).qos(1).consume('q', 'c').on('a2').qos(1).consume('q', 'd')
    fill(s, 'q', 'abcd').nack(1, { requeue: true }).on('a2').ack(1)
    s.closeChannel().on('a2').ack(2)
  }),
  script('prefetch of each consumer', (s) => {
    fill(s.declare('q'), 'q', 'abcdefgh')
      .qos(2)
      .consume('q', 'c')
      .qos(1)
      .consume('q', 'd')
      .ack(1)
      .ack(3)
      .qos(0)
      .consume('q', 'e')
    s.ack(2, { multiple: true })
  }),
  script('prefetch and no-ack', (s) => {
    fill(s.declare('q'), 'q', 'abcdef').qos(1).consume('q', 'c', { noAck: true })
  }),
  script('prefetch changes nothing for a consumer that exists', (s) => {
    fill(s.declare('q'), 'q', 'abcdef').qos(1).consume('q', 'c').qos(3).ack(1).qos(0).ack(2)
  }),
  script('prefetch and get', (s) => {
    fill(s.declare('q'), 'q', 'abcdef').qos(1).get('q').get('q').consume('q', 'c').get('q').ack(1).ack(2).ack(3).ack(4)
  }),
  script('prefetch size', (s) => {
    s.qos(1, { prefetchSize: 1 }).qos(0, { prefetchSize: 0 }).qos(65535)
  }),
  script('prefetch of a channel where it is denied', (s) => {
    fill(s.declare('q'), 'q', 'abcdefgh').qos(3, { global: true }).consume('q', 'c').consume('q', 'd').ack(1)
    s.qos(0, { global: true }).ack(2)
  }),
  ...globalPrefetch(),
  script('cancel keeps deliveries', (s) => {
    fill(s.declare('q'), 'q', 'ab')
      .consume('q', 'c')
      .cancel('c')
      .counts('q')
      .ack(1)
      .cancel('c')
      .cancel('nope')
      .cancel('')
    s.nack(2, { requeue: true }).counts('q').consume('q', 'c').ack(3)
  }),
  script('the credit of a cancelled consumer', (s) => {
    fill(s.declare('q'), 'q', 'abcd').qos(2).consume('q', 'c').cancel('c').consume('q', 'd').ack(2, { multiple: true })
    s.ack(3).ack(4)
  }),
  ...byType('what consumers and gets had of a queue when their channel ends', (s, args) => {
    s.declare('q', args)
    for (const body of 'abcdefghijklmnopqrst') s.publish('', 'q', body)
    s.qos(2).consume('q', 'm').consume('q', 'z').consume('q', 'a')
    for (let count = 0; count < 6; count++) s.get('q')
    s.closeChannel().take('q', 15)
  }),
  ...byType('what consumers had by turns when their connection ends', (s, args) => {
    s.declare('q', args).on('b1').qos(3).consume('q', 'm').consume('q', 'a')
    for (const body of 'abcdefgh') s.publish('', 'q', body)
    s.on('b').close().take('q', 8)
  }),
]

function globalPrefetch() {
  const on = ['4.3-permissive', '3.10']
  return [
    script(
      'prefetch of a channel',
      (s) => {
        fill(s.declare('q'), 'q', 'abcdefghij').qos(3, { global: true }).consume('q', 'c').consume('q', 'd').ack(1)
        s.qos(5, { global: true }).qos(1, { global: true }).ack(3, { multiple: true }).qos(0, { global: true })
      },
      { on },
    ),
    script(
      'prefetch of a channel and of its consumers',
      (s) => {
        fill(s.declare('q'), 'q', 'abcdefghij')
          .qos(2)
          .qos(3, { global: true })
          .consume('q', 'c')
          .consume('q', 'd')
          .ack(1)
        s.qos(1).ack(2).qos(4, { global: true }).ack(3)
      },
      { on },
    ),
    script(
      'prefetch of a channel counts what was delivered before',
      (s) => {
        fill(s.declare('q'), 'q', 'abcdefgh')
          .get('q')
          .get('q')
          .qos(3, { global: true })
          .consume('q', 'c')
          .ack(1)
          .ack(2)
          .ack(3)
      },
      { on },
    ),
    script(
      'prefetch of a channel over two queues',
      (s) => {
        fill(s.declare('q'), 'q', 'ab')
        fill(s.declare('r'), 'r', 'xyz')
          .qos(2, { global: true })
          .consume('q', 'c')
          .consume('r', 'd')
          .ack(1)
          .ack(2)
          .ack(3)
          .ack(4)
      },
      { on },
    ),
    script(
      'prefetch of a channel on quorum queues and streams',
      (s) => {
        s.declare('q', QUORUM).declare('r', { 'x-queue-type': 'stream' }).qos(2, { global: true }).consume('q', 'c')
        s.qos(2, { global: true }).consume('r', 'c')
        s.qos(2).consume('q', 'c').qos(2, { global: true }).publish('', 'q', 'a')
      },
      { on },
    ),
  ]
}
