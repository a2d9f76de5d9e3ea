/**
 * One socket: greets, takes the handshake, hands frames to channels, answers on channel 0, says goodbye.
 *
 * Every way to an end, the client's close, ours, a lost socket, goes through `#release`.
 */

import type { Socket } from 'node:net'
import { isImpersonator } from '../auth/user.js'
import { toDisplayText } from '../base/byte-string.js'
import type { Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { ChannelContext } from '../channel/channel-context.js'
import { OrderedOutput } from '../channel/ordered-output.js'
import { AmqpError } from '../protocol/amqp-error.js'
import { ByteReader } from '../protocol/byte-reader.js'
import { matchProtocolHeader } from '../protocol/frame-layouts.js'
import { FrameType } from '../protocol/frame-scanner.js'
import {
  type ClientMethod,
  decodeMethod,
  encodeConnectionBlocked,
  encodeConnectionClose,
  encodeConnectionCloseOk,
  encodeConnectionOpenOk,
  encodeConnectionStart,
  encodeConnectionTune,
  encodeConnectionUnblocked,
  encodeConnectionUpdateSecretOk,
  MethodId,
} from '../protocol/generated/methods.js'
import { longAt } from '../protocol/octets.js'
import {
  blockedReason,
  connectionForced,
  frameOnWrongChannel,
  unexpectedMethodInState,
  unknownFrame,
  vhostAccessRefused,
} from '../protocol/reply-texts.js'
import { ChannelFailure, ChannelTable } from './channel-table.js'
import type { ConnectionContext } from './connection-context.js'
import { type ConnectionFacts, connectionClosed, connectionCreated, userAuthenticated } from './connection-events.js'
import { ConnectionInput } from './connection-input.js'
import { advance, type ConnectionState, LoginRefused, SilentRefusal } from './connection-state.js'
import type { HeartbeatPeer } from './heartbeats.js'
import type { Session } from './open-connections.js'
import { protocolErrorOf, SilentFailure } from './protocol-error.js'
import { SASL_MECHANISMS } from './sasl.js'
import { SocketOutput } from './socket-output.js'
import { UserAccess } from './user-access.js'

const PROTOCOL_HEADER_OCTETS = 8
/** The answer to every header that is not ours: the protocol that is. */
const OUR_PROTOCOL_HEADER = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1')
const HEARTBEAT_FRAME = Buffer.from([FrameType.HEARTBEAT, 0, 0, 0, 0, 0, 0, 0xce])
/** How long a client that failed the handshake waits to find out. */
const REFUSED_DELAY_MS = 3000
/** The same for a client whose frames cannot be told apart any more, so that its answer may never be understood. */
const LOST_DELAY_MS = 3000
/** How long the peer may take to close the socket, at most, after the close handshake. */
const CLOSING_MS = 30_000
/** class-id and method-id; and class-id, weight and body size. */
const LEAST_METHOD_OCTETS = 4
const LEAST_HEADER_OCTETS = 12

export class Connection implements HeartbeatPeer {
  readonly #socket: Socket
  readonly #context: ConnectionContext
  readonly #log: Log
  readonly #input: ConnectionInput
  readonly #output: SocketOutput
  readonly #onClosed: (connection: Connection) => void
  readonly #remoteAddress: string | undefined
  readonly #facts: ConnectionFacts
  #state: ConnectionState = { phase: 'greeting' }
  #channels: ChannelTable | undefined
  /** Present while the connection is open. */
  #session: Session | undefined
  #greeting = Buffer.alloc(0)
  #timer: Timer | undefined
  /** Takes back the wish to be unblocked; undefined while not blocked. */
  #cancelUnblock: (() => void) | undefined
  readonly #noted = new Set<string>()

  /** @param onClosed called once, when the socket is gone and nothing is left of the connection. */
  constructor(socket: Socket, context: ConnectionContext, onClosed: (connection: Connection) => void) {
    this.#socket = socket
    this.#context = context
    this.#onClosed = onClosed
    this.#remoteAddress = socket.remoteAddress
    this.#facts = factsOf(socket, context.broker.events.takeProcessName(), context.clock.wallMs())
    this.#log = context.log.child({ connection: this.#facts.name })
    this.#output = new SocketOutput(socket, context.turn, context.outputBuffers, () => this.#onDrained())
    this.#input = new ConnectionInput(socket, this.#output, context, {
      onOctets: (chunk) => this.#onOctets(chunk),
      onFrame: (type, channel, bytes, start, end) => this.#onFrame(type, channel, bytes, start, end),
      endChunk: () => this.#channels?.endChunk(),
      onError: (error) => this.#onError(error),
    })
    this.#timer = context.clock.after(context.handshakeTimeoutMs, () => this.#destroy('the handshake took too long'))
    socket.setNoDelay(true)
    socket.on('error', (error) => this.#log.debug({ err: error }, 'socket error'))
    socket.on('close', () => this.#onSocketClosed())
  }

  /** What events call the connection. */
  get processName(): string {
    return this.#facts.processName
  }

  get octetsReceived(): number {
    return this.#input.octetsReceived
  }

  get octetsSent(): number {
    return this.#output.octetsSent
  }

  get isReadingPaused(): boolean {
    return this.#input.isPaused
  }

  /** The virtual host and user of a connection that has been opened. */
  get session(): { readonly vhost: string; readonly user: string } | undefined {
    return this.#state.phase === 'running' ? { vhost: this.#state.vhost.name, user: this.#state.user.name } : undefined
  }

  sendHeartbeat(): void {
    this.#output.buffer.copy(HEARTBEAT_FRAME, 0, HEARTBEAT_FRAME.length)
    this.#output.touch()
  }

  heartbeatMissed(): void {
    this.#destroy('missed heartbeats from client')
  }

  /** Closes the connection as an administrator does: CONNECTION_FORCED with `reason`, a byte string. */
  close(reason: string): void {
    const { phase } = this.#state
    if (phase === 'running' || phase === 'opening') this.#closeWith(connectionForced(reason), 0)
    else if (phase !== 'closing') this.#destroy(reason)
  }

  /** Ends the connection now, without a word. */
  destroy(): void {
    this.#destroy('the broker stops')
  }

  #onOctets(chunk: Buffer): void {
    if (this.#state.phase === 'greeting') this.#onGreeting(chunk)
    else this.#input.scan(chunk)
  }

  #onGreeting(chunk: Buffer): void {
    this.#greeting = Buffer.concat([this.#greeting, chunk])
    if (this.#greeting.length < PROTOCOL_HEADER_OCTETS) return
    const header = this.#greeting.subarray(0, PROTOCOL_HEADER_OCTETS)
    const rest = this.#greeting.subarray(PROTOCOL_HEADER_OCTETS)
    this.#greeting = Buffer.alloc(0)
    if (!isOurProtocol(header)) {
      this.#log.warn({ header: header.toString('latin1') }, 'unsupported protocol header')
      this.#state = { phase: 'closing' }
      this.#input.stop()
      this.#socket.end(OUR_PROTOCOL_HEADER, () => this.#socket.destroy())
      return
    }
    this.#state = { phase: 'starting' }
    encodeConnectionStart(this.#output.buffer, 0, 0, 9, this.#context.serverProperties, SASL_MECHANISMS, 'en_US')
    this.#output.touch()
    if (rest.length > 0) this.#input.scan(rest)
  }

  #onFrame(type: number, channel: number, bytes: Buffer, start: number, end: number): void {
    const { phase } = this.#state
    if (channel !== 0 && phase === 'running' && type >= FrameType.METHOD && type <= FrameType.BODY) {
      requireLeastOctets(type, bytes, start, end)
      this.#channels?.onFrame(type, channel, bytes, start, end)
      // As RabbitMQ does it: the frame that shows a publish is worked on, and the next one is not read.
      if (type !== FrameType.METHOD && this.#context.alarms.isRaised) this.#block()
    } else if (phase === 'closing') this.#onFrameWhileClosing(type, channel, bytes, start, end)
    else if (phase !== 'refused' && phase !== 'closed') this.#onControlFrame(type, channel, bytes, start, end)
  }

  /** Everything on channel 0, and what may not stand where it does. */
  #onControlFrame(type: number, channel: number, bytes: Buffer, start: number, end: number): void {
    const payload = bytes.subarray(start, end)
    if (channel !== 0 && this.#state.phase !== 'running') throw frameOnWrongChannel(type, payload)
    if (type === FrameType.HEARTBEAT) {
      if (payload.length > 0) throw unknownFrame(type, payload)
      if (channel !== 0) throw frameOnWrongChannel(type, payload)
      return
    }
    if (type < FrameType.METHOD || type > FrameType.BODY) throw unknownFrame(type, payload)
    requireLeastOctets(type, bytes, start, end)
    if (channel !== 0 || type !== FrameType.METHOD) throw frameOnWrongChannel(type, payload)
    const id = longAt(bytes, start)
    try {
      const method = decodeMethod(id, new ByteReader(bytes, start + 4, end))
      if (method.name === 'server-only') throw this.#unexpectedMethod()
      this.#onControlMethod(method)
    } catch (error) {
      if (error instanceof SilentRefusal || error instanceof LoginRefused) throw error
      throw new ChannelFailure(protocolErrorOf(error, bytes, start, end, this.#log), id)
    }
  }

  #unexpectedMethod(): AmqpError {
    return unexpectedMethodInState(this.#state.phase === 'opening' ? 'opening' : 'running')
  }

  #onControlMethod(method: ClientMethod): void {
    if (this.#state.phase !== 'running') return this.#enter(this.#advance(method))
    if (method.name === 'connection.close') this.#closeForClient(method.replyCode, method.replyText)
    else if (method.name === 'connection.update-secret') this.#updateSecret()
    else throw this.#unexpectedMethod()
  }

  #advance(method: ClientMethod): ConnectionState {
    return advance(this.#state, method, this.#context, this.#remoteAddress, (attempt) =>
      userAuthenticated(this.#context.broker.events, this.#facts, attempt),
    )
  }

  /** Goes to a state of the handshake, and sends what opens it. */
  #enter(state: ConnectionState): void {
    this.#state = state
    const { buffer } = this.#output
    if (state.phase === 'tuning') {
      const { channelMax, frameMax, heartbeatSeconds } = this.#context.limits
      encodeConnectionTune(buffer, 0, channelMax, frameMax, heartbeatSeconds)
    } else if (state.phase === 'opening') {
      this.#input.frameMax = state.limits.frameMax
      const intervalMs = state.limits.heartbeatSeconds * 1000
      if (intervalMs > 0) this.#context.heartbeats.add(this, intervalMs)
    } else if (state.phase === 'running') {
      this.#timer?.cancel()
      const { user, vhost, client } = state
      this.#session = this.#context.connections.add(this, user.name, vhost)
      this.#channels = new ChannelTable(this.#channelContext(state), state.limits.channelMax, this.#session)
      encodeConnectionOpenOk(buffer, 0)
      connectionCreated(this.#context.broker.events, this.#facts, state)
      this.#log.info(
        { user: toDisplayText(user.name), vhost: toDisplayText(vhost.name), name: client.connectionName },
        'user authenticated and granted access to the virtual host',
      )
    }
    this.#output.touch()
  }

  #channelContext(state: Extract<ConnectionState, { phase: 'running' }>): ChannelContext {
    const { broker, turn, users, profile, consumersMax, defaultPrefetch } = this.#context
    const { vhost, user, limits, client } = state
    return {
      vhost,
      committer: broker.committer,
      turn,
      output: this.#output,
      access: new UserAccess(users, user.name, profile),
      owner: this,
      userName: user.name,
      connectionName: this.#facts.name,
      isImpersonator: isImpersonator(user),
      frameMax: limits.frameMax,
      profile,
      clock: broker.clock,
      consumerTimeoutMs: this.#context.consumerTimeoutMs,
      failChannel: (number, error) => this.#channels?.failChannel(number, error),
      consumersMax,
      defaultPrefetch,
      hasCancelNotify: client.hasCancelNotify,
      suspend: () => this.#input.suspend(),
      noteStoreBehind: () => this.#input.brake.putOnForStore(broker.committer),
      noteOutpaced: (queue) => this.#input.noteOutpaced(queue, this),
      noteDeprecatedUse: (feature) => this.#noteDeprecatedUse(feature),
      log: this.#log,
    }
  }

  /** A resource is short, and this connection publishes: it is told, if it listens, and not read until that is over. */
  #block(): void {
    if (this.#cancelUnblock || this.#state.phase !== 'running') return
    const { alarms } = this.#context
    const isTold = this.#state.client.hasBlocked
    if (isTold) encodeConnectionBlocked(this.#output.buffer, 0, blockedReason(alarms.raised))
    this.#output.touch()
    const resume = this.#input.suspend()
    this.#cancelUnblock = alarms.awaitClear(() => {
      this.#cancelUnblock = undefined
      if (isTold) encodeConnectionUnblocked(this.#output.buffer, 0)
      this.#output.touch()
      resume()
    })
  }

  /** Reads on whatever the reason not to was: the connection ends, and its close handshake has to be read. */
  #endSuspension(): void {
    this.#cancelUnblock?.()
    this.#cancelUnblock = undefined
    this.#input.endSuspensions()
  }

  #noteDeprecatedUse(feature: string): void {
    if (this.#noted.has(feature)) return
    this.#noted.add(feature)
    this.#log.warn({ feature }, 'this client uses a feature that RabbitMQ 4.3 denies')
  }

  /** Our users do not expire, so that any new secret will do; but the right to be here may have gone meanwhile. */
  #updateSecret(): void {
    if (this.#state.phase !== 'running') return
    const { user, vhost } = this.#state
    if (!this.#context.users.hasAccessTo(user.name, vhost.name)) throw vhostAccessRefused(vhost.name, user.name)
    encodeConnectionUpdateSecretOk(this.#output.buffer, 0)
    this.#output.touch()
    this.#channels?.recheckConsumers()
  }

  #onError(error: unknown): void {
    const { phase } = this.#state
    if (error instanceof LoginRefused) {
      this.#log.warn({ reason: error.message }, 'login refused')
      this.#closeWith(error.told, 0, REFUSED_DELAY_MS)
    } else if (phase === 'starting' || phase === 'tuning') this.#refuse(error)
    else if (error instanceof ChannelFailure) this.#closeWith(error.error, error.methodId)
    else if (error instanceof AmqpError) this.#closeWith(error, 0)
    else if (error instanceof SilentFailure) this.#destroy(error.message)
    else this.#closeWith(protocolErrorOf(error, Buffer.alloc(0), 0, 0, this.#log), 0)
  }

  /** Keeps the client waiting, and then closes without a word: guessing passwords shall take its time. */
  #refuse(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#log.warn({ reason }, 'handshake refused')
    this.#state = { phase: 'refused' }
    this.#input.stop()
    this.#after(REFUSED_DELAY_MS, 'handshake refused')
  }

  /**
   * Closes the connection with an AMQP exception: channels end first, then the client is told, and nothing follows.
   * Replies that wait for the disk are dropped: their promises are not made.
   */
  #closeWith(error: AmqpError, methodId: number, closingMs = this.#closingMs()): void {
    const { code, replyText } = error
    if (this.#state.phase === 'closing' || this.#state.phase === 'closed') return
    this.#log.warn({ code, text: toDisplayText(replyText) }, 'closing the connection')
    const channels = this.#channels
    this.#release()
    channels?.dropDraining()
    this.#state = { phase: 'closing' }
    encodeConnectionClose(this.#output.buffer, 0, code, replyText, methodId >>> 16, methodId & 0xffff)
    this.#output.touch()
    this.#endSuspension()
    if (this.#input.isLost) this.#after(LOST_DELAY_MS, 'what the client sends is no frame')
    else this.#after(closingMs, 'the client did not answer connection.close')
  }

  /** Replies that wait for the disk leave first, so close-ok may have to wait with them. */
  #closeForClient(code: number, text: string): void {
    this.#log.info({ code, text: toDisplayText(text) }, 'the client closes the connection')
    const closingMs = this.#closingMs()
    const channels = this.#channels
    this.#release()
    this.#state = { phase: 'closing' }
    const output = new OrderedOutput(this.#output, this.#context.broker.committer)
    if (channels?.isDraining) output.holdUntilStored()
    encodeConnectionCloseOk(output.buffer, 0)
    this.#after(closingMs, 'the client has closed the connection but not the socket')
  }

  #closingMs(): number {
    const seconds = 'limits' in this.#state ? this.#state.limits.heartbeatSeconds : 0
    return seconds > 0 && seconds * 1000 < CLOSING_MS ? seconds * 1000 : CLOSING_MS
  }

  #onFrameWhileClosing(type: number, channel: number, bytes: Buffer, start: number, end: number): void {
    if (channel !== 0 || type !== FrameType.METHOD || end - start < LEAST_METHOD_OCTETS) return
    const id = longAt(bytes, start)
    if (id === MethodId.ConnectionClose) {
      encodeConnectionCloseOk(this.#output.buffer, 0)
      this.#output.touch()
    } else if (id === MethodId.ConnectionCloseOk) {
      this.#output.flush()
      this.#socket.end()
      this.#input.stop()
    }
  }

  #onDrained(): void {
    this.#channels?.resumeConsumers()
    this.#input.outputDrained()
  }

  #after(delayMs: number, reason: string): void {
    this.#timer?.cancel()
    this.#timer = this.#context.clock.after(delayMs, () => this.#destroy(reason))
  }

  #destroy(reason: string): void {
    this.#log.info({ reason }, 'closing the socket')
    this.#input.stop()
    this.#socket.destroy()
  }

  #onSocketClosed(): void {
    if (this.#state.phase === 'closed') return
    this.#input.close()
    this.#output.close()
    const channels = this.#channels
    this.#release()
    channels?.dropDraining()
    this.#context.turn.schedule()
    this.#state = { phase: 'closed' }
    this.#timer?.cancel()
    this.#cancelUnblock?.()
    this.#context.heartbeats.remove(this)
    this.#onClosed(this)
  }

  /** Ends what the connection has in the virtual host: channels, and the queues that it has to itself. */
  #release(): void {
    this.#channels?.closeAll()
    this.#channels = undefined
    this.#session?.end()
    if (this.#state.phase !== 'running') return
    this.#state.vhost.removeQueuesOf(this)
    connectionClosed(this.#context.broker.events, this.#facts, this.#state)
  }
}

function factsOf(socket: Socket, processName: string, connectedAtMs: number): ConnectionFacts {
  const {
    remoteAddress: peerHost = '',
    remotePort: peerPort = 0,
    localAddress: host = '',
    localPort: port = 0,
  } = socket
  const name = `${peerHost}:${peerPort} -> ${host}:${port}`
  return { processName, name, host, port, peerHost, peerPort, connectedAtMs }
}

/** 0-9-1, or the form in which version 0-9 was first announced. */
function isOurProtocol(octets: Buffer): boolean {
  if (octets.equals(OUR_PROTOCOL_HEADER)) return true
  const header = matchProtocolHeader(octets)
  if (!header) return false
  const { protocolId, major, minor, revision } = header
  return [`${protocolId} ${major} ${minor} ${revision}`].some((form) => form === '0 0 9 1' || form === '1 1 0 9')
}

/** A frame too short for what every payload of its type begins with is none that RabbitMQ knows. */
function requireLeastOctets(type: number, bytes: Buffer, start: number, end: number): void {
  const least = type === FrameType.METHOD ? LEAST_METHOD_OCTETS : type === FrameType.HEADER ? LEAST_HEADER_OCTETS : 0
  if (end - start < least) throw unknownFrame(type, bytes.subarray(start, end))
}
