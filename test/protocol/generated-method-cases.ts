import type { FieldTable } from '../../src/protocol/field-table.js'
import * as methods from '../../src/protocol/generated/methods.js'
import { type ClientMethod, MethodId } from '../../src/protocol/generated/methods.js'
import type { OutputBuffer } from '../../src/protocol/output-buffer.js'

/** One case for each method, as another implementation (amqplib 2.3) encodes it. */

const TABLE: FieldTable = [{ name: 'x', value: { type: 'S', value: 'y' } }]

/** The channel of the frames below. */
const CHANNEL = 0x0203

/** What a client may send: id, arguments on the wire, and what they decode to. */
export const CLIENT_METHOD_CASES: readonly (readonly [number, string, ClientMethod])[] = [
  [
    MethodId.ConnectionStartOk,
    '00000008017853000000017905504c41494e000000040075007005656e5f5553',
    { name: 'connection.start-ok', clientProperties: TABLE, mechanism: 'PLAIN', response: '\0u\0p', locale: 'en_US' },
  ],
  [MethodId.ConnectionSecureOk, '0000000400750070', { name: 'connection.secure-ok', response: '\0u\0p' }],
  [
    MethodId.ConnectionTuneOk,
    '07ff00020000003c',
    { name: 'connection.tune-ok', channelMax: 2047, frameMax: 131072, heartbeat: 60 },
  ],
  [MethodId.ConnectionOpen, '012f0000', { name: 'connection.open', virtualHost: '/' }],
  [
    MethodId.ConnectionClose,
    '0194104e4f545f464f554e44202d20676f6e650032000a',
    { name: 'connection.close', replyCode: 404, replyText: 'NOT_FOUND - gone', classId: 50, methodId: 10 },
  ],
  [MethodId.ConnectionCloseOk, '', { name: 'connection.close-ok' }],
  [
    MethodId.ConnectionUpdateSecret,
    '00000005746f6b656e0d6c6f77206f6e206d656d6f7279',
    { name: 'connection.update-secret', newSecret: 'token', reason: 'low on memory' },
  ],
  [MethodId.ChannelOpen, '00', { name: 'channel.open' }],
  [MethodId.ChannelFlow, '01', { name: 'channel.flow', active: true }],
  [MethodId.ChannelFlowOk, '01', { name: 'channel.flow-ok', active: true }],
  [
    MethodId.ChannelClose,
    '0194104e4f545f464f554e44202d20676f6e650032000a',
    { name: 'channel.close', replyCode: 404, replyText: 'NOT_FOUND - gone', classId: 50, methodId: 10 },
  ],
  [MethodId.ChannelCloseOk, '', { name: 'channel.close-ok' }],
  [
    MethodId.AccessRequest,
    '052f6461746115',
    { name: 'access.request', realm: '/data', exclusive: true, passive: false, active: true, write: false, read: true },
  ],
  [
    MethodId.ExchangeDeclare,
    '000002657805746f70696315000000080178530000000179',
    {
      name: 'exchange.declare',
      exchange: 'ex',
      type: 'topic',
      passive: true,
      durable: false,
      autoDelete: true,
      internal: false,
      noWait: true,
      arguments: TABLE,
    },
  ],
  [MethodId.ExchangeDelete, '000002657801', { name: 'exchange.delete', exchange: 'ex', ifUnused: true, noWait: false }],
  [
    MethodId.ExchangeBind,
    '000002746f0466726f6d03612e6201000000080178530000000179',
    { name: 'exchange.bind', destination: 'to', source: 'from', routingKey: 'a.b', noWait: true, arguments: TABLE },
  ],
  [
    MethodId.ExchangeUnbind,
    '000002746f0466726f6d03612e6201000000080178530000000179',
    { name: 'exchange.unbind', destination: 'to', source: 'from', routingKey: 'a.b', noWait: true, arguments: TABLE },
  ],
  [
    MethodId.QueueDeclare,
    '0000017115000000080178530000000179',
    {
      name: 'queue.declare',
      queue: 'q',
      passive: true,
      durable: false,
      exclusive: true,
      autoDelete: false,
      noWait: true,
      arguments: TABLE,
    },
  ],
  [
    MethodId.QueueBind,
    '0000017102657803612e6201000000080178530000000179',
    { name: 'queue.bind', queue: 'q', exchange: 'ex', routingKey: 'a.b', noWait: true, arguments: TABLE },
  ],
  [MethodId.QueuePurge, '0000017101', { name: 'queue.purge', queue: 'q', noWait: true }],
  [
    MethodId.QueueDelete,
    '0000017105',
    { name: 'queue.delete', queue: 'q', ifUnused: true, ifEmpty: false, noWait: true },
  ],
  [
    MethodId.QueueUnbind,
    '0000017102657803612e62000000080178530000000179',
    { name: 'queue.unbind', queue: 'q', exchange: 'ex', routingKey: 'a.b', arguments: TABLE },
  ],
  [MethodId.BasicQos, '00010001010201', { name: 'basic.qos', prefetchSize: 65537, prefetchCount: 258, global: true }],
  [
    MethodId.BasicConsume,
    '0000017102637405000000080178530000000179',
    {
      name: 'basic.consume',
      queue: 'q',
      consumerTag: 'ct',
      noLocal: true,
      noAck: false,
      exclusive: true,
      noWait: false,
      arguments: TABLE,
    },
  ],
  [MethodId.BasicCancel, '02637401', { name: 'basic.cancel', consumerTag: 'ct', noWait: true }],
  [MethodId.BasicCancelOk, '026374', { name: 'basic.cancel-ok', consumerTag: 'ct' }],
  [
    MethodId.BasicPublish,
    '000002657803612e6201',
    { name: 'basic.publish', exchange: 'ex', routingKey: 'a.b', mandatory: true, immediate: false },
  ],
  [MethodId.BasicGet, '0000017101', { name: 'basic.get', queue: 'q', noAck: true }],
  [MethodId.BasicAck, '000000010000000201', { name: 'basic.ack', deliveryTag: 4294967298, multiple: true }],
  [MethodId.BasicReject, '000000010000000201', { name: 'basic.reject', deliveryTag: 4294967298, requeue: true }],
  [MethodId.BasicRecoverAsync, '01', { name: 'basic.recover-async', requeue: true }],
  [MethodId.BasicRecover, '01', { name: 'basic.recover', requeue: true }],
  [
    MethodId.BasicNack,
    '000000010000000201',
    { name: 'basic.nack', deliveryTag: 4294967298, multiple: true, requeue: false },
  ],
  [MethodId.ConfirmSelect, '01', { name: 'confirm.select', noWait: true }],
  [MethodId.TxSelect, '', { name: 'tx.select' }],
  [MethodId.TxCommit, '', { name: 'tx.commit' }],
  [MethodId.TxRollback, '', { name: 'tx.rollback' }],
]

/** What a server may send: name, whole frame on the wire, and the call that encodes it. */
export const SERVER_METHOD_CASES: readonly (readonly [string, string, (out: OutputBuffer) => void])[] = [
  [
    'connection.start',
    '0102030000002d000a000a00090000000801785300000001790000000e504c41494e20414d51504c41494e00000005656e5f5553ce',
    (out) => methods.encodeConnectionStart(out, CHANNEL, 0, 9, TABLE, 'PLAIN AMQPLAIN', 'en_US'),
  ],
  [
    'connection.secure',
    '0102030000000c000a00140000000477686f3fce',
    (out) => methods.encodeConnectionSecure(out, CHANNEL, 'who?'),
  ],
  [
    'connection.tune',
    '0102030000000c000a001e07ff00020000003cce',
    (out) => methods.encodeConnectionTune(out, CHANNEL, 2047, 131072, 60),
  ],
  ['connection.open-ok', '01020300000005000a002900ce', (out) => methods.encodeConnectionOpenOk(out, CHANNEL)],
  [
    'connection.close',
    '0102030000001b000a00320194104e4f545f464f554e44202d20676f6e650032000ace',
    (out) => methods.encodeConnectionClose(out, CHANNEL, 404, 'NOT_FOUND - gone', 50, 10),
  ],
  ['connection.close-ok', '01020300000004000a0033ce', (out) => methods.encodeConnectionCloseOk(out, CHANNEL)],
  [
    'connection.blocked',
    '01020300000012000a003c0d6c6f77206f6e206d656d6f7279ce',
    (out) => methods.encodeConnectionBlocked(out, CHANNEL, 'low on memory'),
  ],
  ['connection.unblocked', '01020300000004000a003dce', (out) => methods.encodeConnectionUnblocked(out, CHANNEL)],
  [
    'connection.update-secret-ok',
    '01020300000004000a0047ce',
    (out) => methods.encodeConnectionUpdateSecretOk(out, CHANNEL),
  ],
  ['channel.open-ok', '010203000000080014000b00000000ce', (out) => methods.encodeChannelOpenOk(out, CHANNEL)],
  ['channel.flow', '010203000000050014001401ce', (out) => methods.encodeChannelFlow(out, CHANNEL, true)],
  ['channel.flow-ok', '010203000000050014001501ce', (out) => methods.encodeChannelFlowOk(out, CHANNEL, true)],
  [
    'channel.close',
    '0102030000001b001400280194104e4f545f464f554e44202d20676f6e650032000ace',
    (out) => methods.encodeChannelClose(out, CHANNEL, 404, 'NOT_FOUND - gone', 50, 10),
  ],
  ['channel.close-ok', '0102030000000400140029ce', (out) => methods.encodeChannelCloseOk(out, CHANNEL)],
  ['access.request-ok', '01020300000006001e000b0001ce', (out) => methods.encodeAccessRequestOk(out, CHANNEL, 1)],
  ['exchange.declare-ok', '010203000000040028000bce', (out) => methods.encodeExchangeDeclareOk(out, CHANNEL)],
  ['exchange.delete-ok', '0102030000000400280015ce', (out) => methods.encodeExchangeDeleteOk(out, CHANNEL)],
  ['exchange.bind-ok', '010203000000040028001fce', (out) => methods.encodeExchangeBindOk(out, CHANNEL)],
  ['exchange.unbind-ok', '0102030000000400280033ce', (out) => methods.encodeExchangeUnbindOk(out, CHANNEL)],
  [
    'queue.declare-ok',
    '0102030000000e0032000b01710001117000000002ce',
    (out) => methods.encodeQueueDeclareOk(out, CHANNEL, 'q', 70000, 2),
  ],
  ['queue.bind-ok', '0102030000000400320015ce', (out) => methods.encodeQueueBindOk(out, CHANNEL)],
  ['queue.purge-ok', '010203000000080032001f00011170ce', (out) => methods.encodeQueuePurgeOk(out, CHANNEL, 70000)],
  ['queue.delete-ok', '010203000000080032002900011170ce', (out) => methods.encodeQueueDeleteOk(out, CHANNEL, 70000)],
  ['queue.unbind-ok', '0102030000000400320033ce', (out) => methods.encodeQueueUnbindOk(out, CHANNEL)],
  ['basic.qos-ok', '01020300000004003c000bce', (out) => methods.encodeBasicQosOk(out, CHANNEL)],
  ['basic.consume-ok', '01020300000007003c0015026374ce', (out) => methods.encodeBasicConsumeOk(out, CHANNEL, 'ct')],
  ['basic.cancel', '01020300000008003c001e02637401ce', (out) => methods.encodeBasicCancel(out, CHANNEL, 'ct', true)],
  ['basic.cancel-ok', '01020300000007003c001f026374ce', (out) => methods.encodeBasicCancelOk(out, CHANNEL, 'ct')],
  [
    'basic.return',
    '0102030000001e003c00320194104e4f545f464f554e44202d20676f6e6502657803612e62ce',
    (out) => methods.encodeBasicReturn(out, CHANNEL, 404, 'NOT_FOUND - gone', 'ex', 'a.b'),
  ],
  [
    'basic.deliver',
    '01020300000017003c003c02637400000001000000020102657803612e62ce',
    (out) => methods.encodeBasicDeliver(out, CHANNEL, 'ct', 4294967298, true, 'ex', 'a.b'),
  ],
  [
    'basic.get-ok',
    '01020300000018003c004700000001000000020102657803612e6200011170ce',
    (out) => methods.encodeBasicGetOk(out, CHANNEL, 4294967298, true, 'ex', 'a.b', 70000),
  ],
  ['basic.get-empty', '01020300000005003c004800ce', (out) => methods.encodeBasicGetEmpty(out, CHANNEL)],
  [
    'basic.ack',
    '0102030000000d003c0050000000010000000201ce',
    (out) => methods.encodeBasicAck(out, CHANNEL, 4294967298, true),
  ],
  ['basic.recover-ok', '01020300000004003c006fce', (out) => methods.encodeBasicRecoverOk(out, CHANNEL)],
  [
    'basic.nack',
    '0102030000000d003c0078000000010000000201ce',
    (out) => methods.encodeBasicNack(out, CHANNEL, 4294967298, true, false),
  ],
  ['confirm.select-ok', '010203000000040055000bce', (out) => methods.encodeConfirmSelectOk(out, CHANNEL)],
  ['tx.select-ok', '01020300000004005a000bce', (out) => methods.encodeTxSelectOk(out, CHANNEL)],
  ['tx.commit-ok', '01020300000004005a0015ce', (out) => methods.encodeTxCommitOk(out, CHANNEL)],
  ['tx.rollback-ok', '01020300000004005a001fce', (out) => methods.encodeTxRollbackOk(out, CHANNEL)],
]
