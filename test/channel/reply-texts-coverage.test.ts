import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ReplyCode } from '../../src/protocol/generated/reply-codes.js'
import * as replyTexts from '../../src/protocol/reply-texts.js'

type TextName = {
  [Name in keyof typeof replyTexts]: (typeof replyTexts)[Name] extends (...args: never[]) => unknown ? Name : never
}[keyof typeof replyTexts]

/**
 * Texts of features that are still to come, in the form of `TOLD_BY`: an entry moves there with the feature. Until then
 * test/protocol/reply-texts.test.ts asks for their words.
 */
const AWAITED = {
  bindToReplyQueue: /cannot bind or unbind to a volatile \(direct reply-to\) queue/,
  protectedQueue: /Cannot delete protected queue '/,
  replyConsumerCannotAcknowledge: /reply consumer cannot acknowledge/,
  replyConsumerAlreadySet: /reply consumer already set/,
  noReplyConsumer: /fast reply consumer does not exist/,
} satisfies Partial<Record<TextName, RegExp>>

/** What a test cannot do without that asks for the text: the part of it that no other text has. */
const TOLD_BY: Readonly<Record<Exclude<TextName, keyof typeof AWAITED>, RegExp>> = {
  frameTooLarge: /\{frame_too_large,/,
  getFromSingleActiveConsumerQueue: /basic\.get operations are not supported by /,
  conditionalDeleteOfQuorumQueue: /queue\.delete operations with \$\{flag\} flag set/,
  globalQosNotSupported: / does not support global qos/,
  acknowledgementTimedOut: /delivery acknowledgement on channel/,
  partialTxCompletion: /partial tx completion/,
  invalidFrameEnd: /\{invalid_frame_end_marker,/,
  unknownFrame: /: unknown_frame/,
  frameOnWrongChannel: /UNEXPECTED_FRAME - type 8, all octets/,
  expectedMethodFrame: /expected method frame, got non method frame instead/,
  expectedContentHeader: /expected content header for class 60, got non content header frame instead/,
  contentHeaderOfOtherClass: /expected content header for class 60, got one for class \d+ instead/,
  expectedContentBody: /expected content body, got non content body frame instead/,
  bodyExceedsAnnouncedSize: /content body frame exceeds remaining content size/,
  bodySizeNotAllowed: /content body size .* exceeds maximum allowed size/,
  cannotDecode: /cannot decode /,
  malformedUtf8: /Malformed UTF-8 in shortstr/,
  internalError: /INTERNAL_ERROR'/,
  loginRefused: /Login was refused using authentication mechanism/,
  vhostNotFound: /vhost .* not found/,
  vhostAccessRefused: /access to vhost '.*' refused for user/,
  nodeConnectionLimitReached: /node connection limit \(\d+\) is reached/,
  vhostConnectionLimitReached: /refused for user '.*': connection limit \(\d+\) is reached/,
  userConnectionLimitReached: /user connection limit \(\d+\) is reached/,
  vhostDeletedReason: /CONNECTION_FORCED - vhost '.*' is deleted/,
  userDeletedReason: /CONNECTION_FORCED - user '.*' is deleted/,
  unexpectedMethodInState: /unexpected method in connection state/,
  blockedReason: /'low on memory'/,
  connectionForced: /CONNECTION_FORCED - /,
  expectedChannelOpen: /expected 'channel\.open'/,
  secondChannelOpen: /second 'channel\.open' seen/,
  tooManyChannels: /has reached the negotiated channel_max/,
  userChannelLimitReached: /has reached the maximum allowed user limit of \d/,
  nodeChannelLimitReached: /on node '.*' has reached the maximum allowed limit of/,
  unimplementedMethod: /unimplemented method/,
  commandDuringCommit: /unexpected command while processing 'tx\.commit'/,
  notImplemented: /NOT_IMPLEMENTED - (active=false|requeue=false|immediate=true|prefetch_size)/,
  notFound: /NOT_FOUND - no (queue|exchange) '/,
  noPreviouslyDeclaredQueue: /no previously declared queue/,
  reservedPrefix: /contains reserved prefix 'amq\.\*'/,
  defaultExchangeNotPermitted: /operation not permitted on the default exchange/,
  deletionOfSystemExchange: /deletion of system exchange '/,
  publishToInternalExchange: /cannot publish to internal exchange '/,
  permissionRefused: /(configure|write|read) access to (exchange|queue) '/,
  topicPermissionRefused: /access to topic '/,
  exclusiveConsumerInTheWay: / in exclusive use/,
  lockedByOtherConnection: /cannot obtain exclusive access to locked queue '/,
  unknownExchangeType: /unknown exchange type '/,
  exchangeLimitReached: /exchange limit of \d+ is reached/,
  queueLimitReached: /: queue limit in (vhost|cluster)/,
  inequivalentArgument: /inequivalent arg '/,
  invalidArgument: /invalid arg '.*' for queue '.*': /,
  foreignArgument: /of queue type rabbit_classic_queue/,
  invalidArgumentType: /invalid type '.*' for arg '/,
  invalidProperty: /invalid property '.*' for queue '/,
  serverNamedQueueNotAllowed: /Cannot declare a server-named queue for type rabbit_/,
  streamArgumentTooLarge: /Exceeded max value for x-stream-/,
  invalidStreamArgumentValue: /Invalid value for x-stream-/,
  invalidStreamArgumentType: /Invalid type for x-stream-/,
  purgeOfStream: /queue\.purge not supported by stream queues queue '/,
  streamNeedsPrefetch: /consumer prefetch count is not set for stream queue '/,
  streamNeedsAcknowledgements: /automatic acknowledgement not supported by stream queue '/,
  getFromStream: /basic\.get not supported by stream queues queue '/,
  rejectionToStream: /basic\.nack and basic\.reject not supported by stream queues queue '/,
  offsetTrackingNeedsTag: /needs a consumer tag of the client/,
  inUse: /(queue|exchange) '.*' in use/,
  notEmpty: /queue '.*' not empty/,
  invalidXMatchValue: /Invalid x-match field value <</,
  invalidXMatchType: /Invalid x-match field type /,
  tooManyMultiWordWildcards: /uses 3 '#' wildcards, at most 2 are allowed/,
  invalidExchangeType: /invalid exchange type '/,
  hashArgumentsExclusive: /hash-header and hash-property are mutually exclusive/,
  unsupportedHashProperty: /Unsupported property: /,
  weightNotInteger: /The binding key must be an integer: /,
  weightTooSmall: /The binding key must be greater than 0/,
  weightTooLarge: /The binding key must not exceed 10000/,
  delayedTypeMissing: /'x-delayed-type' must be an existing exchange type/,
  delayedTypeRecursive: /'x-delayed-message' can't be used for 'x-delayed-type'/,
  nonEmptyBindingKey: /Non empty binding '.*' key not permitted/,
  queueTypeNotValid: /Queue type rabbit_.*_queue not valid for this exchange type/,
  destinationNotFound: /Destination not found/,
  invalidHistoryLength: /Invalid argument .*x-recent-history-length.* must be a positive integer/,
  historyUnroutable: /could not find queue\/exchange '/,
  selectorMissing: /cannot parse selector 'error' binding destination '/,
  invalidSelector: /invalid JMS selector: /,
  invalidSelectorPattern: /invalid JMS selector pattern: /,
  transientQueuesDenied: /Feature `transient_nonexcl_queues` is deprecated/,
  consumerTagInUse: /attempt to reuse consumer tag '/,
  tooManyConsumers: /reached maximum \(\d+\) of consumers per channel/,
  unknownDeliveryTag: /unknown delivery tag /,
  messageTooLarge: /message size \d+ is larger than configured max size/,
  userIdMismatch: /user_id property set to '/,
  invalidExpiration: /invalid expiration '/,
  unacceptableHeader: /unacceptable_type_in_header/,
  notTransactional: /channel is not transactional/,
  cannotSwitchFromTxToConfirm: /cannot switch from tx to confirm mode/,
  cannotSwitchFromConfirmToTx: /cannot switch from confirm to tx mode/,
}

/** Codes of the protocol that RabbitMQ has no use for, and 200, which is no error. */
const NEVER_PRODUCED = [
  ReplyCode.SUCCESS,
  ReplyCode.CONTENT_TOO_LARGE,
  ReplyCode.NO_CONSUMERS,
  ReplyCode.INVALID_PATH,
  ReplyCode.SYNTAX_ERROR,
  ReplyCode.RESOURCE_ERROR,
]

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The sources in a directory and below, by their paths, but for this test. */
function sources(directory: string): Map<string, string> {
  const names = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
  const paths = names.filter((name) => name.endsWith('.ts')).map((name) => join(root, directory, name))
  const others = paths.filter((path) => path !== fileURLToPath(import.meta.url))
  return new Map(others.map((path) => [path, readFileSync(path, 'utf8')]))
}

/** What the tests that talk to a broker over a socket say. */
const tests = [...sources('test/channel').values(), ...sources('test/connection').values()].join('\n')

describe('the reply texts', () => {
  it('are all used, but for those of features to come', () => {
    const product = [...sources('src')].filter(([path]) => !path.endsWith('reply-texts.ts')).map(([, text]) => text)
    const unused = Object.keys(replyTexts).filter((name) => !product.some((text) => text.includes(name)))
    expect(unused.sort()).toEqual(Object.keys(AWAITED).sort())
  })

  it('are all asked for by a test that talks to a broker', () => {
    const untested = Object.entries(TOLD_BY).filter(([, fragment]) => !fragment.test(tests))
    expect(untested.map(([name]) => name)).toEqual([])
  })

  it('are all known to this test', () => {
    const functions = Object.entries(replyTexts).filter(([, value]) => typeof value === 'function')
    expect(functions.map(([name]) => name).sort()).toEqual([...Object.keys(TOLD_BY), ...Object.keys(AWAITED)].sort())
  })
})

describe('the reply codes', () => {
  it('are all asked for by a test that talks to a broker, but for those that RabbitMQ never produces', () => {
    const produced = Object.entries(ReplyCode).filter(([, code]) => !NEVER_PRODUCED.some((never) => never === code))
    const untested = produced.filter(([name, code]) => !new RegExp(`${name}|\\b${code}\\b`).test(tests))
    expect(untested).toEqual([])
  })

  it('are produced by the broker, but for those that RabbitMQ never produces', () => {
    const product = [...sources('src')].filter(([path]) => !path.includes('/generated/')).map(([, text]) => text)
    const all = product.join('\n')
    const produced = Object.entries(ReplyCode).filter(([name]) => all.includes(`ReplyCode.${name}`))
    const expected = Object.values(ReplyCode).filter((code) => !NEVER_PRODUCED.some((never) => never === code))
    expect(produced.map(([, code]) => code)).toEqual(expected)
  })
})
