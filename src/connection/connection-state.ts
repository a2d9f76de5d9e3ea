import { mayLoginFrom } from '../auth/loopback.js'
import type { User } from '../auth/user.js'
import type { VirtualHost } from '../broker/virtual-host.js'
import type { ClientMethod } from '../protocol/generated/methods.js'
import { loginRefused, unexpectedMethodInState } from '../protocol/reply-texts.js'
import { type ClientProperties, readClientProperties } from './client-properties.js'
import type { ConnectionContext } from './connection-context.js'
import { readCredentials } from './sasl.js'
import { type Limits, negotiate } from './tuning.js'

/** Where a connection is in its life, with what is known there. */
export type ConnectionState =
  /** Waits for the eight octets of the protocol header. */
  | { readonly phase: 'greeting' }
  /** connection.start is sent. */
  | { readonly phase: 'starting' }
  /** The user has logged in, connection.tune is sent. */
  | { readonly phase: 'tuning'; readonly client: ClientProperties; readonly user: User }
  | { readonly phase: 'opening'; readonly client: ClientProperties; readonly user: User; readonly limits: Limits }
  | {
      readonly phase: 'running'
      readonly client: ClientProperties
      readonly user: User
      readonly limits: Limits
      readonly vhost: VirtualHost
    }
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
 * @returns the state that it leads to; the caller sends what opens that state.
 * @throws SilentRefusal, or AmqpError where the client is told.
 */
export function advance(
  state: ConnectionState,
  method: ClientMethod,
  context: ConnectionContext,
  remoteAddress: string | undefined,
): ConnectionState {
  switch (state.phase) {
    case 'starting':
      if (method.name !== 'connection.start-ok')
        throw new SilentRefusal(`${method.name} instead of connection.start-ok`)
      return logIn(method, context, remoteAddress)
    case 'tuning': {
      if (method.name !== 'connection.tune-ok') throw new SilentRefusal(`${method.name} instead of connection.tune-ok`)
      const limits = negotiate(context.limits, method)
      if (typeof limits === 'string') throw new SilentRefusal(limits)
      return { phase: 'opening', client: state.client, user: state.user, limits }
    }
    case 'opening': {
      if (method.name !== 'connection.open') throw unexpectedMethodInState('opening')
      const { client, user, limits } = state
      const vhost = context.connections.admit(user.name, method.virtualHost)
      return { phase: 'running', client, user, limits, vhost }
    }
    default:
      throw new Error(`a connection in phase ${state.phase} takes no method of the handshake`)
  }
}

function logIn(
  method: Extract<ClientMethod, { name: 'connection.start-ok' }>,
  { users, loopbackUsers }: ConnectionContext,
  remoteAddress: string | undefined,
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
  if (user && reason === undefined) return { phase: 'tuning', client, user }
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
