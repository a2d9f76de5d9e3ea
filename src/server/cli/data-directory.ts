import { posix, win32 } from 'node:path'
import type { Environment } from './environment.js'

const NAME = 'leveret'

/**
 * The data directory of a user who named none: where the platform keeps what programs store for a user.
 * @param platform as `process.platform` has it
 */
export function defaultDataDirectory(platform: string, environment: Environment, homeDirectory: string): string {
  const { LOCALAPPDATA, XDG_DATA_HOME } = environment
  if (platform === 'win32') return win32.join(LOCALAPPDATA || win32.join(homeDirectory, 'AppData', 'Local'), NAME)
  if (platform === 'darwin') return posix.join(homeDirectory, 'Library', 'Application Support', NAME)
  // The XDG specification tells programs to ignore a relative path.
  const isUsable = XDG_DATA_HOME !== undefined && posix.isAbsolute(XDG_DATA_HOME)
  return posix.join(isUsable ? XDG_DATA_HOME : posix.join(homeDirectory, '.local', 'share'), NAME)
}
