/** An error of the operating system, with the facts that Node adds to it. */
interface SystemError extends Error {
  readonly code: string
  readonly syscall?: string
  readonly port?: number
  readonly address?: string
  readonly path?: string
  readonly hostname?: string
}

/** What the language throws at a program that is wrong. */
const MISTAKES = [TypeError, RangeError, ReferenceError, SyntaxError]

/**
 * Why the broker did not start or had to stop, for whoever typed the command: one sentence that names the value and the
 * remedy. A stack is shown only for what is a mistake in this program.
 */
export function explainFailure(error: unknown, dataDirectory: string | undefined): string {
  if (!(error instanceof Error)) return String(error)
  if (isSystemError(error)) return explainSystemError(error, dataDirectory ?? error.path ?? 'the data directory')
  return MISTAKES.some((kind) => error instanceof kind) ? (error.stack ?? error.message) : error.message
}

function explainSystemError(error: SystemError, directory: string): string {
  const { address, port } = error
  const elsewhere = 'choose another directory with --data-dir, or --memory to write none'
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} on ${address} is in use: stop the process that has it, or choose another port with --port (0 takes a free one)`
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `this machine has no address ${address}: choose one that it has with --bind`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the address '${error.hostname ?? address}' is not known here: choose one that this machine has with --bind`
    case 'EACCES':
    case 'EPERM':
      return error.syscall === 'listen'
        ? `no permission to listen on port ${port}: choose one of 1024 or above with --port`
        : `no permission to write in ${directory}: ${elsewhere}`
    case 'EROFS':
      return `${directory} lies on a file system that is read-only: ${elsewhere}`
    case 'ENOSPC':
      return `no space is left for ${directory}: make room, or ${elsewhere}`
    case 'ENOTDIR':
    case 'EEXIST':
      return `${directory} is not a directory: ${elsewhere}`
    default:
      return error.message
  }
}

function isSystemError(error: Error): error is SystemError {
  return 'code' in error && typeof error.code === 'string' && /^E[A-Z_0-9]+$/.test(error.code) && 'syscall' in error
}
