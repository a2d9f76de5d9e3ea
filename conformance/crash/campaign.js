/**
 * The campaign: a broker is started, clients do random work, it is killed or stopped at a random moment, started again on
 * the same data directory, and what it then holds is compared with what the clients were told.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { BrokerProcess } from '../lib/broker-process.js'
import { within } from '../lib/processes.js'
import { Random } from './random.js'
import { Session } from './session.js'
import { Tally } from './tally.js'
import { checkTopology, declareMissing, probeBindings } from './topology.js'
import { Trace } from './trace.js'
import { verifyQueues } from './verification.js'
import { ChannelLost, ConnectionLost, Violation } from './violation.js'
import { Worker } from './worker.js'
import { World } from './world.js'

const WORKERS = 4
const WORK_MS_MAX = 2500
/** For how long a kill waits for a tx.commit to come between. */
const COMMIT_MS_MAX = 1000
/** After how long one that should have come to its end hangs. */
const HANG_MS = 60_000
const VERIFIED_SHARE = 0.6
/** How the broker is asked to stop: some stops are not waited for, up to so long. */
const STOPS = { stop: 75, 'stop and kill': 25 }
const STOP_MS_MAX = [10, 60, 300]

export class Campaign {
  tally = new Tally()
  #world
  #trace
  #random
  #program
  #dataDir
  #stopShare
  #round = 0
  #broker
  #sessionCount = 0

  /**
   * @param {{ program: string, dataDir: string, traceDir: string, seed: number, stopShare: number }} options `stopShare`
   *   of the processes are asked to stop, the others are killed.
   */
  constructor({ program, dataDir, traceDir, seed, stopShare }) {
    this.#random = new Random(seed)
    this.#program = program
    this.#dataDir = dataDir
    this.#stopShare = stopShare
    this.#trace = new Trace(traceDir)
    this.#world = new World({ barriers: WORKERS + 1, tally: this.tally, trace: this.#trace })
  }

  /** @throws Violation when the broker breaks a promise. */
  async run(durationMs, onRound = () => undefined) {
    const endAt = performance.now() + durationMs
    try {
      while (performance.now() < endAt) {
        await this.#runRound()
        onRound(this.#round)
      }
      await this.#start()
      await this.#examine(1)
      await this.#requireExit(await this.#broker.stop())
    } finally {
      if (this.#broker?.isRunning) await this.#broker.kill()
    }
  }

  /** What happened to the message that a violation is about. */
  historyOf(id) {
    return this.#trace.historyOf(id)
  }

  async #runRound() {
    const random = this.#random
    await this.#start()
    if (random.chance(0.1)) return this.#killWhileVerifying()
    await this.#examine(VERIFIED_SHARE)
    await this.#work()
  }

  /** Starts the broker; sometimes it is killed while it starts, and started again. */
  async #start() {
    while (this.#round > 0 && this.#random.chance(0.15)) await this.#killWhileStarting()
    this.#round++
    this.#trace.beginRound(this.#round)
    this.#broker = await BrokerProcess.start({ program: this.#program, dataDir: this.#dataDir })
  }

  async #killWhileStarting() {
    await BrokerProcess.startAndKill({ program: this.#program, dataDir: this.#dataDir }, this.#random.integer(400))
    this.tally.killsWhileStarting++
    this.#world.processEnded({ wasKilled: true, flags: 'unknown' })
  }

  async #killWhileVerifying() {
    const killed = delay(this.#random.integer(300)).then(() => this.#end('kill'))
    try {
      await this.#examine(1)
    } catch (error) {
      if (!(error instanceof ConnectionLost || error instanceof ChannelLost || error.code === 'ECONNREFUSED'))
        throw error
    }
    await killed
    this.tally.killsWhileVerifying++
    this.#requireNoViolation()
  }

  /** Compares what the broker holds with what it has to. @param {number} share of the queues. */
  async #examine(share) {
    const world = this.#world
    const session = await this.#openSession()
    await checkTopology(world, session)
    await probeBindings(world, session)
    this.#requireNoViolation()
    await verifyQueues(world, session, this.#someQueues(share))
    const channel = await session.openChannel()
    await declareMissing(world, channel)
    await session.close()
    this.#requireNoViolation()
  }

  #openSession() {
    const barrier = this.#world.queues.get(`barrier ${WORKERS}`)
    return Session.open(this.#world, this.#port, `observer ${++this.#sessionCount}`, barrier)
  }

  #someQueues(share) {
    return [...this.#world.queues.values()].filter(() => this.#random.chance(share))
  }

  get #port() {
    return Number(new URL(this.#broker.url).port)
  }

  async #work() {
    const random = this.#random
    const workers = Array.from(
      { length: WORKERS },
      (_, index) => new Worker(this.#world, this.#port, random.fork(), index, WORKERS),
    )
    await Promise.all(workers.map((worker) => worker.start()))
    if (random.chance(0.25)) await this.#verifyAtWork(workers)
    await delay(random.integer(random.pick([100, 800, WORK_MS_MAX])))
    this.#requireNoViolation()
    const isStop = random.chance(this.#stopShare)
    // Clients that rest know exactly what has been handed out.
    if (isStop && random.chance(0.6)) await this.#inTime(Promise.all(workers.map((worker) => worker.pause())))
    if (!isStop && random.chance(0.4)) await this.#commitSent()
    await this.#end(isStop ? this.#random.weighted(STOPS) : 'kill')
    await this.#inTime(Promise.all(workers.map((worker) => worker.ended)))
    this.#requireNoViolation()
  }

  /** Waits for a transaction that is being committed, and perhaps a little longer. */
  async #commitSent() {
    await within(
      COMMIT_MS_MAX,
      new Promise((resolve) => {
        this.#world.onCommitSent = resolve
      }),
    )
    this.#world.onCommitSent = () => undefined
    await delay(this.#random.integer(4))
  }

  /** What the process at work holds has to be right as well, transient messages included. */
  async #verifyAtWork(workers) {
    await delay(this.#random.integer(WORK_MS_MAX / 2))
    await this.#inTime(Promise.all(workers.map((worker) => worker.finish())))
    this.#requireNoViolation()
    const session = await this.#openSession()
    await session.awaitZombies()
    await verifyQueues(this.#world, session, this.#someQueues(VERIFIED_SHARE))
    await session.close()
    await Promise.all(workers.map((worker) => worker.start()))
  }

  /** @param {'kill' | 'stop' | 'stop and kill'} how */
  async #end(how) {
    const world = this.#world
    this.#trace.note(`the end of the broker: ${how}`, 0)
    const sessions = [...world.sessions, ...world.zombies]
    world.isStopping = how !== 'kill'
    const end = await this.#endBroker(how)
    const wasKilled = end === 'SIGKILL'
    if (!wasKilled) this.#requireExit(end)
    await this.#inTime(Promise.all(sessions.map((session) => session.ended)))
    while (world.sessions.size > 0) await delay(1)
    const ofKill = how === 'kill' ? 'set' : 'unknown'
    world.processEnded({ wasKilled, flags: wasKilled ? ofKill : 'kept' })
    if (!wasKilled) this.tally.stops++
    else if (how === 'kill') this.tally.kills++
    else this.tally.killsWhileStopping++
  }

  async #endBroker(how) {
    if (how === 'stop') return this.#broker.stop()
    if (how === 'stop and kill') return this.#broker.stopAndKill(this.#random.integer(this.#random.pick(STOP_MS_MAX)))
    await this.#broker.kill()
    return 'SIGKILL'
  }

  #requireExit(end) {
    if (end !== 0) throw new Violation(`the broker ended with ${end}\n${this.#broker.outputTail()}`)
  }

  async #inTime(promise) {
    const done = await within(
      HANG_MS,
      promise.then(() => true),
    )
    this.#requireNoViolation()
    if (done !== true) throw new Violation(`clients hang\n${this.#broker.outputTail()}`)
  }

  #requireNoViolation() {
    if (this.#world.violation) throw this.#world.violation
  }
}
