import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/base/log.js'
import { type CommandHost, runCommand } from '../../src/server/cli/run-command.js'
import { startBroker } from '../../src/server/start-broker.js'
import { Definitions } from '../../src/store/definitions.js'
import { BLOCK_OCTETS } from '../../src/store/lmdb/journal-entry.js'
import { openLmdbStore } from '../../src/store/lmdb/lmdb-store.js'
import { makeJournaledDirectory } from '../store/journaled-directory.js'
import { openClient } from './tools-client.js'

let parent: string
let directory: string

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'leveret-tools-'))
  directory = join(parent, 'data')
})

// A tool that was stopped is still letting go of the directory: in a process of its own it would end with that.
afterEach(() => rm(parent, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))

interface Ran {
  readonly exitCode: number
  readonly out: string
  readonly error: string
}

async function run(words: readonly string[], changes: Partial<CommandHost> = {}): Promise<Ran> {
  let out = ''
  let error = ''
  const exitCode = await runCommand({
    argv: words,
    environment: {},
    platform: 'linux',
    homeDirectory: '/home/joe',
    columns: 100,
    colours: false,
    writeOut: (text) => {
      out += text
    },
    writeError: (text) => {
      error += text
    },
    stopRequested: new Promise(() => undefined),
    createLog: async () => silentLog,
    startBroker: () => Promise.reject(new Error('a tool starts no broker')),
    ...changes,
  })
  return { exitCode, out, error }
}

const check = (...more: string[]) => run(['check', '--data-dir', directory, ...more])

/** A broker's directory with a bound queue that holds messages, some of them settled. */
async function fill(): Promise<void> {
  const broker = await startBroker({ dataDirectory: directory })
  const client = await openClient(broker.url)
  await client.fill('tasks', 30)
  await client.close()
  await broker.stop()
}

/** Changes the definitions of the directory as a damaged program would. */
async function spoil(change: (definitions: Definitions, queueId: number) => void): Promise<void> {
  const store = await openLmdbStore({ directory })
  const definitions = await Definitions.load(store)
  change(definitions, definitions.loaded('queue')[0]?.id ?? 0)
  await store.commit()
  await store.close()
}

/** Changes an octet of the second commit in a journal. */
async function spoilJournal(of: string): Promise<void> {
  const path = join(of, 'journal-1')
  const bytes = await readFile(path)
  bytes.writeUInt8(bytes.readUInt8(BLOCK_OCTETS + 50) ^ 1, BLOCK_OCTETS + 50)
  await writeFile(path, bytes)
}

describe('leveret check', () => {
  it('says what an intact directory holds, and exits with 0', async () => {
    await fill()
    const before = await readFile(join(directory, 'data.mdb'))
    const { exitCode, out, error } = await check()
    expect(error).toBe('')
    expect(out).toMatch(
      new RegExp(`^${directory} is intact: \\d+ definitions, 1 queue, 20 messages in \\d+ records?\\n$`),
    )
    expect(exitCode).toBe(0)
    expect(await check('--repair')).toEqual({ exitCode, out, error })
    expect(Buffer.compare(await readFile(join(directory, 'data.mdb')), before)).toBe(0)
  })

  it('names a damaged record, exits with 1, and repairs when it is asked to', async () => {
    await fill()
    const path = join(directory, 'data.mdb')
    const bytes = await readFile(path)
    for (let at = bytes.indexOf('message 25 '); at >= 0; at = bytes.indexOf('message 25 ', at + 1)) bytes[at] = 0x4d
    await writeFile(path, bytes)
    const damaged = await check()
    expect(damaged.exitCode).toBe(1)
    expect(damaged.out).toMatch(/^cannot be read: the record at \d+ of queue \d+\n/)
    expect(damaged.out).toContain('is damaged in 1 place.')
    expect(damaged.out).toContain('leveret check --repair keeps what is intact')
    const repaired = await check('--repair')
    expect(repaired.exitCode).toBe(0)
    expect(repaired.out).toContain('The damaged file is now data.mdb.damaged')
    expect((await check()).out).toContain('is intact')
    const broker = await startBroker({ dataDirectory: directory })
    await broker.stop()
  })

  it('says what waits in the journal of a broker that was killed, and names what is damaged there', async () => {
    await fill()
    await makeJournaledDirectory(directory)
    const store = await openLmdbStore({ directory })
    const definitions = await Definitions.load(store)
    for (const [index, name] of ['a', 'b', 'c'].entries()) {
      definitions.put(901 + index, 'exchange', { vhost: '/', name, type: 'direct', arguments: 'AAAAAA==' })
      await store.commit()
    }
    const killed = join(parent, 'killed')
    await cp(directory, killed, { recursive: true, filter: (path) => !path.includes('owner-') })
    await store.close()
    const intact = await run(['check', '--data-dir', killed])
    expect(intact.out).toMatch(/ is intact: .*\. 3 commits in the journal will be added at the next start\n$/)
    expect(intact.exitCode).toBe(0)
    await spoilJournal(killed)
    const damaged = await run(['check', '--data-dir', killed])
    expect(damaged.out).toMatch(/^cannot be read: a commit in the journal, behind 1 and before 1 others\n/)
    expect(damaged.exitCode).toBe(1)
    expect((await run(['check', '--data-dir', killed, '--repair'])).exitCode).toBe(0)
    expect((await run(['check', '--data-dir', killed])).out).toMatch(/ is intact: .* records?\n$/)
    const broker = await startBroker({ dataDirectory: killed })
    await broker.stop()
  })

  it('names records without a queue, bindings without an end and definitions that make no sense', async () => {
    await fill()
    await spoil((definitions, queueId) => {
      definitions.remove(queueId)
      definitions.put(901, 'exchange', { vhost: 'gone', name: 'e', type: 'direct', arguments: 'AAAAAA==' })
      definitions.put(902, 'queue', { vhost: '/', name: 'q' })
      definitions.put(903, 'binding', {
        vhost: '/',
        source: 'amq.topic',
        destinationKind: 'exchange',
        destination: 'nowhere',
        key: '',
        arguments: 'AAAAAA==',
      })
    })
    const { exitCode, out } = await check('--repair')
    expect(exitCode).toBe(0)
    expect(out).toContain('definition 902: its arguments is missing\n')
    expect(out).toContain("definition 901: exchange 'e' is in virtual host 'gone', which does not exist\n")
    expect(out).toContain("a binding in virtual host '/' is one of queue 'tasks', which does not exist\n")
    expect(out).toContain("definition 903: a binding in virtual host '/' is one of exchange 'nowhere', which does not")
    expect(out).toMatch(/\n20 messages of queue \d+, which no definition describes\n/)
    expect((await check()).out).toMatch(/is intact: \d+ definitions, 0 queues, 0 messages in 0 records/)
    const broker = await startBroker({ dataDirectory: directory })
    await broker.stop()
  })

  it('names messages whose shared body is damaged, and saves the others', async () => {
    const broker = await startBroker({ dataDirectory: directory })
    const client = await openClient(broker.url)
    await client.fanOut(['a', 'b', 'c'], 500_000)
    await client.close()
    await broker.stop()
    expect((await check()).out).toMatch(/3 queues, 6 messages in \d+ records, 1 shared message body\n$/)
    const path = join(directory, 'data.mdb')
    const bytes = await readFile(path)
    for (let at = bytes.indexOf('large '); at >= 0; at = bytes.indexOf('large ', at + 4096)) bytes[at] = 0x4c
    await writeFile(path, bytes)
    const { exitCode, out } = await check('--repair')
    expect(exitCode).toBe(0)
    expect(out).toMatch(
      /cannot be read: the shared message body (\d+)\n3 messages with the shared message body \1, which/,
    )
    expect((await check()).out).toMatch(/is intact: .* 3 queues, 3 messages in \d+ records\n$/)
    const again = await startBroker({ dataDirectory: directory })
    await again.stop()
  })

  it('names a record that is damaged in a record file, and says what a repair puts aside', async () => {
    await makeJournaledDirectory(directory)
    const broker = await startBroker({ dataDirectory: directory })
    const client = await openClient(broker.url)
    await client.fanOut(['a'], 100_000)
    await client.close()
    await broker.stop()
    const path = join(directory, 'records', '0000000001')
    const bytes = await readFile(path)
    const at = bytes.indexOf('large ')
    expect(at).toBeGreaterThan(-1)
    bytes[at] = 0x4c
    await writeFile(path, bytes)
    const { exitCode, out } = await check('--repair')
    expect(exitCode).toBe(0)
    expect(out).toMatch(/^cannot be read: the record at \d+ of queue \d+, in records\/0000000001\n/)
    expect(out).toContain(
      'The damaged file is now data.mdb.damaged\nrecords.damaged keeps the record files that it refers',
    )
    expect((await check()).out).toContain('is intact')
    expect(await readFile(join(directory, 'records.damaged', '0000000001'))).toEqual(bytes)
    const again = await startBroker({ dataDirectory: directory })
    await again.stop()
  })

  it('counts what exchanges hold back and remember, and saves what is intact of it', async () => {
    const broker = await startBroker({ dataDirectory: directory })
    const client = await openClient(broker.url)
    await client.keep(3, 2)
    await client.close()
    await broker.stop()
    expect((await check()).out).toMatch(/is intact: \d+ definitions, 0 queues, 5 messages in 5 records\n$/)
    const store = await openLmdbStore({ directory })
    for await (const { queueId, firstSeq, label } of store.loadIndex()) {
      if (label.length > 0 && firstSeq === 1) store.putRecord(queueId, firstSeq, Buffer.from('no record'), label)
    }
    await store.commit()
    await store.close()
    const { exitCode, out } = await check('--repair')
    expect(exitCode).toBe(0)
    expect(out).toMatch(/the record at 1 of queue \d+: the record of a message has version 110, not 129\n/)
    expect((await check()).out).toMatch(/is intact: \d+ definitions, 0 queues, 4 messages in 4 records\n$/)
    const again = await startBroker({ dataDirectory: directory })
    await again.stop()
  })

  it('names delayed messages of a virtual host that is gone', async () => {
    await fill()
    await spoil((definitions) => definitions.put(901, 'delayed-messages', { vhost: 'gone', exchange: 'x' }))
    const { out } = await check('--repair')
    expect(out).toContain("definition 901: delayed messages are in virtual host 'gone', which does not exist\n")
    expect((await check()).out).toContain('is intact')
  })

  it('changes nothing where nothing can be saved', async () => {
    await fill()
    await writeFile(join(directory, 'data.mdb'), Buffer.alloc(50_000, 'x'))
    const { exitCode, out } = await check('--repair')
    expect(exitCode).toBe(1)
    expect(out).toContain('nothing can be saved, and nothing was changed')
    expect((await readFile(join(directory, 'data.mdb'))).length).toBe(50_000)
  })

  it('refuses a directory that is in use', async () => {
    const broker = await startBroker({ dataDirectory: directory })
    const { exitCode, error } = await check()
    await broker.stop()
    expect(exitCode).toBe(1)
    expect(error).toContain(`leveret: the data directory ${directory} is used by the running process`)
  })
})

describe('leveret compact', () => {
  it('prints the size before and after, and leaves an intact directory', async () => {
    await fill()
    const { exitCode, out } = await run(['compact', '--data-dir', directory])
    expect(out).toMatch(/: the data file and the record files have \d+ KiB, after \d+ KiB\n$/)
    expect(exitCode).toBe(0)
    expect((await check()).exitCode).toBe(0)
  })
})

describe('leveret backup', () => {
  it('copies the directory of a running broker', async () => {
    await fill()
    const broker = await startBroker({ dataDirectory: directory })
    const to = join(parent, 'copy')
    const { exitCode, out } = await run(['backup', '--to', to], { environment: { LEVERET_DATA_DIR: directory } })
    await broker.stop()
    expect(out).toMatch(new RegExp(`^${to} is a copy of ${directory}: \\d+ KiB\\n$`))
    expect(exitCode).toBe(0)
    directory = to
    expect((await check()).out).toContain('20 messages')
  })

  it('refuses a target that is not empty with a sentence', async () => {
    await fill()
    const { exitCode, error } = await run(['backup', '--data-dir', directory, '--to', parent])
    expect(exitCode).toBe(1)
    expect(error).toContain(`leveret: the directory ${parent} has files in it, such as "data": choose an empty one`)
  })
})

describe('the flags of a tool', () => {
  it.each([
    [['check'], '--data-dir needs a directory'],
    [['backup', '--data-dir', '/data'], '--to needs a directory'],
    [['compact', '--data-dir', '/data', '--repair'], 'leveret compact has no flag --repair'],
    [['check', '--data-dri', '/data'], 'the nearest one is --data-dir'],
    [['check', '/data'], "'/data' is no flag of leveret check"],
    [['check', '--data-dir', '/a', '--data-dir', '/b'], '--data-dir is given twice'],
  ])('are refused with a sentence: %j', async (words, sentence) => {
    const { exitCode, error } = await run(words)
    expect(error).toContain(sentence)
    expect(error.split('\n')).toHaveLength(2)
    expect(exitCode).toBe(1)
  })

  it('are listed by --help, and the tools by that of the command', async () => {
    expect((await run(['backup', '--help'])).out).toContain('Usage: leveret backup [flags]')
    expect((await run(['--help'])).out).toContain('leveret check|compact|backup [flags]')
  })

  it('do not keep a tool from being stopped', async () => {
    await fill()
    const stopped = await run(['check', '--data-dir', directory], { stopRequested: Promise.resolve() })
    expect(stopped.exitCode).toBe(130)
  })
})
