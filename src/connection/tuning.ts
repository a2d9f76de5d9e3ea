import type { ConnectionTuneOk } from '../protocol/generated/methods.js'

/** Some clients tune to the least frame of the published protocol, which RabbitMQ 4.1 and later refuse; we take it. */
const LEAST_FRAME_MAX = 4096

/** What connection.tune offers, or tune-ok has settled on. */
export interface Limits {
  /** Octets; 0 is no limit. */
  readonly frameMax: number
  /** How many channels may be open at a time; 0 is no limit. */
  readonly channelMax: number
  /** 0 turns heartbeats off. */
  readonly heartbeatSeconds: number
}

/**
 * Settles on what the client asks for, if it lies within what was offered. The heartbeat is the client's to choose.
 * @returns why it does not, for the log: the client is told nothing.
 */
export function negotiate(offered: Limits, asked: ConnectionTuneOk): Limits | string {
  const { frameMax, channelMax, heartbeat: heartbeatSeconds } = asked
  const reason =
    tooHigh('frame_max', frameMax, offered.frameMax) ??
    tooHigh('channel_max', channelMax, offered.channelMax) ??
    (frameMax !== 0 && frameMax < LEAST_FRAME_MAX
      ? `negotiated frame_max = ${frameMax} is lower than the minimum allowed value (${LEAST_FRAME_MAX})`
      : undefined)
  return reason ?? { frameMax, channelMax, heartbeatSeconds }
}

/** Asking for no limit is asking for more than any limit. */
function tooHigh(name: string, asked: number, offered: number): string | undefined {
  if (offered === 0 || (asked !== 0 && asked <= offered)) return undefined
  const noLimit = asked === 0 ? ' (no limit)' : ''
  return `negotiated ${name} = ${asked}${noLimit} is higher than the maximum allowed value (${offered})`
}
