/** Names of queues and exchanges: reserved, missing, empty, remembered, odd. */

import { script } from '../script.js'

const EXCLUSIVE = { exclusive: true, durable: false }

export const scripts = [
  script('reserved queue names', (s) => {
    s.declare('amq.q').declare('amq.').declare('amq').delete('amq')
    s.passive('amq.q').declare('Amq.q').delete('Amq.q')
    s.declare('amq.\nq')
  }),
  script('reserved exchange names', (s) => {
    s.exchange('amq.x', 'direct').exchange('amq.x', 'direct', {}, { passive: true })
    s.do('exchange.delete', { exchange: 'amq.x' }).do('exchange.delete', { exchange: 'amq.direct' })
    s.do('exchange.delete', { exchange: '' }).do('exchange.delete', { exchange: 'nope' })
    s.do('exchange.delete', { exchange: 'amq.topic', ifUnused: true })
  }),
  script('what is missing', (s) => {
    s.passive('nope').exchange('nope', 'direct', {}, { passive: true })
    s.get('nope').consume('nope', 'c').purge('nope').delete('nope')
    s.bind('nope', 'amq.direct').bind('nope', 'nope')
    s.declare('q').bind('q', 'nope').unbind('q', 'nope').unbind('nope', 'nope').unbind('q', 'amq.direct', 'nope')
    s.publish('nope', 'k', 'x')
    s.bindExchange('nope', 'amq.direct').bindExchange('amq.direct', 'nope').bindExchange('nope', 'nope2')
    s.do('exchange.unbind', { destination: 'nope', source: 'nope2' })
    s.do('exchange.unbind', { destination: 'amq.direct', source: 'amq.fanout', routingKey: 'k' })
    s.passive('')
  }),
  script('the empty name is the queue that was declared last', (s) => {
    for (const name of ['queue.purge', 'queue.delete', 'basic.get']) s.do(name, { queue: '' })
    s.bind('', 'amq.direct').unbind('', 'amq.direct').consume('', 'c')
    s.declare('q')
    s.bind('', 'amq.direct').publish('amq.direct', 'q', 'bound by its name').get('').bind('', 'amq.direct', 'k')
    s.publish('amq.direct', 'k', 'bound by a key').get('').purge('').consume('', 'c').cancel('c')
    s.unbind('', 'amq.direct').unbind('', 'amq.direct', 'k').publish('amq.direct', 'q', 'gone').get('')
    s.on('a2').get('')
    s.declare('r').passive('q').publish('', 'q', 'x').get('')
    s.delete('').get('')
  }),
  script('server-named queues', (s) => {
    s.declare('', {}, EXCLUSIVE).declare('', {}, EXCLUSIVE)
    s.passive('amq.gen-#1').declare('amq.gen-#1', {}, EXCLUSIVE)
    s.publish('', 'amq.gen-#2', 'x').get('amq.gen-#2')
    s.declare('', {}).delete('amq.gen-#3')
    s.on('b1').passive('amq.gen-#1')
  }),
  script('line ends leave names', (s) => {
    s.declare('a\nb').declare('a\r\nb').passive('a\rb').bind('a\nb', 'amq.direct', 'k').publish('', 'ab', 'x')
    s.get('ab').get('a\nb').publish('', 'a\nb', 'y', {}, { mandatory: true }).purge('a\nb')
    s.unbind('a\nb', 'amq.direct', 'k').consume('a\nb', 'c').delete('a\nb').passive('ab')
    s.exchange('x\ny', 'fanout')
      .exchange('xy', 'fanout', {}, { passive: true })
      .do('exchange.delete', { exchange: 'x\ny' })
    s.exchange('xy', 'fanout', {}, { passive: true })
  }),
  script('odd names', (s) => {
    for (const name of [' ', "it's", '"quoted"', 'a/b', '\xe9', '%s', '~p', 'x'.repeat(255)]) {
      s.passive(name).declare(name).publish('', name, 'x').get(name).delete(name)
    }
  }),
  script('long names in errors', (s) => {
    s.passive('x'.repeat(255))
    s.exchange('y'.repeat(255), 'direct', {}, { passive: true })
    s.exchange('x', 'y'.repeat(255))
    s.exchange('x', "a'b")
  }),
  script('exchange types', (s) => {
    for (const type of ['direct', 'fanout', 'topic', 'headers', 'x-local-random', 'x-modulus-hash']) {
      s.exchange(`x.${type}`, type)
    }
    for (const type of [
      'nope',
      '',
      'Direct',
      'x-delayed-message',
      'x-consistent-hash',
      'x-random',
      'queue',
      'classic',
    ]) {
      s.exchange('x', type)
    }
  }),
  script('alternate exchange arguments', (s) => {
    for (const value of ['ae', '', 5, true, null, { x: 'ae' }]) {
      s.exchange('x', 'direct', { 'alternate-exchange': value }).do('exchange.delete', { exchange: 'x' })
    }
  }),
  script('the default exchange', (s) => {
    s.declare('q').bind('q', '', 'k').unbind('q', '', 'q').unbind('q', '', 'k')
    s.bindExchange('', 'amq.direct', 'k').bindExchange('amq.direct', '', 'k')
    s.do('exchange.unbind', { destination: '', source: 'amq.direct', routingKey: 'k' })
    s.bind('nope', '')
  }),
  script('delete with conditions', (s) => {
    s.declare('q').publish('', 'q', 'a').delete('q', { ifEmpty: true }).delete('q', { ifUnused: true, ifEmpty: true })
    s.get('q').delete('q', { ifEmpty: true })
    s.declare('q').consume('q', 'c').on('a2').delete('q', { ifUnused: true })
    s.publish('', 'q', 'b').on('a2').delete('q', { ifUnused: true })
    s.on('a2').delete('q', { ifEmpty: true })
    s.ack(1).passive('q')
  }),
  script('delete tells how many were ready', (s) => {
    s.declare('q').publish('', 'q', 'a').publish('', 'q', 'b').publish('', 'q', 'c').get('q').delete('q').ack(1)
    s.declare('q').purge('q').publish('', 'q', 'a').publish('', 'q', 'b').get('q').purge('q').counts('q')
    s.nack(2, { requeue: true }).counts('q')
  }),
  script('delete of an exchange with conditions', (s) => {
    s.exchange('x', 'fanout').exchange('y', 'fanout').bindExchange('y', 'x')
    s.do('exchange.delete', { exchange: 'x', ifUnused: true })
    s.do('exchange.delete', { exchange: 'y', ifUnused: true })
    s.do('exchange.delete', { exchange: 'x', ifUnused: true })
    s.do('exchange.delete', { exchange: 'x' })
  }),
  script('auto-delete', (s) => {
    const auto = { autoDelete: true }
    s.declare('q', {}, auto).get('q').consume('q', 'c').cancel('c').passive('q')
    s.declare('q', {}, auto).consume('q', 'c').consume('q', 'd').cancel('c').passive('q').cancel('d').passive('q')
    s.declare('q', {}, auto).on('b1').consume('q', 'e').on('b').close()
    s.passive('q')
    s.declare('q', {}, auto).on('a2').consume('q', 'f').closeChannel()
    s.passive('q')
    s.exchange('x', 'fanout', {}, auto).exchange('y', 'fanout', {}, auto).declare('r').declare('t')
    s.bind('r', 'x')
      .bind('t', 'x')
      .bindExchange('y', 'x')
      .unbind('r', 'x')
      .exchange('x', 'fanout', {}, { passive: true })
    s.do('exchange.unbind', { destination: 'y', source: 'x' }).exchange('y', 'fanout', {}, { passive: true })
    s.delete('t').exchange('x', 'fanout', {}, { passive: true })
  }),
  script('no-wait', (s) => {
    s.do('queue.declare', { queue: 'q', durable: true, noWait: true })
    s.do('queue.bind', { queue: 'q', exchange: 'amq.direct', routingKey: 'k', noWait: true })
    s.publish('amq.direct', 'k', 'x').do('basic.consume', { queue: 'q', consumerTag: 'c', noWait: true })
    s.cancel('c', { noWait: true }).do('queue.purge', { queue: 'q', noWait: true })
    s.do('queue.declare', { queue: 'q', noWait: true }).do('queue.delete', { queue: 'q', noWait: true }).passive('q')
    s.do('exchange.declare', { exchange: 'x', type: 'nope', noWait: true })
    s.do('exchange.declare', { exchange: 'x', type: 'topic', noWait: true }).do('exchange.delete', {
      exchange: 'x',
      noWait: true,
    })
    s.do('queue.declare', { queue: '', exclusive: true, noWait: true }).get('')
    s.do('basic.consume', { queue: 'nope', consumerTag: 'c', noWait: true })
    s.do('confirm.select', { noWait: true }).publish('', 'nope', 'x')
  }),
]
