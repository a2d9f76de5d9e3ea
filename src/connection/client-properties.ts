import type { ByteString } from '../base/byte-string.js'
import { type FieldTable, lookup } from '../protocol/field-table.js'

/** What start-ok says of the client, as far as it changes what we do. */
export interface ClientProperties {
  readonly all: FieldTable
  /** The name that the client gave its connection. */
  readonly connectionName: ByteString | undefined
  /** Takes basic.cancel from the server. */
  readonly hasCancelNotify: boolean
  /** Takes connection.blocked and connection.unblocked. */
  readonly hasBlocked: boolean
  /** Takes connection.close as the answer to a refused login. */
  readonly hasAuthenticationFailureClose: boolean
}

/** A capability counts only as a true boolean. */
export function readClientProperties(all: FieldTable): ClientProperties {
  const capabilities = lookup(all, 'capabilities')
  const has = (name: ByteString) => {
    const value = capabilities?.type === 'F' ? lookup(capabilities.value, name) : undefined
    return value?.type === 't' && value.value
  }
  const name = lookup(all, 'connection_name')
  return {
    all,
    connectionName: name?.type === 'S' ? name.value : undefined,
    hasCancelNotify: has('consumer_cancel_notify'),
    hasBlocked: has('connection.blocked'),
    hasAuthenticationFailureClose: has('authentication_failure_close'),
  }
}
