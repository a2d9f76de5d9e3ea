import { describe, expect, it } from 'vitest'
import { Users } from '../../src/auth/users.js'
import { Alarms } from '../../src/base/alarms.js'
import { systemClock } from '../../src/base/clock.js'
import { silentLog } from '../../src/base/log.js'
import { Turn } from '../../src/base/turn.js'
import { Broker } from '../../src/broker/broker.js'
import type { ConnectionContext } from '../../src/connection/connection-context.js'
import { advance, LoginRefused, SilentRefusal } from '../../src/connection/connection-state.js'
import { Heartbeats } from '../../src/connection/heartbeats.js'
import { OpenConnections } from '../../src/connection/open-connections.js'
import { COMPAT_PROFILES } from '../../src/protocol/compat-profile.js'
import { boolean, fields, table } from '../../src/protocol/field-values.js'
import type { ConnectionStartOk } from '../../src/protocol/generated/methods.js'
import { OutputBuffers } from '../../src/protocol/output-buffer.js'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { ManualClock } from '../support/manual-clock.js'

/** Where login is tried from matters, and a test connects from the machine itself: so here without a socket. */
async function contextWith(loopbackUsers: readonly string[]): Promise<ConnectionContext> {
  const store = new MemoryStore()
  const definitions = await Definitions.load(store)
  const users = new Users(definitions)
  const profile = COMPAT_PROFILES['4.2']
  const broker = await Broker.recover(store, definitions, {
    profile,
    log: silentLog,
    clock: systemClock,
    onStoreFailure: () => undefined,
  })
  for (const name of ['guest', 'ann']) users.putWithPassword({ name, tags: [], limits: {} }, 'pw')
  const clock = new ManualClock()
  return {
    broker,
    users,
    clock,
    turn: new Turn(() => undefined),
    heartbeats: new Heartbeats(clock),
    outputBuffers: new OutputBuffers(),
    alarms: new Alarms(),
    log: silentLog,
    profile,
    connections: new OpenConnections(broker, users, { name: 'rabbit@here', connections: 9, channels: 9 }),
    limits: { frameMax: 131072, channelMax: 2047, heartbeatSeconds: 60 },
    consumerTimeoutMs: 1000,
    consumersMax: 9,
    defaultPrefetch: 0,
    handshakeTimeoutMs: 10_000,
    loopbackUsers,
    serverProperties: [],
  }
}

function startOk(user: string, isTold: boolean): ConnectionStartOk {
  const clientProperties = fields({ capabilities: table({ authentication_failure_close: boolean(isTold) }) })
  const response = `\0${user}\0pw`
  return { name: 'connection.start-ok', clientProperties, mechanism: 'PLAIN', response, locale: 'en_US' }
}

const logIn = (context: ConnectionContext, user: string, from: string | undefined, isTold = false) =>
  advance({ phase: 'starting' }, startOk(user, isTold), context, from)

describe('a user who may log in from the machine itself only', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', undefined])('may do so from %s', async (from) => {
    expect(logIn(await contextWith(['guest']), 'guest', from).phase).toBe('tuning')
  })

  it.each(['192.0.2.1', '10.0.0.1', '2001:db8::1', '::ffff:192.0.2.1', '128.0.0.1'])(
    'may not from %s',
    async (from) => {
      const context = await contextWith(['guest'])
      expect(() => logIn(context, 'guest', from)).toThrow(SilentRefusal)
      expect(() => logIn(context, 'guest', from)).toThrow("user 'guest' can only connect via localhost")
    },
  )

  it('is told, when the client wants to be told, no more than after a wrong password', async () => {
    const context = await contextWith(['guest'])
    const refusal = refusalOf(() => logIn(context, 'guest', '192.0.2.1', true))
    expect(refusal.told.replyText).toBe(
      'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.',
    )
    expect(refusal.message).toContain('can only connect via localhost')
  })
})

describe('another user', () => {
  it('may log in from anywhere', async () => {
    expect(logIn(await contextWith(['guest']), 'ann', '192.0.2.1').phase).toBe('tuning')
    expect(logIn(await contextWith([]), 'guest', '192.0.2.1').phase).toBe('tuning')
  })

  it('is as restricted as the option says', async () => {
    const context = await contextWith(['ann'])
    expect(() => logIn(context, 'ann', '192.0.2.1')).toThrow(SilentRefusal)
    expect(logIn(context, 'guest', '192.0.2.1').phase).toBe('tuning')
  })
})

function refusalOf(attempt: () => unknown): LoginRefused {
  try {
    attempt()
  } catch (error) {
    if (error instanceof LoginRefused) return error
    throw error
  }
  throw new Error('the login was not refused')
}
