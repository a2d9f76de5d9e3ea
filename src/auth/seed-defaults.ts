import type { ByteString } from '../base/byte-string.js'
import type { Users } from './users.js'

export interface DefaultLogin {
  readonly user: ByteString
  readonly password: ByteString
  readonly vhost: ByteString
}

/** What a new RabbitMQ lets in: guest with the password guest, on the virtual host `/`. */
export const defaultLogin: DefaultLogin = { user: 'guest', password: 'guest', vhost: '/' }

/** Makes the first user, an administrator who may do everything in one virtual host. For empty data directories only. */
export function seedDefaults(users: Users, { user, password, vhost }: DefaultLogin = defaultLogin): void {
  users.putWithPassword({ name: user, tags: ['administrator'], limits: {} }, password)
  users.setPermissions(user, vhost, { configure: '.*', write: '.*', read: '.*' })
}
