import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runWithLibrary } from '../support/broker-process.js'
import { BuiltCommand } from './cli-process.js'

/** What a program defines that looks at itself: its libraries of native code, its handles, and a client that is open. */
const HELPERS = `
  import { connect } from 'node:net'
  const native = () => process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'))
  const handles = () => process.getActiveResourcesInfo().toSorted()
  const greeted = (port) => new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('AMQP\\0\\0\\x09\\x01', 'latin1'))
    socket.once('data', () => resolve(socket))
  })
`

describe('a program that uses the library', { timeout: 30_000 }, () => {
  let built: BuiltCommand
  let directory = ''

  beforeAll(async () => {
    built = new BuiltCommand()
    directory = await mkdtemp(join(tmpdir(), 'leveret-lifecycle-'))
  })

  afterAll(async () => {
    built.remove()
    await rm(directory, { recursive: true, force: true })
  })

  const run = (program: string) => runWithLibrary(built.folder, `${HELPERS}\n${program}`)

  it.each(['in memory', 'on disk'])('has no handle left after a stop, and ends by itself: %s', async (where) => {
    const dataDirectory = where === 'on disk' ? join(directory, 'handles') : undefined
    const seen = await run(`
      const options = ${JSON.stringify({ dataDirectory })}
      // The first start loads what is loaded once for all. Node looks for standard error when it destroys a socket.
      await (await startBroker(options)).stop()
      process.stderr.on('error', () => undefined)
      const before = handles()
      const broker = await startBroker(options)
      const during = handles()
      const socket = await greeted(broker.port)
      socket.on('error', () => undefined)
      const gone = new Promise((resolve) => socket.on('close', resolve))
      await broker.stop()
      await gone
      console.log(JSON.stringify({ before, during, after: handles() }))`)
    const { before, during, after } = seen as { before: string[]; during: string[]; after: string[] } // as the program says
    expect(during).toContain('TCPServerWrap')
    expect(after).toEqual(before)
  })

  it('ends by itself when its broker did not start', async () => {
    const seen = await run(`
      const broker = await startBroker({ host: '127.0.0.1' })
      const refused = await startBroker({ host: '127.0.0.1', port: broker.port }).catch((error) => error.code)
      await broker.stop()
      console.log(JSON.stringify(refused))`)
    expect(seen).toBe('EADDRINUSE')
  })

  it('loads no native code for a broker in memory', async () => {
    const seen = await run(`
      const before = native()
      const broker = await startBroker()
      const memory = native()
      await broker.stop()
      const onDisk = await startBroker({ dataDirectory: ${JSON.stringify(join(directory, 'native'))} })
      const disk = native()
      await onDisk.stop()
      console.log(JSON.stringify({ before, memory, disk: disk.length > 0 }))`)
    expect(seen).toEqual({ before: [], memory: [], disk: true })
  })
})
