import type { Clock, Timer } from '../base/clock.js'
import { FRAME_OVERHEAD } from '../protocol/frame-scanner.js'

/** How often the one timer looks: fine enough for the shortest heartbeat, one second, whose half is 500 ms. */
const TICK_MS = 250

/** A connection as its heartbeat sees it. Both counters only rise. */
export interface HeartbeatPeer {
  readonly octetsReceived: number
  readonly octetsSent: number
  /** Whether nothing is expected from the peer because nothing is read. */
  readonly isReadingPaused: boolean
  sendHeartbeat(): void
  /** Nothing came for too long: the connection is to be closed without a word. */
  heartbeatMissed(): void
}

interface Monitored {
  readonly peer: HeartbeatPeer
  readonly intervalMs: number
  nextSendMs: number
  nextCheckMs: number
  sentBefore: number
  receivedBefore: number
  silentChecks: number
}

/**
 * The heartbeats of all connections under one coarse timer, which runs only while there are any.
 *
 * As RabbitMQ does: every half interval a heartbeat is sent if nothing else was, and after two whole intervals in a row
 * without an octet the peer is given up, so two to three intervals after its last one.
 */
export class Heartbeats {
  readonly #clock: Clock
  readonly #monitored = new Map<HeartbeatPeer, Monitored>()
  #timer: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Watches a connection from now on. @param intervalMs above 0. */
  add(peer: HeartbeatPeer, intervalMs: number): void {
    const now = this.#clock.monotonicMs()
    this.#monitored.set(peer, {
      peer,
      intervalMs,
      nextSendMs: now + intervalMs / 2,
      nextCheckMs: now + intervalMs,
      sentBefore: peer.octetsSent,
      receivedBefore: peer.octetsReceived,
      silentChecks: 0,
    })
    this.#timer ??= this.#clock.every(TICK_MS, () => this.#tick())
  }

  /** Forgets a connection. Harmless when it was never watched. */
  remove(peer: HeartbeatPeer): void {
    this.#monitored.delete(peer)
    if (this.#monitored.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #tick(): void {
    const now = this.#clock.monotonicMs()
    for (const monitored of this.#monitored.values()) {
      if (now >= monitored.nextSendMs) send(monitored)
      if (now >= monitored.nextCheckMs) check(monitored)
    }
  }
}

function send(monitored: Monitored): void {
  const { peer } = monitored
  monitored.nextSendMs += monitored.intervalMs / 2
  const isIdle = peer.octetsSent === monitored.sentBefore
  // The heartbeat itself, which leaves at the end of the turn, must not pass for something else being sent.
  monitored.sentBefore = peer.octetsSent + (isIdle ? FRAME_OVERHEAD : 0)
  if (isIdle) peer.sendHeartbeat()
}

function check(monitored: Monitored): void {
  const { peer } = monitored
  monitored.nextCheckMs += monitored.intervalMs
  const isSilent = peer.octetsReceived === monitored.receivedBefore && !peer.isReadingPaused
  monitored.receivedBefore = peer.octetsReceived
  monitored.silentChecks = isSilent ? monitored.silentChecks + 1 : 0
  if (monitored.silentChecks >= 2) peer.heartbeatMissed()
}
