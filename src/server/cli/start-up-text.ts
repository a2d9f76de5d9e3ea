import { VERSION } from '../../base/version.js'
import { COMPAT_PROFILES, DEFAULT_COMPAT } from '../../protocol/compat-profile.js'
import { DEFAULTS } from '../option-table.js'
import type { BrokerOptions } from '../options.js'
import type { RunningBroker } from '../start-broker.js'

/** Scripts and test harnesses wait for this line, in exactly RabbitMQ's words: it may come only when all listens. */
export const START_UP_COMPLETE = 'Server startup complete; 0 plugins started.'

/** What the command line prints once the broker serves: what, where its data lies, how to log in, and the last line. */
export function startUpText(broker: Pick<RunningBroker, 'url' | 'addresses'>, options: BrokerOptions): string {
  const { version } = COMPAT_PROFILES[options.compat ?? DEFAULT_COMPAT]
  return [
    `Leveret ${VERSION}: AMQP 0-9-1 as RabbitMQ ${version} speaks it`,
    `  connect   ${broker.url}`,
    `  listening ${broker.addresses.map(addressText).join(', ')}`,
    `  data      ${options.dataDirectory ?? 'in memory only: lost when this process ends'}`,
    `  log in    ${logInText(options)}`,
    START_UP_COMPLETE,
    '',
  ].join('\n')
}

function addressText({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Shows the password that everybody knows, and no other. */
function logInText(options: BrokerOptions): string {
  const user = options.defaultUser ?? DEFAULTS.defaultUser
  const pass = options.defaultPass ?? DEFAULTS.defaultPass
  const isLocal = (options.loopbackUsers ?? DEFAULTS.loopbackUsers).includes(user)
  const secret = pass === DEFAULTS.defaultPass ? `password ${pass}` : 'the password that was configured'
  return `user ${user}, ${secret}${isLocal ? ', from this machine only' : ''}`
}
