/** The few AMQP 0-9-1 methods that the campaign speaks, as bytes. */

const [OCTET, SHORT, LONG, LONGLONG, SHORTSTR, LONGSTR, TABLE] =
  'octet short long longlong shortstr longstr table'.split(' ')

/** Class id, method id and the fields of what the campaign sends. Several bits are one octet, first bit lowest. */
const SENT = {
  'connection.start-ok': [10, 11, TABLE, SHORTSTR, LONGSTR, SHORTSTR],
  'connection.tune-ok': [10, 31, SHORT, LONG, SHORT],
  'connection.open': [10, 40, SHORTSTR, SHORTSTR, OCTET],
  'connection.close': [10, 50, SHORT, SHORTSTR, SHORT, SHORT],
  'connection.close-ok': [10, 51],
  'channel.open': [20, 10, SHORTSTR],
  'channel.close': [20, 40, SHORT, SHORTSTR, SHORT, SHORT],
  'channel.close-ok': [20, 41],
  'exchange.declare': [40, 10, SHORT, SHORTSTR, SHORTSTR, OCTET, TABLE],
  'exchange.delete': [40, 20, SHORT, SHORTSTR, OCTET],
  'queue.declare': [50, 10, SHORT, SHORTSTR, OCTET, TABLE],
  'queue.bind': [50, 20, SHORT, SHORTSTR, SHORTSTR, SHORTSTR, OCTET, TABLE],
  'queue.purge': [50, 30, SHORT, SHORTSTR, OCTET],
  'queue.delete': [50, 40, SHORT, SHORTSTR, OCTET],
  'queue.unbind': [50, 50, SHORT, SHORTSTR, SHORTSTR, SHORTSTR, TABLE],
  'basic.qos': [60, 10, LONG, SHORT, OCTET],
  'basic.consume': [60, 20, SHORT, SHORTSTR, SHORTSTR, OCTET, TABLE],
  'basic.cancel': [60, 30, SHORTSTR, OCTET],
  'basic.cancel-ok': [60, 31, SHORTSTR],
  'basic.publish': [60, 40, SHORT, SHORTSTR, SHORTSTR, OCTET],
  'basic.get': [60, 70, SHORT, SHORTSTR, OCTET],
  'basic.ack': [60, 80, LONGLONG, OCTET],
  'basic.reject': [60, 90, LONGLONG, OCTET],
  'basic.recover': [60, 110, OCTET],
  'basic.nack': [60, 120, LONGLONG, OCTET],
  'confirm.select': [85, 10, OCTET],
  'tx.select': [90, 10],
  'tx.commit': [90, 20],
  'tx.rollback': [90, 30],
}

/** What it hears. Fields behind those named are not needed. */
const HEARD = {
  'connection.start': [10, 10],
  'connection.tune': [10, 30, SHORT, LONG, SHORT],
  'connection.open-ok': [10, 41],
  'connection.close': [10, 50, SHORT, SHORTSTR],
  'connection.close-ok': [10, 51],
  'channel.open-ok': [20, 11],
  'channel.close': [20, 40, SHORT, SHORTSTR],
  'channel.close-ok': [20, 41],
  'exchange.declare-ok': [40, 11],
  'exchange.delete-ok': [40, 21],
  'queue.declare-ok': [50, 11, SHORTSTR, LONG, LONG],
  'queue.bind-ok': [50, 21],
  'queue.purge-ok': [50, 31, LONG],
  'queue.delete-ok': [50, 41, LONG],
  'queue.unbind-ok': [50, 51],
  'basic.qos-ok': [60, 11],
  'basic.consume-ok': [60, 21, SHORTSTR],
  'basic.cancel': [60, 30, SHORTSTR, OCTET],
  'basic.cancel-ok': [60, 31, SHORTSTR],
  'basic.return': [60, 50, SHORT, SHORTSTR, SHORTSTR, SHORTSTR],
  'basic.deliver': [60, 60, SHORTSTR, LONGLONG, OCTET, SHORTSTR, SHORTSTR],
  'basic.get-ok': [60, 71, LONGLONG, OCTET, SHORTSTR, SHORTSTR, LONG],
  'basic.get-empty': [60, 72],
  'basic.ack': [60, 80, LONGLONG, OCTET],
  'basic.recover-ok': [60, 111],
  'basic.nack': [60, 120, LONGLONG, OCTET],
  'confirm.select-ok': [85, 11],
  'tx.select-ok': [90, 11],
  'tx.commit-ok': [90, 21],
  'tx.rollback-ok': [90, 31],
}

const HEARD_BY_ID = new Map(
  Object.entries(HEARD).map(([name, [classId, methodId, ...fields]]) => [
    classId * 0x10000 + methodId,
    { name, fields },
  ]),
)

/** A method frame for a channel. A table is always empty, and given as `null`. */
export function methodFrame(channel, name, values) {
  const [classId, methodId, ...fields] = SENT[name]
  const parts = fields.map((type, index) => encoded(type, values[index]))
  const payload = Buffer.concat([shortOf(classId), shortOf(methodId), ...parts])
  return frame(1, channel, payload)
}

export function frame(type, channel, payload) {
  const bytes = Buffer.allocUnsafe(8 + payload.length)
  bytes[0] = type
  bytes.writeUInt16BE(channel, 1)
  bytes.writeUInt32BE(payload.length, 3)
  payload.copy(bytes, 7)
  bytes[7 + payload.length] = 0xce
  return bytes
}

/** @returns the name and the field values of the method in `payload`. */
export function readMethod(payload) {
  const method = HEARD_BY_ID.get(payload.readUInt32BE(0))
  if (method === undefined) throw new Error(`an unexpected method ${payload.toString('hex', 0, 4)}`)
  const values = []
  let at = 4
  for (const type of method.fields) {
    const [value, next] = decoded(type, payload, at)
    values.push(value)
    at = next
  }
  return { name: method.name, values }
}

/** The header of a content with a delivery mode and a message id. */
export function contentHeaderFrame(channel, { bodyOctets, isPersistent, messageId }) {
  const id = encoded(SHORTSTR, messageId)
  const payload = Buffer.alloc(15 + id.length)
  payload.writeUInt16BE(60, 0)
  payload.writeBigUInt64BE(BigInt(bodyOctets), 4)
  payload.writeUInt16BE(0x1080, 12)
  payload[14] = isPersistent ? 2 : 1
  id.copy(payload, 15)
  return frame(2, channel, payload)
}

/** Reads what `contentHeaderFrame` wrote. @returns undefined for `isPersistent` when other properties came back. */
export function readContentHeader(payload) {
  const bodyOctets = Number(payload.readBigUInt64BE(4))
  if (payload.readUInt16BE(12) !== 0x1080) return { bodyOctets, isPersistent: undefined, messageId: '' }
  return { bodyOctets, isPersistent: payload[14] === 2, messageId: decoded(SHORTSTR, payload, 15)[0] }
}

function shortOf(value) {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function encoded(type, value) {
  const text = Buffer.from(String(value), 'latin1')
  switch (type) {
    case OCTET:
      return Buffer.of(value)
    case SHORT:
      return shortOf(value)
    case SHORTSTR:
      return Buffer.concat([Buffer.of(text.length), text])
    case TABLE:
      return Buffer.isBuffer(value) ? value : Buffer.alloc(4)
    default: {
      const bytes = Buffer.alloc(type === LONGLONG ? 8 : 4)
      if (type === LONGLONG) bytes.writeBigUInt64BE(BigInt(value))
      else bytes.writeUInt32BE(type === LONGSTR ? text.length : value)
      return type === LONGSTR ? Buffer.concat([bytes, text]) : bytes
    }
  }
}

function decoded(type, bytes, at) {
  switch (type) {
    case OCTET:
      return [bytes[at], at + 1]
    case SHORT:
      return [bytes.readUInt16BE(at), at + 2]
    case LONG:
      return [bytes.readUInt32BE(at), at + 4]
    case LONGLONG:
      return [Number(bytes.readBigUInt64BE(at)), at + 8]
    default: {
      const end = at + 1 + bytes[at]
      return [bytes.latin1Slice(at + 1, end), end]
    }
  }
}
