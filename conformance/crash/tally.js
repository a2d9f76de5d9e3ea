/** How much a campaign has done and seen. */
export class Tally {
  kills = 0
  killsWhileStarting = 0
  killsWhileVerifying = 0
  killsWhileStopping = 0
  stops = 0
  published = 0
  publishedOctets = 0
  copies = 0
  transient = 0
  large = 0
  fannedOut = 0
  confirmed = 0
  inTransactions = 0
  committed = 0
  rolledBack = 0
  delivered = 0
  returned = 0
  settledAndFlushed = 0
  recovered = 0
  purges = 0
  deletes = 0
  brokenOff = 0
  hungUp = 0
  channelsFailed = 0
  channelErrors = 0
  queuesVerified = 0
  certainFound = 0
  doubtfulFound = 0
  doubtfulGone = 0
  commitsInDoubt = { committed: 0, 'rolled back': 0 }
  deepest = 0

  notePublished(message, body, kind) {
    this.published++
    this.publishedOctets += body.length
    this.copies += message.states.length
    if (!message.isPersistent) this.transient++
    if (body.length > 128 * 1024) this.large++
    if (message.states.length > 1) this.fannedOut++
    if (kind === 'transactions') this.inTransactions++
  }

  noteConfirmed() {
    this.confirmed++
  }

  noteCommitted() {
    this.committed++
  }

  lines() {
    const { commitsInDoubt } = this
    return [
      `${this.kills} kills (${this.killsWhileStarting} more while it started, ${this.killsWhileStopping} while it stopped; ` +
        `${this.killsWhileVerifying} while it was verified), ${this.stops} stops, ${this.brokenOff} connections broken off, ` +
        `${this.hungUp} closed, ${this.channelsFailed} channels made to fail, ${this.channelErrors} that found no queue`,
      `${this.published} messages published (${megabytes(this.publishedOctets)} MB; ${this.fannedOut} to several queues, ${this.large} above ` +
        `128 KiB, ${this.transient} transient, ${this.inTransactions} in transactions), ${this.confirmed} confirmed, ${this.returned} returned`,
      `${this.committed} commits, ${this.rolledBack} rollbacks; commits in doubt: ${commitsInDoubt.committed} were committed, ` +
        `${commitsInDoubt['rolled back']} not`,
      `${this.delivered} deliveries checked, ${this.settledAndFlushed} settlements known to be on disk, ${this.purges} purges, ` +
        `${this.deletes} deletions, ${this.recovered} recoveries`,
      `${this.queuesVerified} queues verified, the deepest of ${this.deepest}: ${this.certainFound} messages that had to be there, ` +
        `${this.doubtfulFound} in doubt found, ${this.doubtfulGone} in doubt gone`,
    ]
  }
}

function megabytes(octets) {
  return Math.round(octets / 1e6)
}
