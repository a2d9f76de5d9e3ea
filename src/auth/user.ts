import type { ByteString } from '../base/byte-string.js'
import type { HashingAlgorithm } from './password-hash.js'

/** A user as stored. Immutable: each change makes a new one, so ask `Users` again for what is true now. */
export interface User {
  readonly name: ByteString
  /** As `password-hash.ts` makes it; empty for a user who cannot log in with a password. */
  readonly passwordHash: ByteString
  readonly hashingAlgorithm: HashingAlgorithm
  readonly tags: readonly ByteString[]
  readonly limits: UserLimits
}

/** Absent or negative: unlimited; 0 allows none. Whole numbers. */
export interface UserLimits {
  readonly maxConnections?: number
  readonly maxChannels?: number
}

/** Whether `user` may publish messages with the user-id of someone else: the only tag that matters to AMQP. */
export function isImpersonator(user: User): boolean {
  return user.tags.includes('impersonator')
}

/** Someone asked to change a user that does not exist. */
export class UnknownUserError extends Error {
  override readonly name = 'UnknownUserError'

  constructor(readonly user: ByteString) {
    super(`user '${user}' does not exist`)
  }
}
