// What a broker says it is, in the table that its connection.start carries.
import { once } from 'node:events'
import { connect } from 'node:net'

const PATIENCE_MS = 5000

/**
 * Product and version of a running broker, as `RabbitMQ 3.10.8`.
 * @param {URL} url
 * @returns {Promise<string | undefined>} undefined when it does not say
 * @throws with a sentence when nothing there speaks AMQP
 */
export async function productOf(url) {
  const socket = connect(Number(url.port || 5672), url.hostname.replace(/[[\]]/g, ''))
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    await once(socket, 'connect', { signal })
    socket.write('AMQP\0\0\x09\x01', 'latin1')
    return productIn(await firstFrame(socket, signal))
  } catch (error) {
    throw new Error(`no broker answers at ${url.host}: ${error.code ?? error.message}`)
  } finally {
    socket.destroy()
  }
}

/** The bytes of the frame that a broker sends first, in as many chunks as it likes. */
async function firstFrame(socket, signal) {
  const FRAME_HEADER = 7
  let bytes = Buffer.alloc(0)
  while (bytes.length < FRAME_HEADER || bytes.length < FRAME_HEADER + bytes.readUInt32BE(3)) {
    const [chunk] = await once(socket, 'data', { signal })
    bytes = Buffer.concat([bytes, chunk])
  }
  return bytes
}

/** @param {Buffer} frame - connection.start @returns {string | undefined} */
export function productIn(frame) {
  const words = [longString(frame, 'product'), longString(frame, 'version')].filter(Boolean)
  return words.length > 0 ? words.join(' ') : undefined
}

/** The value of a field of type `S`: its name as a short string, the type, a length in four octets, and the text. */
function longString(frame, name) {
  const key = Buffer.from(`${String.fromCharCode(name.length)}${name}S`, 'latin1')
  const at = frame.indexOf(key)
  if (at < 0 || at + key.length + 4 > frame.length) return undefined
  const from = at + key.length + 4
  return frame.toString('utf8', from, from + frame.readUInt32BE(from - 4))
}
