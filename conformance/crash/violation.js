/** The broker broke a promise: what the campaign is looking for. */
export class Violation extends Error {
  /**
   * @param {string} text
   * @param {number | undefined} id the message it is about; the campaign then reports its history.
   */
  constructor(text, id) {
    super(text)
    this.id = id
  }
}

/** The connection is gone, as connections are when a broker is killed. */
export class ConnectionLost extends Error {}

/** The broker closed the channel. */
export class ChannelLost extends Error {}
