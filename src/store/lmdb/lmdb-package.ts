import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/**
 * The package, as CommonJS: one file, and loaded in two thirds of the time of its ten ES modules. But in that form it makes a
 * URL of the name of its folder as it stands, and finds its native code no more where that holds one of these signs.
 */
const lmdb: typeof import('lmdb') = /[#?%]/.test(require.resolve('lmdb')) ? await import('lmdb') : require('lmdb')

export const { open } = lmdb
