import type { ByteString } from './byte-string.js'

/** Who is named as the one who acted when it was the broker itself. */
export const INTERNAL_USER: ByteString = 'rmq-internal'
