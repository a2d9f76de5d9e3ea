/**
 * Passwords as RabbitMQ stores them, so that its definitions files can be exchanged:
 *
 *     base64 of │ salt, 4 octets │ digest of the salt followed by the password │
 *
 * Passwords are byte strings: their octets are hashed as they came.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ByteString } from '../base/byte-string.js'

const SALT_OCTETS = 4

/** The digest of each algorithm, under the name that RabbitMQ stores. MD5 is for hashes of old definitions files. */
const digests = {
  rabbit_password_hashing_sha256: 'sha256',
  rabbit_password_hashing_sha512: 'sha512',
  rabbit_password_hashing_md5: 'md5',
} as const

export type HashingAlgorithm = keyof typeof digests

export const defaultHashingAlgorithm: HashingAlgorithm = 'rabbit_password_hashing_sha256'

export function isHashingAlgorithm(name: string): name is HashingAlgorithm {
  return Object.hasOwn(digests, name)
}

/** Hashes `password` with `salt` (4 octets, random by default). @returns standard base64 with padding. */
export function hashPassword(
  password: ByteString,
  algorithm: HashingAlgorithm,
  salt: Uint8Array = randomBytes(SALT_OCTETS),
): ByteString {
  return Buffer.concat([salt, digestOf(salt, password, algorithm)]).toString('base64')
}

/**
 * Whether `passwordHash` was made of `password`, found out in a time that does not depend on how much of it is right.
 * The empty password never matches, and neither does a hash of another length than the algorithm makes: the empty one,
 * which users without a password have, among them.
 */
export function passwordMatches(password: ByteString, passwordHash: ByteString, algorithm: HashingAlgorithm): boolean {
  const stored = Buffer.from(passwordHash, 'base64')
  const expected = digestOf(stored.subarray(0, SALT_OCTETS), password, algorithm)
  const digest = stored.subarray(SALT_OCTETS)
  return digest.length === expected.length && timingSafeEqual(digest, expected) && password !== ''
}

function digestOf(salt: Uint8Array, password: ByteString, algorithm: HashingAlgorithm): Buffer {
  return createHash(digests[algorithm]).update(salt).update(password, 'latin1').digest()
}
