import { mayLoginFrom } from '../auth/loopback.js'
import type { User } from '../auth/user.js'
import type { ByteString } from '../base/byte-string.js'
import type { VirtualHost } from '../broker/virtual-host.js'
import type { ClientMethod } from '../protocol/generated/methods.js'
import { loginRefused, unexpectedMethodInState } from '../protocol/reply-texts.js'
import { type ClientProperties, readClientProperties } from './client-properties.js'
import type { ConnectionContext } from './connection-context.js'
import { readCredentials } from './sasl.js'
import { type Limits, negotiate } from './tuning.js'

/** Who has logged in, and how. */
export interface Login {
  readonly client: ClientProperties
  readonly user: User
  readonly mechanism: ByteString
}

/** Somebody's try to log in, whose credentials could be read. */
export interface LoginAttempt {
  readonly userName: ByteString
  readonly mechanism: ByteString
  /** Undefined when it has succeeded. */
  readonly refusal: string | undefined
}

/** Where a connection is in its life, with what is known there. */
export type ConnectionState =
  /** Waits for the eight octets of the protocol header. */
  | { readonly phase: 'greeting' }
  /** connection.start is sent. */
  | { readonly phase: 'starting' }
  /** The user has logged in, connection.tune is sent. */
  | ({ readonly phase: 'tuning' } & Login)
  | ({ readonly phase: 'opening'; readonly limits: Limits } & Login)
  | ({ readonly phase: 'running'; readonly limits: Limits; readonly vhost: VirtualHost } & Login)
  /** connection.close or close-ok is sent: everything is ignored but the rest of that handshake. */
  | { readonly phase: 'closing' }
  /** The handshake has failed in a way that the client is not told: the socket closes after a while. */
  | { readonly phase: 'refused' }
  | { readonly phase: 'closed' }

/** The handshake ends here, without a frame: the reason is for the log. */
export class SilentRefusal extends Error {
  override readonly name = 'SilentRefusal'
}

/**
 * Takes the next method of the handshake.
 * @param onLogin hears of a login, whatever becomes of it.
 * @returns the state that it leads to; the caller sends what opens that state.
 * @throws SilentRefusal, or AmqpError where the client is told.
 */
export function advance(
  state: ConnectionState,
  method: ClientMethod,
  context: ConnectionContext,
  remoteAddress: string | undefined,
  onLogin: (attempt: LoginAttempt) => void = () => undefined,
): ConnectionState {
  switch (state.phase) {
    case 'starting':
      if (method.name !== 'connection.start-ok')
        throw new SilentRefusal(`${method.name} instead of connection.start-ok`)
      return logIn(method, context, remoteAddress, onLogin)
    case 'tuning': {
      if (method.name !== 'connection.tune-ok') throw new SilentRefusal(`${method.name} instead of connection.tune-ok`)
      const limits = negotiate(context.limits, method)
      if (typeof limits === 'string') throw new SilentRefusal(limits)
      return { ...state, phase: 'opening', limits }
    }
    case 'opening': {
      if (method.name !== 'connection.open') throw unexpectedMethodInState('opening')
      const vhost = context.connections.admit(state.user.name, method.virtualHost)
      return { ...state, phase: 'running', vhost }
    }
    default:
      throw new Error(`a connection in phase ${state.phase} takes no method of the handshake`)
  }
}

function logIn(
  method: Extract<ClientMethod, { name: 'connection.start-ok' }>,
  { users, loopbackUsers }: ConnectionContext,
  remoteAddress: string | undefined,
  onLogin: (attempt: LoginAttempt) => void,
): ConnectionState {
  const { mechanism } = method
  const client = readClientProperties(method.clientProperties)
  const credentials = readCredentials(mechanism, method.response)
  if (!credentials) throw new SilentRefusal(`mechanism ${mechanism} is not offered, or its response is malformed`)
  const { user, refusal } = users.authenticate(credentials.user, credentials.password)
  const reason =
    refusal ??
    (mayLoginFrom(credentials.user, remoteAddress, loopbackUsers)
      ? undefined
      : `user '${credentials.user}' can only connect via localhost`)
  onLogin({ userName: credentials.user, mechanism, refusal: reason })
  if (user && reason === undefined) return { phase: 'tuning', client, user, mechanism }
  throw client.hasAuthenticationFailureClose
    ? new LoginRefused(mechanism, reason ?? 'refused')
    : new SilentRefusal(`${mechanism} login refused: ${reason}`)
}

/** A refused login of a client that wants to be told. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused'
  readonly told

  /** @param reason for the log: the client is told only that it was refused. */
  constructor(mechanism: string, reason: string) {
    super(`${mechanism} login refused: ${reason}`)
    this.told = loginRefused(mechanism)
  }
}
