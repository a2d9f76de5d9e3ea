import { BlockList, isIP } from 'node:net'
import type { ByteString } from '../base/byte-string.js'

/** The users that may log in only from the machine itself unless configured otherwise: RabbitMQ's `loopback_users`. */
export const defaultLoopbackUsers: readonly ByteString[] = ['guest']

/**
 * Whether `user` may log in from `remoteAddress`: the users in `loopbackUsers` may only do so from the machine itself.
 * A connection without an address (a Unix socket) comes from there.
 */
export function mayLoginFrom(
  user: ByteString,
  remoteAddress: string | undefined,
  loopbackUsers: readonly ByteString[] = defaultLoopbackUsers,
): boolean {
  return !loopbackUsers.includes(user) || remoteAddress === undefined || isLoopbackAddress(remoteAddress)
}

/** Whether `address` is an IPv4, IPv6 or IPv4-mapped address of the loopback interface. */
export function isLoopbackAddress(address: string): boolean {
  const [withoutZone = ''] = address.split('%')
  const family = isIP(withoutZone)
  return family !== 0 && loopbackAddresses.check(withoutZone, family === 4 ? 'ipv4' : 'ipv6')
}

/** Finds IPv4-mapped addresses under their IPv4 rule as well. */
const loopbackAddresses = new BlockList()
loopbackAddresses.addSubnet('127.0.0.0', 8, 'ipv4')
loopbackAddresses.addAddress('::1', 'ipv6')
