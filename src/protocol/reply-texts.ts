/**
 * Every reply text of the broker, in RabbitMQ's exact words: they are interface, people and test suites match on them.
 *
 * Each function makes the `AmqpError` of one situation; the caller throws it. Names are byte strings. The texts stand
 * here in the order of the wire reference: frames, connection, channel, then exchanges, queues, bindings, messages.
 */

import type { ByteString } from '../base/byte-string.js'
import { AmqpError } from './amqp-error.js'
import { renderBinary, renderOctets, renderRawBinary } from './erlang-term.js'
import { ReplyCode } from './generated/reply-codes.js'

/** What an error text can be about. */
export interface Resource {
  readonly kind: 'exchange' | 'queue'
  readonly name: ByteString
  readonly vhost: ByteString
}

export type PermissionVerb = 'configure' | 'write' | 'read'

const inTheVhost = ({ kind, name, vhost }: Resource) => `${kind} '${name}' in vhost '${vhost}'`

// Frames.

export function frameTooLarge(type: number, payloadBytes: number, frameMax: number): AmqpError {
  return frameError(`type ${type}, all octets = <<>>: {frame_too_large,${payloadBytes},${frameMax - 8}}`)
}

export function invalidFrameEnd(type: number, payload: Uint8Array, marker: number): AmqpError {
  return frameError(`type ${type}, ${renderOctets(payload)}: {invalid_frame_end_marker,${marker}}`)
}

export function unknownFrame(type: number, payload: Uint8Array): AmqpError {
  return frameError(`type ${type}, ${renderOctets(payload)}: unknown_frame`)
}

/** A frame on a channel where its type may not stand: a heartbeat elsewhere than on 0, content on 0. */
export function frameOnWrongChannel(type: number, payload: Uint8Array): AmqpError {
  return new AmqpError(ReplyCode.UNEXPECTED_FRAME, `type ${type}, ${renderOctets(payload)}`)
}

export function expectedMethodFrame(): AmqpError {
  return new AmqpError(ReplyCode.UNEXPECTED_FRAME, 'expected method frame, got non method frame instead')
}

export function expectedContentHeader(): AmqpError {
  return unexpectedContent('expected content header for class 60, got non content header frame instead')
}

export function contentHeaderOfOtherClass(classId: number): AmqpError {
  return unexpectedContent(`expected content header for class 60, got one for class ${classId} instead`)
}

export function expectedContentBody(): AmqpError {
  return unexpectedContent('expected content body, got non content body frame instead')
}

export function bodyExceedsAnnouncedSize(): AmqpError {
  return frameError('content body frame exceeds remaining content size')
}

export function bodySizeNotAllowed(bodyBytes: bigint | number, maxBytes: number): AmqpError {
  return frameError(`content body size ${bodyBytes} exceeds maximum allowed size ${maxBytes}`)
}

export function cannotDecode(args: Uint8Array): AmqpError {
  return frameError(`cannot decode ${renderRawBinary(args)}`)
}

export function malformedUtf8(): AmqpError {
  return frameError('Malformed UTF-8 in shortstr')
}

/** RabbitMQ's answer to its own crashes, a content property block that does not parse among them. */
export function internalError(): AmqpError {
  return new AmqpError(ReplyCode.INTERNAL_ERROR, '')
}

function frameError(text: ByteString): AmqpError {
  return new AmqpError(ReplyCode.FRAME_ERROR, text)
}

function unexpectedContent(text: ByteString): AmqpError {
  return new AmqpError(ReplyCode.UNEXPECTED_FRAME, text)
}

// Connections.

export function loginRefused(mechanism: ByteString): AmqpError {
  return accessRefused(
    `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
  )
}

export function vhostNotFound(vhost: ByteString): AmqpError {
  return notAllowed(`vhost ${vhost} not found`)
}

export function vhostAccessRefused(vhost: ByteString, user: ByteString): AmqpError {
  return notAllowed(`access to vhost '${vhost}' refused for user '${user}'`)
}

/** The node has as many connections as it may have. */
export function nodeConnectionLimitReached(limit: number): AmqpError {
  return notAllowed(`connection refused: node connection limit (${limit}) is reached`)
}

export function vhostConnectionLimitReached(vhost: ByteString, user: ByteString, limit: number): AmqpError {
  return notAllowed(`access to vhost '${vhost}' refused for user '${user}': connection limit (${limit}) is reached`)
}

export function userConnectionLimitReached(user: ByteString, limit: number): AmqpError {
  return notAllowed(`connection refused for user '${user}': user connection limit (${limit}) is reached`)
}

export function unexpectedMethodInState(state: 'opening' | 'running' | 'blocked'): AmqpError {
  return new AmqpError(ReplyCode.CHANNEL_ERROR, `unexpected method in connection state ${state}`)
}

export function connectionForced(reason: ByteString): AmqpError {
  return new AmqpError(ReplyCode.CONNECTION_FORCED, reason)
}

/** Why the connections to a virtual host close that is deleted. */
export function vhostDeletedReason(vhost: ByteString): ByteString {
  return `vhost '${vhost}' is deleted`
}

/** Why the connections of a user close who is deleted. */
export function userDeletedReason(user: ByteString): ByteString {
  return `user '${user}' is deleted`
}

/** The reason that clients hear when the broker stops. */
export const shutdownReason = "broker forced connection closure with reason 'shutdown'"

/** Why publishers are blocked, in the words of connection.blocked. */
export function blockedReason(raised: readonly ('memory' | 'disk')[]): ByteString {
  return `low on ${[...raised].sort().join(' & ')}`
}

function notAllowed(text: ByteString): AmqpError {
  return new AmqpError(ReplyCode.NOT_ALLOWED, text)
}

// Channels.

export function expectedChannelOpen(): AmqpError {
  return new AmqpError(ReplyCode.CHANNEL_ERROR, "expected 'channel.open'")
}

export function secondChannelOpen(): AmqpError {
  return new AmqpError(ReplyCode.CHANNEL_ERROR, "second 'channel.open' seen")
}

export function tooManyChannels(open: number, channelMax: number): AmqpError {
  return notAllowed(`number of channels opened (${open}) has reached the negotiated channel_max (${channelMax})`)
}

export function userChannelLimitReached(user: ByteString, limit: number): AmqpError {
  return notAllowed(
    `number of channels opened for user '${user}' has reached the maximum allowed user limit of ${limit}`,
  )
}

export function nodeChannelLimitReached(node: ByteString, limit: number): AmqpError {
  return notAllowed(`number of channels opened on node '${node}' has reached the maximum allowed limit of ${limit}`)
}

export function unimplementedMethod(): AmqpError {
  return new AmqpError(ReplyCode.COMMAND_INVALID, 'unimplemented method')
}

export function commandDuringCommit(): AmqpError {
  return new AmqpError(ReplyCode.CHANNEL_ERROR, "unexpected command while processing 'tx.commit'")
}

/** A value of the method that RabbitMQ does not implement, such as `active=false`. */
export function notImplemented(what: ByteString): AmqpError {
  return new AmqpError(ReplyCode.NOT_IMPLEMENTED, what)
}

// Exchanges, queues and bindings.

export function notFound(resource: Resource): AmqpError {
  return new AmqpError(ReplyCode.NOT_FOUND, `no ${inTheVhost(resource)}`)
}

export function noPreviouslyDeclaredQueue(): AmqpError {
  return new AmqpError(ReplyCode.NOT_FOUND, 'no previously declared queue')
}

export function reservedPrefix(kind: 'exchange' | 'queue', name: ByteString): AmqpError {
  return accessRefused(`${kind} name '${name}' contains reserved prefix 'amq.*'`)
}

export function defaultExchangeNotPermitted(): AmqpError {
  return accessRefused('operation not permitted on the default exchange')
}

export function deletionOfSystemExchange(resource: Resource): AmqpError {
  return accessRefused(`deletion of system ${inTheVhost(resource)} not allowed`)
}

export function publishToInternalExchange(resource: Resource): AmqpError {
  return accessRefused(`cannot publish to internal ${inTheVhost(resource)}`)
}

/** @param namesVerb whether the text opens with the permission asked for, as RabbitMQ's does since 4.0. */
export function permissionRefused(
  verb: PermissionVerb,
  resource: Resource,
  user: ByteString,
  namesVerb: boolean,
): AmqpError {
  return accessRefused(`${namesVerb ? `${verb} ` : ''}access to ${inTheVhost(resource)} refused for user '${user}'`)
}

/** @param namesVerb as for `permissionRefused`. */
export function topicPermissionRefused(
  verb: 'write' | 'read',
  routingKey: ByteString,
  resource: Resource,
  user: ByteString,
  namesVerb: boolean,
): AmqpError {
  const topic = `topic '${routingKey}' in ${inTheVhost(resource)}`
  return accessRefused(`${namesVerb ? `${verb} ` : ''}access to ${topic} refused for user '${user}'`)
}

export function exclusiveConsumerInTheWay(resource: Resource): AmqpError {
  return accessRefused(`${inTheVhost(resource)} in exclusive use`)
}

/** The queue of direct reply-to belongs to a channel, and nothing can be bound to it. */
export function bindToReplyQueue(): AmqpError {
  return accessRefused('cannot bind or unbind to a volatile (direct reply-to) queue')
}

export function lockedByOtherConnection(resource: Resource): AmqpError {
  return new AmqpError(
    ReplyCode.RESOURCE_LOCKED,
    `cannot obtain exclusive access to locked ${inTheVhost(resource)}. It could be originally declared on another ` +
      'connection or the exclusive property value does not match that of the original declaration.',
  )
}

export function getFromSingleActiveConsumerQueue(resource: Resource): AmqpError {
  return new AmqpError(
    ReplyCode.RESOURCE_LOCKED,
    `cannot obtain access to locked ${inTheVhost(resource)}. basic.get operations are not supported by quorum queues ` +
      'with single active consumer',
  )
}

export function protectedQueue(resource: Resource): AmqpError {
  return new AmqpError(ReplyCode.RESOURCE_LOCKED, `Cannot delete protected ${inTheVhost(resource)}.`)
}

export function unknownExchangeType(type: ByteString): AmqpError {
  return preconditionFailed(`unknown exchange type '${type}'`)
}

/** @param received and @param current rendered as `inequivalence` of the declaration renders them. */
export function inequivalentArgument(
  field: ByteString,
  resource: Resource,
  received: ByteString,
  current: ByteString,
): AmqpError {
  return preconditionFailed(
    `inequivalent arg '${field}' for ${inTheVhost(resource)}: received ${received} but current is ${current}`,
  )
}

export function invalidArgument(argument: ByteString, resource: Resource, reason: ByteString): AmqpError {
  return preconditionFailed(`invalid arg '${argument}' for ${inTheVhost(resource)}: ${reason}`)
}

/** An argument that belongs to another type of queue. */
export function foreignArgument(argument: ByteString, resource: Resource, queueModule: ByteString): AmqpError {
  return preconditionFailed(`invalid arg '${argument}' for ${inTheVhost(resource)} of queue type ${queueModule}`)
}

export function invalidArgumentType(typeName: ByteString, argument: ByteString, resource: Resource): AmqpError {
  return preconditionFailed(`invalid type '${typeName}' for arg '${argument}' in ${inTheVhost(resource)}`)
}

/** A flag of queue.declare that a type of queue does not have. */
export function invalidProperty(
  property: 'auto-delete' | 'exclusive-owner' | 'non-durable',
  resource: Resource,
): AmqpError {
  return preconditionFailed(`invalid property '${property}' for ${inTheVhost(resource)}`)
}

export function serverNamedQueueNotAllowed(queueModule: ByteString): AmqpError {
  return preconditionFailed(`Cannot declare a server-named queue for type ${queueModule}`)
}

/** What RabbitMQ says of the limits of streams, without naming the stream. */
export function streamArgumentTooLarge(argument: ByteString): AmqpError {
  return preconditionFailed(`Exceeded max value for ${argument}`)
}

export function invalidStreamArgumentValue(argument: ByteString): AmqpError {
  return preconditionFailed(`Invalid value for ${argument}`)
}

export function invalidStreamArgumentType(argument: ByteString): AmqpError {
  return preconditionFailed(`Invalid type for ${argument}`)
}

/** @param limit of the virtual host named, or where none is named of the whole broker. */
export function queueLimitReached(queue: ByteString, limit: number, vhost?: ByteString): AmqpError {
  const where = vhost === undefined ? 'cluster' : `vhost '${vhost}'`
  return preconditionFailed(`cannot declare queue '${queue}': queue limit in ${where} (${limit}) is reached`)
}

export function exchangeLimitReached(resource: Resource, limit: number): AmqpError {
  return preconditionFailed(`cannot declare ${inTheVhost(resource)}: exchange limit of ${limit} is reached`)
}

export function inUse(resource: Resource): AmqpError {
  return preconditionFailed(`${inTheVhost(resource)} in use`)
}

export function notEmpty(resource: Resource): AmqpError {
  return preconditionFailed(`${inTheVhost(resource)} not empty`)
}

export function conditionalDeleteOfQuorumQueue(resource: Resource, condition: 'if-unused' | 'if-empty'): AmqpError {
  return notImplemented(
    `cannot delete ${inTheVhost(resource)}. queue.delete operations with ${condition} flag set are not supported by ` +
      'quorum queues',
  )
}

export function purgeOfStream(resource: Resource): AmqpError {
  return notImplemented(`queue.purge not supported by stream queues ${inTheVhost(resource)}`)
}

export function invalidXMatchValue(value: ByteString): AmqpError {
  const rendered = renderBinary(Buffer.from(value, 'latin1'))
  return preconditionFailed(`Invalid x-match field value ${rendered}; expected all, any, all-with-x, or any-with-x`)
}

/** @param rendered the value as an Erlang term. */
export function invalidXMatchType(typeName: ByteString, rendered: ByteString): AmqpError {
  return preconditionFailed(`Invalid x-match field type ${typeName} (value ${rendered}); expected longstr`)
}

export function tooManyMultiWordWildcards(bindingKey: ByteString, count: number): AmqpError {
  return preconditionFailed(`Topic binding key '${bindingKey}' uses ${count} '#' wildcards, at most 2 are allowed`)
}

// Types of exchanges.

/** A word that RabbitMQ knows, but as no type of exchange. */
export function invalidExchangeType(type: ByteString): AmqpError {
  return preconditionFailed(`invalid exchange type '${type}'`)
}

export function hashArgumentsExclusive(): AmqpError {
  return preconditionFailed('hash-header and hash-property are mutually exclusive')
}

export function unsupportedHashProperty(property: ByteString): AmqpError {
  return preconditionFailed(`Unsupported property: ${property}`)
}

export function weightNotInteger(bindingKey: ByteString): AmqpError {
  return preconditionFailed(`The binding key must be an integer: ${renderBinary(Buffer.from(bindingKey, 'latin1'))}`)
}

export function weightTooSmall(): AmqpError {
  return preconditionFailed('The binding key must be greater than 0')
}

export function weightTooLarge(max: number): AmqpError {
  return preconditionFailed(`The binding key must not exceed ${max}`)
}

export function delayedTypeMissing(): AmqpError {
  return preconditionFailed("Invalid argument, 'x-delayed-type' must be an existing exchange type")
}

export function delayedTypeRecursive(): AmqpError {
  return preconditionFailed("Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'")
}

export function nonEmptyBindingKey(bindingKey: ByteString): AmqpError {
  return preconditionFailed(`Non empty binding '${bindingKey}' key not permitted`)
}

export function queueTypeNotValid(queueModule: ByteString): AmqpError {
  return preconditionFailed(`Queue type ${queueModule} not valid for this exchange type`)
}

/** A destination that is no queue. */
export function destinationNotFound(): AmqpError {
  return preconditionFailed('Destination not found')
}

/** @param rendered the value as an Erlang term. */
export function invalidHistoryLength(rendered: ByteString): AmqpError {
  return preconditionFailed(`Invalid argument ${rendered}, 'x-recent-history-length' must be a positive integer`)
}

/** A remembered message that a new binding to an exchange leads nowhere. RabbitMQ prints an empty list of queues. */
export function historyUnroutable(): AmqpError {
  return new AmqpError(ReplyCode.INTERNAL_ERROR, "could not find queue/exchange ''")
}

export function selectorMissing(destination: ByteString, source: ByteString): AmqpError {
  return preconditionFailed(
    `cannot parse selector 'error' binding destination '${destination}' to exchange '${source}'`,
  )
}

export function invalidSelector(reason: ByteString): AmqpError {
  return preconditionFailed(`invalid JMS selector: ${reason}`)
}

export function invalidSelectorPattern(reason: ByteString): AmqpError {
  return preconditionFailed(`invalid JMS selector pattern: ${reason}`)
}

/** RabbitMQ denies a transient queue that is not exclusive since 4.3, unless the operator permits the feature. */
export function transientQueuesDenied(): AmqpError {
  return new AmqpError(
    ReplyCode.INTERNAL_ERROR,
    'Feature `transient_nonexcl_queues` is deprecated.\n' +
      'By default, this feature is not permitted anymore.\n' +
      'The feature will be removed from a future major RabbitMQ version, regardless of the configuration.\n' +
      'To continue using this feature for now, the operator must permit it.',
  )
}

/** Ours, not RabbitMQ's, which has no such argument: there is nothing to remember an offset by. */
export function offsetTrackingNeedsTag(argument: ByteString, resource: Resource): AmqpError {
  return preconditionFailed(`argument '${argument}' for ${inTheVhost(resource)} needs a consumer tag of the client`)
}

// Consuming, publishing and settling.

export function consumerTagInUse(consumerTag: ByteString): AmqpError {
  return notAllowed(`attempt to reuse consumer tag '${consumerTag}'`)
}

export function tooManyConsumers(limit: number): AmqpError {
  return notAllowed(`reached maximum (${limit}) of consumers per channel`)
}

export function globalQosNotSupported(resource: Resource): AmqpError {
  return notImplemented(`${inTheVhost(resource)} does not support global qos`)
}

export function streamNeedsPrefetch(resource: Resource): AmqpError {
  return preconditionFailed(`consumer prefetch count is not set for stream ${inTheVhost(resource)}`)
}

export function streamNeedsAcknowledgements(resource: Resource): AmqpError {
  return notImplemented(`automatic acknowledgement not supported by stream ${inTheVhost(resource)}`)
}

export function getFromStream(resource: Resource): AmqpError {
  return notImplemented(`basic.get not supported by stream queues ${inTheVhost(resource)}`)
}

/** RabbitMQ 3 only: since 4.0 a stream takes a rejection for an acknowledgement. */
export function rejectionToStream(resource: Resource): AmqpError {
  return notImplemented(`basic.nack and basic.reject not supported by stream queues ${inTheVhost(resource)}`)
}

export function replyConsumerCannotAcknowledge(): AmqpError {
  return preconditionFailed('reply consumer cannot acknowledge')
}

export function replyConsumerAlreadySet(): AmqpError {
  return preconditionFailed('reply consumer already set')
}

export function noReplyConsumer(): AmqpError {
  return preconditionFailed('fast reply consumer does not exist')
}

/** @param timeoutMs -1 where RabbitMQ does not know it, which is since 4.3. */
export function acknowledgementTimedOut(channel: number, timeoutMs: number): AmqpError {
  return preconditionFailed(
    `delivery acknowledgement on channel ${channel} timed out. Timeout value used: ${timeoutMs} ms. ` +
      'This timeout value can be configured, see consumers doc guide to learn more',
  )
}

export function unknownDeliveryTag(deliveryTag: number | bigint): AmqpError {
  return preconditionFailed(`unknown delivery tag ${deliveryTag}`)
}

/** @param absoluteMax the size no configuration may exceed; at it RabbitMQ words the text differently. */
export function messageTooLarge(bodyBytes: number, maxBytes: number, absoluteMax: number): AmqpError {
  const limit = maxBytes === absoluteMax ? `max size ${maxBytes}` : `configured max size ${maxBytes}`
  return preconditionFailed(`message size ${bodyBytes} is larger than ${limit}`)
}

/** @param reason as an Erlang term. */
export function invalidExpiration(expiration: ByteString, reason: ByteString): AmqpError {
  return preconditionFailed(`invalid expiration '${expiration}': ${reason}`)
}

/** A header CC or BCC that is no array. */
export function unacceptableHeader(header: 'CC' | 'BCC', typeName: ByteString): AmqpError {
  return preconditionFailed(`invalid message: {unacceptable_type_in_header,"${header}",${typeName}}`)
}

export function userIdMismatch(userId: ByteString, user: ByteString): AmqpError {
  return preconditionFailed(`user_id property set to '${userId}' but authenticated user was '${user}'`)
}

export function notTransactional(): AmqpError {
  return preconditionFailed('channel is not transactional')
}

/** A queue has refused a message of the transaction; the others are in their queues. */
export function partialTxCompletion(): AmqpError {
  return preconditionFailed('partial tx completion')
}

export function cannotSwitchFromTxToConfirm(): AmqpError {
  return preconditionFailed('cannot switch from tx to confirm mode')
}

export function cannotSwitchFromConfirmToTx(): AmqpError {
  return preconditionFailed('cannot switch from confirm to tx mode')
}

function accessRefused(text: ByteString): AmqpError {
  return new AmqpError(ReplyCode.ACCESS_REFUSED, text)
}

function preconditionFailed(text: ByteString): AmqpError {
  return new AmqpError(ReplyCode.PRECONDITION_FAILED, text)
}
