/** The events of connections, their channels and logins. */

import type { ByteString } from '../base/byte-string.js'
import type { BrokerEvents, EventFields } from '../broker/events/broker-events.js'
import { performedBy, tableOf } from '../broker/events/object-events.js'
import { boolean, long, longString } from '../protocol/field-values.js'
import type { ConnectionState, LoginAttempt } from './connection-state.js'

/** The version of AMQP, as RabbitMQ prints it. */
const PROTOCOL = longString('{0,9,1}')

/** What is known of a connection from its socket on. */
export interface ConnectionFacts {
  /** What events call it. */
  readonly processName: ByteString
  /** Both addresses. */
  readonly name: ByteString
  readonly host: ByteString
  readonly port: number
  readonly peerHost: ByteString
  readonly peerPort: number
  /** When the socket was accepted, in milliseconds since the epoch. */
  readonly connectedAtMs: number
}

/** What is known of a channel for as long as it lives. */
export interface ChannelFacts {
  readonly processName: ByteString
  readonly number: number
  readonly userName: ByteString
}

type Running = Extract<ConnectionState, { phase: 'running' }>

export function connectionCreated(
  events: BrokerEvents,
  facts: ConnectionFacts,
  { user, vhost, limits, client, mechanism }: Running,
): void {
  events.emit('connection.created', () => ({
    ...addresses(facts),
    type: longString('network'),
    pid: longString(facts.processName),
    name: longString(facts.name),
    auth_mechanism: longString(mechanism),
    user: longString(user.name),
    vhost: longString(vhost.name),
    timeout: long(limits.heartbeatSeconds),
    frame_max: long(limits.frameMax),
    channel_max: long(limits.channelMax),
    client_properties: tableOf(client.all),
    connected_at: long(facts.connectedAtMs),
    node: longString(events.nodeName),
    ...(client.connectionName === undefined ? {} : { user_provided_name: longString(client.connectionName) }),
    ...performedBy(user.name),
  }))
}

export function connectionClosed(events: BrokerEvents, facts: ConnectionFacts, { client }: Running): void {
  events.emit('connection.closed', () => ({
    name: longString(facts.name),
    pid: longString(facts.processName),
    node: longString(events.nodeName),
    client_properties: tableOf(client.all),
  }))
}

/** The outcome of a login: a success, or what was wrong. */
export function userAuthenticated(
  events: BrokerEvents,
  facts: ConnectionFacts,
  { userName, mechanism, refusal }: LoginAttempt,
): void {
  const outcome = refusal === undefined ? 'success' : 'failure'
  events.emit(`user.authentication.${outcome}`, () => ({
    ...addresses(facts),
    connection_type: longString('network'),
    name: longString(userName),
    auth_mechanism: longString(mechanism),
    ...(refusal === undefined ? {} : { error: longString(refusal) }),
  }))
}

/** @param connection the name of the connection, and what events call it. */
export function channelCreated(
  events: BrokerEvents,
  { processName, number, userName }: ChannelFacts,
  connection: { readonly name: ByteString; readonly processName: ByteString },
  vhost: ByteString,
): void {
  events.emit('channel.created', () => ({
    pid: longString(processName),
    name: longString(`${connection.name} (${number})`),
    connection: longString(connection.processName),
    number: long(number),
    user: longString(userName),
    vhost: longString(vhost),
    ...performedBy(userName),
  }))
}

/** @param consumerCount how many consumers ended with it. */
export function channelClosed(
  events: BrokerEvents,
  { processName, userName }: ChannelFacts,
  consumerCount: number,
): void {
  events.emit('channel.closed', () => ({
    pid: longString(processName),
    consumer_count: long(consumerCount),
    ...performedBy(userName),
  }))
}

function addresses({ host, port, peerHost, peerPort }: ConnectionFacts): EventFields {
  return {
    host: longString(host),
    port: long(port),
    peer_host: longString(peerHost),
    peer_port: long(peerPort),
    ssl: boolean(false),
    protocol: PROTOCOL,
  }
}
