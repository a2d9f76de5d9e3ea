import { describe, expect, it, vi } from 'vitest'
import { hashPassword } from '../../src/auth/password-hash.js'
import type { PermissionVerb, ResourceKind } from '../../src/auth/permissions.js'
import { seedDefaults } from '../../src/auth/seed-defaults.js'
import { isImpersonator, UnknownUserError } from '../../src/auth/user.js'
import { Users, type UsersOptions } from '../../src/auth/users.js'
import { silentLog } from '../../src/base/log.js'
import { InvalidPatternError } from '../../src/base/pattern/pattern-node.js'
import { Definitions } from '../../src/store/definitions.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'

const all = { configure: '.*', write: '.*', read: '.*' }

/** The directory as a broker finds it that starts on `store` now. */
async function usersOf(store: MemoryStore, options?: UsersOptions): Promise<Users> {
  await store.commit()
  return new Users(await Definitions.load(store), options)
}

async function definitionCount(store: MemoryStore): Promise<number> {
  await store.commit()
  let count = 0
  for await (const _ of store.loadDefinitions()) count++
  return count
}

/** A directory with the user `app`, whose password is `secret`. */
async function usersWithApp(options?: UsersOptions): Promise<{ users: Users; store: MemoryStore }> {
  const store = new MemoryStore()
  const users = await usersOf(store, options)
  users.putWithPassword({ name: 'app', tags: [], limits: {} }, 'secret')
  return { users, store }
}

describe('logging in', () => {
  it('works with the right password alone', async () => {
    const { users } = await usersWithApp()
    expect(users.authenticate('app', 'secret').user).toMatchObject({ name: 'app', tags: [] })
    for (const [name, password] of [
      ['app', 'Secret'],
      ['App', 'secret'],
      ['', 'nobody'],
    ] as const) {
      expect(users.authenticate(name, password)).toEqual({
        user: undefined,
        refusal: `user '${name}' - invalid credentials`,
      })
    }
  })

  it('never works with a blank password, stored or not', async () => {
    const { users } = await usersWithApp()
    users.changePassword('app', '')
    expect(users.authenticate('app', '').refusal).toBe("user 'app' attempted to log in with a blank password")
    expect(users.authenticate('nobody', '').user).toBeUndefined()
  })

  it('never works for a user without a password', async () => {
    const { users } = await usersWithApp()
    users.put({
      name: 'app',
      passwordHash: '',
      hashingAlgorithm: 'rabbit_password_hashing_sha256',
      tags: [],
      limits: {},
    })
    expect(users.authenticate('app', 'secret').refusal).toBe("user 'app' - invalid credentials")
  })

  it('uses the algorithm of the user, and the configured one for new passwords', async () => {
    const { users } = await usersWithApp({ hashingAlgorithm: 'rabbit_password_hashing_sha512' })
    expect(users.get('app')?.hashingAlgorithm).toBe('rabbit_password_hashing_sha512')
    const hashingAlgorithm = 'rabbit_password_hashing_md5'
    users.put({
      name: 'old',
      passwordHash: hashPassword('1', hashingAlgorithm),
      hashingAlgorithm,
      tags: [],
      limits: {},
    })
    expect(users.authenticate('app', 'secret').user).toBeDefined()
    expect(users.authenticate('old', '1').user).toBeDefined()
  })
})

describe('the user directory', () => {
  it('lets the default user in (semantics 18 a)', async () => {
    const users = await usersOf(new MemoryStore())
    seedDefaults(users)
    expect(users.authenticate('guest', 'guest').user?.tags).toEqual(['administrator'])
    expect(users.permissionsOf('guest', '/')).toMatchObject(all)
  })

  it('changes passwords and tags and tells who impersonates', async () => {
    const { users } = await usersWithApp()
    users.changePassword('app', 'other')
    users.setTags('app', ['impersonator', 'monitoring'])
    const { user } = users.authenticate('app', 'other')
    expect(user?.tags).toEqual(['impersonator', 'monitoring'])
    expect(user && isImpersonator(user)).toBe(true)
    expect(users.authenticate('app', 'secret').user).toBeUndefined()
    users.setTags('app', ['administrator'])
    expect(users.list().filter(isImpersonator)).toEqual([])
  })

  it('keeps the permissions of a user who is replaced, and drops those of one who is deleted', async () => {
    const { users, store } = await usersWithApp()
    users.setPermissions('app', '/', all)
    users.setTopicPermissions('app', '/', 'amq.topic', { write: '', read: '' })
    users.putWithPassword({ name: 'app', tags: ['x'], limits: {} }, 'new')
    expect(users.hasAccessTo('app', '/')).toBe(true)
    expect(users.delete('app')).toBe(true)
    expect(users.delete('app')).toBe(false)
    expect(users.hasAccessTo('app', '/')).toBe(false)
    expect(users.list()).toEqual([])
    expect(users.listPermissions()).toEqual([])
    expect(users.listTopicPermissions()).toEqual([])
    expect(await definitionCount(store)).toBe(0)
  })

  it('keeps the password of a user whose limits are replaced', async () => {
    const { users, store } = await usersWithApp()
    users.setLimits('app', { maxConnections: 3, maxChannels: 0 })
    users.setLimits('app', { maxChannels: -1 })
    expect((await usersOf(store)).authenticate('app', 'secret').user?.limits).toEqual({ maxChannels: -1 })
  })

  it('tells of a user who is deleted, once and afterwards', async () => {
    const { users } = await usersWithApp()
    const deleted: unknown[] = []
    users.onDeleted = (name) => void deleted.push([name, users.get(name)])
    expect([users.delete('app'), users.delete('app')]).toEqual([true, false])
    expect(deleted).toEqual([['app', undefined]])
  })

  it('refuses to change a user that does not exist', async () => {
    const users = await usersOf(new MemoryStore())
    expect(() => users.changePassword('nobody', 'x')).toThrow(UnknownUserError)
    expect(() => users.setLimits('nobody', {})).toThrow(UnknownUserError)
    expect(() => users.setTags('nobody', [])).toThrow("user 'nobody' does not exist")
    expect(() => users.setPermissions('nobody', '/', all)).toThrow(UnknownUserError)
    expect(() => users.setTopicPermissions('nobody', '/', 'x', all)).toThrow(UnknownUserError)
  })

  it('comes back after a restart', async () => {
    const { users, store } = await usersWithApp()
    users.put({
      name: 'caf\xc3\xa9\0',
      passwordHash: '',
      hashingAlgorithm: 'rabbit_password_hashing_sha512',
      tags: ['a', 'b'],
      limits: { maxConnections: 3 },
    })
    users.setPermissions('app', '/', { configure: '', write: '^a', read: '.*' })
    users.setPermissions('app', 'other', all)
    users.setPermissions('app', '/', { configure: '^c', write: '^a', read: '.*' })
    users.clearPermissions('app', 'other')
    users.setTopicPermissions('app', '/', 'amq.topic', { write: '^{username}\\.', read: '.*' })

    const restarted = await usersOf(store)
    expect(restarted.list()).toEqual(users.list())
    expect(restarted.listPermissions()).toEqual(users.listPermissions())
    expect(restarted.listTopicPermissions()).toEqual(users.listTopicPermissions())
    expect(restarted.authenticate('app', 'secret').user).toBeDefined()
    expect(restarted.check('app', '/', 'queue', 'cat', 'configure')).toBe(true)
    expect(restarted.checkTopic('app', '/', 'amq.topic', 'app.x', 'write')).toBe(true)
    restarted.setTags('app', ['changed'])
    expect(await definitionCount(store)).toBe(4)
  })

  it('names the definition that is damaged', async () => {
    const store = new MemoryStore()
    const definitions = await Definitions.load(store)
    definitions.put(7, 'user', { name: 'app', passwordHash: '', hashingAlgorithm: 'rot13', tags: [], limits: {} })
    await expect(usersOf(store)).rejects.toThrow(
      "definition 7 of the data directory, a user, is damaged: its hashingAlgorithm is 'rot13', which means nothing",
    )
    definitions.put(7, 'permission', { user: 'app' })
    await expect(usersOf(store)).rejects.toThrow('a permission, is damaged: its vhost is no text')
  })

  it('counts its version up with each change and with nothing else', async () => {
    const { users } = await usersWithApp()
    const changes: (() => unknown)[] = [
      () => users.changePassword('app', 'x'),
      () => users.setTags('app', ['x']),
      () => users.setPermissions('app', '/', all),
      () => users.setTopicPermissions('app', '/', 'amq.topic', all),
      () => users.clearTopicPermissions('app', '/'),
      () => users.clearPermissions('app', '/'),
      () => users.delete('app'),
    ]
    for (const change of changes) {
      const { version } = users
      change()
      expect(users.version, change.toString()).toBe(version + 1)
    }
    const { version } = users
    users.clearPermissions('app', '/')
    users.clearTopicPermissions('app', '/')
    users.delete('app')
    users.removeVhost('/')
    users.authenticate('app', 'x')
    expect(users.version).toBe(version)
  })
})

describe('permissions', () => {
  it('are looked for anywhere in the name, for each verb apart (semantics 15 a)', async () => {
    const { users } = await usersWithApp()
    users.setPermissions('app', '/', { configure: '^app-', write: 'log', read: '' })
    const checks: [name: string, verb: PermissionVerb, isGranted: boolean][] = [
      ['app-1', 'configure', true],
      ['my-app-1', 'configure', false],
      ['my-logs', 'write', true],
      ['my-logs', 'read', false],
    ]
    for (const [name, verb, isGranted] of checks) {
      expect(users.check('app', '/', 'queue', name, verb), `${verb} ${name}`).toBe(isGranted)
    }
  })

  it('hold for one user and one virtual host', async () => {
    const { users } = await usersWithApp()
    users.putWithPassword({ name: 'ap', tags: [], limits: {} }, 'x')
    users.setPermissions('app', 'v', all)
    expect(users.hasAccessTo('app', 'v')).toBe(true)
    for (const [user, vhost] of [
      ['app', '/'],
      ['ap', 'pv'],
      ['ap', 'v'],
      ['nobody', 'v'],
    ] as const) {
      expect(users.hasAccessTo(user, vhost)).toBe(false)
      expect(users.check(user, vhost, 'queue', 'q', 'read')).toBe(false)
    }
  })

  it('let a user without rights enter the virtual host (semantics 15 a)', async () => {
    const { users } = await usersWithApp()
    users.setPermissions('app', '/', { configure: '', write: '', read: '' })
    expect(users.hasAccessTo('app', '/')).toBe(true)
    expect(users.check('app', '/', 'exchange', '', 'write')).toBe(false)
  })

  it.each<[ResourceKind, string, boolean]>([
    ['exchange', '', true],
    ['exchange', 'amq.default', true],
    ['queue', '', false],
  ])('take the default exchange for amq.default: %s %j (semantics 15 b)', async (kind, name, isGranted) => {
    const { users } = await usersWithApp()
    users.setPermissions('app', '/', { configure: '', write: '^amq\\.default$', read: '' })
    expect(users.check('app', '/', kind, name, 'write')).toBe(isGranted)
  })

  it('change nothing when a pattern is refused (semantics 15 s)', async () => {
    const { users, store } = await usersWithApp()
    const { version } = users
    const patterns = ['(a', 'a'.repeat(1025), '(a)\\1']
    for (const pattern of patterns) {
      expect(() => users.setPermissions('app', '/', { ...all, read: pattern })).toThrow(InvalidPatternError)
      expect(() => users.setTopicPermissions('app', '/', 'x', { ...all, read: pattern })).toThrow(InvalidPatternError)
    }
    expect(() => users.setPermissions('app', '/', { ...all, read: 'a'.repeat(1025) })).toThrow(
      'it has 1025 octets and 1024 are allowed',
    )
    expect(users.version).toBe(version)
    expect(users.hasAccessTo('app', '/')).toBe(false)
    expect(await definitionCount(store)).toBe(1)
    users.setPermissions('app', '/', { ...all, read: 'a'.repeat(1024) })
  })

  it('count a pattern that takes too many steps as no match, and log it once (semantics 15 s)', async () => {
    const warn = vi.fn()
    const { users } = await usersWithApp({ log: { ...silentLog, warn } })
    const hostile = '(?=(?:(?=(?:(?=(?:(?=a*b|a)a)*!)a|a)*)a|a)*b)'
    users.setPermissions('app', '/', { configure: hostile, write: '', read: '^(a+)+$' })
    const name = `${'a'.repeat(254)}!`
    expect(users.check('app', '/', 'queue', name, 'read')).toBe(false)
    expect(warn).not.toHaveBeenCalled()
    expect(users.check('app', '/', 'queue', name, 'configure')).toBe(false)
    expect(users.check('app', '/', 'queue', name, 'configure')).toBe(false)
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0]?.[0]).toEqual({ pattern: hostile })
  })

  it('go with their virtual host', async () => {
    const { users, store } = await usersWithApp()
    users.setPermissions('app', '/', all)
    users.setPermissions('app', 'v', all)
    users.setTopicPermissions('app', 'v', 'amq.topic', { write: '', read: '' })
    users.removeVhost('v')
    expect(users.hasAccessTo('app', 'v')).toBe(false)
    expect(users.checkTopic('app', 'v', 'amq.topic', 'k', 'write')).toBe(true)
    expect(users.hasAccessTo('app', '/')).toBe(true)
    expect(await definitionCount(store)).toBe(2)
  })
})

describe('topic permissions', () => {
  it('allow every key where there are none for the exchange (semantics 15 n)', async () => {
    const { users } = await usersWithApp()
    expect(users.checkTopic('app', '/', 'amq.topic', 'k', 'write')).toBe(true)
    users.setTopicPermissions('app', '/', 'amq.topic', { write: '^a\\.', read: '' })
    expect(users.checkTopic('app', '/', 'amq.topic', 'a.b', 'write')).toBe(true)
    expect(users.checkTopic('app', '/', 'amq.topic', 'b.a.', 'write')).toBe(false)
    expect(users.checkTopic('app', '/', 'amq.topic', 'a.b', 'read')).toBe(false)
    expect(users.checkTopic('app', '/', 'amq.topic', '', 'read')).toBe(true)
    expect(users.checkTopic('app', '/', 'other', 'b', 'write')).toBe(true)
    expect(users.checkTopic('app', 'v', 'amq.topic', 'b', 'write')).toBe(true)
  })

  it('expand placeholders literally, and may grow by that (semantics 15 o)', async () => {
    const users = await usersOf(new MemoryStore())
    const name = 'a.*('
    const vhost = 'v$'.repeat(100)
    const write = '^{username}-{vhost}-{client_id}$'
    users.putWithPassword({ name, tags: [], limits: {} }, 'x')
    users.setTopicPermissions(name, vhost, 't', { write, read: '{vhost}'.repeat(10) })
    expect(users.checkTopic(name, vhost, 't', `a.*(-${vhost}-{client_id}`, 'write')).toBe(true)
    expect(users.checkTopic(name, vhost, 't', `abc(-${vhost}-{client_id}`, 'write')).toBe(false)
    expect(users.topicPermissionsOf(name, vhost, 't')?.write).toBe(write)
  })

  it('are cleared for one exchange or for all', async () => {
    const { users } = await usersWithApp()
    const none = { write: '', read: '' }
    for (const exchange of ['a', 'b', 'c']) users.setTopicPermissions('app', '/', exchange, none)
    expect(users.clearTopicPermissions('app', '/', 'a')).toBe(true)
    expect(users.listTopicPermissions().map(({ exchange }) => exchange)).toEqual(['b', 'c'])
    expect(users.clearTopicPermissions('app', '/')).toBe(true)
    expect(users.listTopicPermissions()).toEqual([])
  })
})
