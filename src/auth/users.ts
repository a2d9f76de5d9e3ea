import { INTERNAL_USER } from '../base/acting-user.js'
import type { ByteString } from '../base/byte-string.js'
import { type Log, silentLog } from '../base/log.js'
import type { Definition, Definitions } from '../store/definitions.js'
import {
  defaultHashingAlgorithm,
  type HashingAlgorithm,
  hashPassword,
  isHashingAlgorithm,
  passwordMatches,
} from './password-hash.js'
import {
  type Permission,
  type PermissionPatterns,
  Permissions,
  type PermissionVerb,
  type ResourceKind,
} from './permissions.js'
import { StoredValue } from './stored-value.js'
import { type TopicPatterns, type TopicPermission, TopicPermissions, type TopicVerb } from './topic-permissions.js'
import { UnknownUserError, type User, type UserLimits } from './user.js'
import type { UserChange } from './user-change.js'

export interface UsersOptions {
  /** Hears of patterns that cost too much to match. */
  readonly log?: Log
  /** Hashes the passwords that are set from now on: RabbitMQ's `password_hashing_module`. SHA-256 by default. */
  readonly hashingAlgorithm?: HashingAlgorithm
}

/** The outcome of a login. The reason for a refusal is for the log alone: a client must not learn it. */
export type LoginResult =
  | { readonly user: User; readonly refusal: undefined }
  | { readonly user: undefined; readonly refusal: string }

const KIND = 'user'

/**
 * The users of a broker and what they may do.
 *
 * Each change joins the current batch of the store and counts `version` up. A call that throws has changed nothing.
 * Whether a virtual host exists is for the caller to know. Whoever makes a change may say who wants it, `by`.
 */
export class Users {
  readonly #definitions: Definitions
  readonly #hashingAlgorithm: HashingAlgorithm
  readonly #users = new Map<ByteString, { readonly id: number; readonly user: User }>()
  readonly #permissions: Permissions
  readonly #topicPermissions: TopicPermissions
  /** What a login as nobody is compared with, so that it takes as long as any other. */
  readonly #nobody: User
  #version = 0
  /** Called when a user has been deleted: whoever is logged in as that user has to leave. */
  onDeleted: (name: ByteString) => void = () => undefined
  /** Called after each change, with who made it. */
  onChange: (change: UserChange, by: ByteString) => void = () => undefined

  /** Takes in what `definitions` has loaded. @throws Error naming the definition when one is damaged. */
  constructor(definitions: Definitions, options: UsersOptions = {}) {
    const log = options.log ?? silentLog
    this.#definitions = definitions
    this.#hashingAlgorithm = options.hashingAlgorithm ?? defaultHashingAlgorithm
    this.#permissions = new Permissions(definitions, log)
    this.#topicPermissions = new TopicPermissions(definitions, log)
    for (const definition of definitions.loaded(KIND)) {
      const user = restoreUser(definition)
      this.#users.set(user.name, { id: definition.id, user })
    }
    this.#nobody = this.#withPassword({ name: '', tags: [], limits: {} }, 'nobody')
  }

  /** Counts the changes, so that whoever caches an answer knows how long it holds. */
  get version(): number {
    return this.#version
  }

  // Users.

  get(name: ByteString): User | undefined {
    return this.#users.get(name)?.user
  }

  /** Every user, oldest first. */
  list(): User[] {
    return Array.from(this.#users.values(), ({ user }) => user)
  }

  /** Adds `user`, or replaces the one of that name, who keeps the permissions. */
  put(user: User, by = INTERNAL_USER): User {
    const existing = this.#users.get(user.name)
    const id = existing?.id ?? this.#definitions.takeId()
    const { name, passwordHash, hashingAlgorithm, tags, limits } = user
    const stored: User = { name, passwordHash, hashingAlgorithm, tags: [...tags], limits: { ...limits } }
    this.#definitions.put(id, KIND, stored)
    this.#users.set(name, { id, user: stored })
    this.#version++
    for (const change of changesOf(existing?.user, stored)) this.onChange(change, by)
    return stored
  }

  /** Adds or replaces a user with a password in clear. The empty one is accepted, but nobody can log in with it. */
  putWithPassword(user: Pick<User, 'name' | 'tags' | 'limits'>, password: ByteString, by = INTERNAL_USER): User {
    return this.put(this.#withPassword(user, password), by)
  }

  /** @throws UnknownUserError */
  changePassword(name: ByteString, password: ByteString, by = INTERNAL_USER): void {
    this.put(this.#withPassword(this.#known(name), password), by)
  }

  /** @throws UnknownUserError */
  setTags(name: ByteString, tags: readonly ByteString[], by = INTERNAL_USER): void {
    this.put({ ...this.#known(name), tags }, by)
  }

  /** Replaces the limits of a user, for connections and channels to come. @throws UnknownUserError */
  setLimits(name: ByteString, limits: UserLimits, by = INTERNAL_USER): void {
    this.put({ ...this.#known(name), limits }, by)
  }

  /** Deletes a user with all permissions. @returns whether there was one. */
  delete(name: ByteString, by = INTERNAL_USER): boolean {
    const entry = this.#users.get(name)
    if (entry === undefined) return false
    this.#users.delete(name)
    this.#definitions.remove(entry.id)
    this.#permissions.removeWhere(({ user }) => user === name)
    this.#topicPermissions.removeWhere(({ user }) => user === name)
    this.#version++
    this.onDeleted(name)
    this.onChange({ what: 'user deleted', user: name }, by)
    return true
  }

  // Logging in.

  /** Checks a name and a password. Where a user may log in from is a question for `mayLoginFrom`. */
  authenticate(name: ByteString, password: ByteString): LoginResult {
    if (password === '') return refused(`user '${name}' attempted to log in with a blank password`)
    const user = this.get(name)
    const { passwordHash, hashingAlgorithm } = user ?? this.#nobody
    const isRight = passwordMatches(password, passwordHash, hashingAlgorithm)
    if (user === undefined || !isRight) return refused(`user '${name}' - invalid credentials`)
    return { user, refusal: undefined }
  }

  // Permissions.

  /** Replaces the permissions of a user in a virtual host. @throws UnknownUserError, InvalidPatternError. */
  setPermissions(
    user: ByteString,
    vhost: ByteString,
    { configure, write, read }: PermissionPatterns,
    by = INTERNAL_USER,
  ): void {
    this.#known(user)
    const permission = { user, vhost, configure, write, read }
    this.#permissions.set(permission)
    this.#version++
    this.onChange({ what: 'permission set', permission }, by)
  }

  /** @returns whether there were any. */
  clearPermissions(user: ByteString, vhost: ByteString, by = INTERNAL_USER): boolean {
    return this.#removePermissions((row) => row.user === user && row.vhost === vhost, by)
  }

  permissionsOf(user: ByteString, vhost: ByteString): Permission | undefined {
    return this.#permissions.get(user, vhost)
  }

  listPermissions(): Permission[] {
    return this.#permissions.list()
  }

  /** Whether a user may enter a virtual host: has permissions there, be they for nothing. */
  hasAccessTo(user: ByteString, vhost: ByteString): boolean {
    return this.#permissions.get(user, vhost) !== undefined
  }

  /** Whether `user` may do `verb` to a resource. The default exchange, whose name is empty, goes by `amq.default`. */
  check(user: ByteString, vhost: ByteString, kind: ResourceKind, name: ByteString, verb: PermissionVerb): boolean {
    return this.#permissions.check(user, vhost, kind, name, verb)
  }

  // Topic permissions.

  /** Replaces the permissions for the keys of one topic exchange. @throws UnknownUserError, InvalidPatternError. */
  setTopicPermissions(
    user: ByteString,
    vhost: ByteString,
    exchange: ByteString,
    { write, read }: TopicPatterns,
    by = INTERNAL_USER,
  ): void {
    this.#known(user)
    const permission = { user, vhost, exchange, write, read }
    this.#topicPermissions.set(permission)
    this.#version++
    this.onChange({ what: 'topic permission set', permission }, by)
  }

  /** Clears those of one exchange, or of all where none is named. @returns whether there were any. */
  clearTopicPermissions(user: ByteString, vhost: ByteString, exchange?: ByteString, by = INTERNAL_USER): boolean {
    const count = this.#topicPermissions.removeWhere(
      (row) => row.user === user && row.vhost === vhost && (exchange === undefined || row.exchange === exchange),
    )
    if (count > 0) this.onChange({ what: 'topic permission deleted', user, vhost, exchange }, by)
    return this.#haveChanged(count)
  }

  topicPermissionsOf(user: ByteString, vhost: ByteString, exchange: ByteString): TopicPermission | undefined {
    return this.#topicPermissions.get(user, vhost, exchange)
  }

  listTopicPermissions(): TopicPermission[] {
    return this.#topicPermissions.list()
  }

  /** Whether `user` may publish (`write`) or bind (`read`) with `key` on a topic exchange. */
  checkTopic(user: ByteString, vhost: ByteString, exchange: ByteString, key: ByteString, verb: TopicVerb): boolean {
    return this.#topicPermissions.check(user, vhost, exchange, key, verb)
  }

  /** Drops every permission in a virtual host that is being deleted. */
  removeVhost(vhost: ByteString, by = INTERNAL_USER): void {
    this.#removePermissions((row) => row.vhost === vhost, by)
    const gone = this.#topicPermissions.list().filter((row) => row.vhost === vhost)
    this.#haveChanged(this.#topicPermissions.removeWhere((row) => row.vhost === vhost))
    for (const { user, exchange } of gone)
      this.onChange({ what: 'topic permission deleted', user, vhost, exchange }, by)
  }

  #removePermissions(isRemoved: (permission: Permission) => boolean, by: ByteString): boolean {
    const gone = this.#permissions.list().filter(isRemoved)
    this.#haveChanged(this.#permissions.removeWhere(isRemoved))
    for (const permission of gone) this.onChange({ what: 'permission deleted', permission }, by)
    return gone.length > 0
  }

  #known(name: ByteString): User {
    const user = this.get(name)
    if (user === undefined) throw new UnknownUserError(name)
    return user
  }

  #withPassword({ name, tags, limits }: Pick<User, 'name' | 'tags' | 'limits'>, password: ByteString): User {
    const hashingAlgorithm = this.#hashingAlgorithm
    return { name, passwordHash: hashPassword(password, hashingAlgorithm), hashingAlgorithm, tags, limits }
  }

  #haveChanged(count: number): boolean {
    if (count > 0) this.#version++
    return count > 0
  }
}

/** What tells `user` from what was there before. */
function changesOf(before: User | undefined, user: User): UserChange[] {
  const { name, passwordHash, tags, limits } = user
  const changes: UserChange[] = []
  if (!before) changes.push({ what: 'user created', user: name })
  else if (passwordHash !== before.passwordHash) {
    changes.push({ what: passwordHash === '' ? 'password cleared' : 'password changed', user: name })
  }
  if (!sameTexts(tags, before?.tags ?? [])) changes.push({ what: 'tags set', user: name, tags })
  if (!sameLimits(limits, before?.limits ?? {})) {
    const isUnlimited = sameLimits(limits, {})
    changes.push(isUnlimited ? { what: 'limits cleared', user: name } : { what: 'limits set', user: name, limits })
  }
  return changes
}

function sameTexts(a: readonly ByteString[], b: readonly ByteString[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index])
}

function sameLimits(a: UserLimits, b: UserLimits): boolean {
  return a.maxConnections === b.maxConnections && a.maxChannels === b.maxChannels
}

function refused(refusal: string): LoginResult {
  return { user: undefined, refusal }
}

function restoreUser(definition: Definition): User {
  const stored = new StoredValue(definition)
  return {
    name: stored.text('name'),
    passwordHash: stored.text('passwordHash'),
    hashingAlgorithm: stored.word('hashingAlgorithm', isHashingAlgorithm),
    tags: stored.texts('tags'),
    limits: stored.numbers('limits', ['maxConnections', 'maxChannels']),
  }
}
