// Starts the broker as a test author would, in a process of its own, and prints how long that took as JSON:
// from the call of startBroker, and from before its import, until a connection gets the broker's first frame. Its argument is the
// library's entry.
import { once } from 'node:events'
import { connect } from 'node:net'
import { pathToFileURL } from 'node:url'

const entry = pathToFileURL(process.argv[2]).href
const imported = performance.now()
const { startBroker } = await import(entry)
const called = performance.now()
const broker = await startBroker({ port: 0 })
const socket = connect(broker.port, '127.0.0.1', () => socket.write('AMQP\0\0\x09\x01', 'latin1'))
await once(socket, 'data')
const answered = performance.now()
socket.destroy()
await broker.stop()
process.stdout.write(`${JSON.stringify({ libraryMs: answered - called, libraryWithImportMs: answered - imported })}\n`)
