/** What is known of one channel while a script is played: what it waits for, what it heard, what is not settled yet. */

const SETTLING = new Set(['basic.ack', 'basic.nack', 'basic.reject'])
const DELIVERIES = new Set(['basic.deliver', 'basic.get-ok'])

export class ChannelRecord {
  isOpen = false
  /** Lists of names, one of which answers a method that was sent; in the order of the methods. */
  pending = []
  /** Markers on their way. */
  markers = 0
  /** What came since the lines were last taken. */
  lines = []
  /** Publishes that wait for their confirm. */
  unconfirmed = new Set()
  #published
  #confirmed = []
  #outstanding = []
  #noAckTags = new Set()
  #gets = []

  /** `channel.open` is sent. */
  opens() {
    this.isOpen = true
    this.markers = 0
    this.#published = undefined
    this.#outstanding = []
    this.#noAckTags.clear()
    this.#gets = []
    this.pending = [['channel.open-ok']]
  }

  closes() {
    this.isOpen = false
    this.pending = []
    this.unconfirmed.clear()
  }

  /** A publish is sent. */
  publishes() {
    if (this.#published === undefined) return
    this.#published += 1
    this.unconfirmed.add(this.#published)
  }

  /** A method is sent that one of `answers` will answer. */
  expects(answers, name, fields) {
    if (answers.length > 0) this.pending.push(answers)
    if (name === 'basic.consume' && fields.noAck) this.#noAckTags.add(fields.consumerTag)
    if (name === 'confirm.select' && fields.noWait) this.#published ??= 0
    if (name === 'basic.get') this.#gets.push(fields.noAck === true)
    if (name === 'basic.recover' || name === 'basic.recover-async') this.#outstanding = []
  }

  /** The answer does not come. */
  giveUp() {
    for (const answers of this.pending.splice(0)) this.lines.push(`(no ${answers.join(' or ')})`)
  }

  /**
   * A script may name a delivery by its place among those that are not settled, counted round:
   * `{ deliveryTag: { outstanding: 3 } }`.
   *
   * @returns the fields with the tag; undefined when there is none.
   */
  resolveTag(name, fields) {
    const place = fields.deliveryTag?.outstanding
    if (place === undefined) return fields
    if (this.#outstanding.length === 0) return undefined
    const index = place % this.#outstanding.length
    const deliveryTag = this.#outstanding[index]
    if (SETTLING.has(name)) this.#outstanding.splice(fields.multiple ? 0 : index, fields.multiple ? index + 1 : 1)
    return { ...fields, deliveryTag }
  }

  /** @param {(event: object) => string} textOf */
  hears(event, textOf) {
    const { name, values } = event
    if (this.pending[0]?.includes(name)) this.pending.shift()
    switch (name) {
      case 'channel.open-ok':
        return
      case 'basic.ack':
      case 'basic.nack':
        return this.#confirms(name === 'basic.ack' ? '+' : '-', values)
      case 'confirm.select-ok':
        this.#published ??= 0
        break
      case 'channel.close':
      case 'channel.close-ok':
        this.closes()
        break
    }
    if (name === 'basic.get-ok' || name === 'basic.get-empty') this.#hearsGet(name, values)
    if (name === 'basic.deliver' && !this.#noAckTags.has(values.consumerTag)) this.#outstanding.push(values.deliveryTag)
    this.lines.push(textOf(event))
  }

  #hearsGet(name, { deliveryTag }) {
    const isNoAck = this.#gets.shift()
    if (DELIVERIES.has(name) && !isNoAck) this.#outstanding.push(deliveryTag)
  }

  /** How confirms are bundled is not comparable, nor how they mix with what else the channel sends; who gets which is. */
  #confirms(sign, { deliveryTag, multiple }) {
    const seqnos = [...this.unconfirmed].filter((seqno) => seqno === deliveryTag || (multiple && seqno <= deliveryTag))
    if (!this.unconfirmed.has(deliveryTag)) this.lines.push(`(a confirm of ${deliveryTag}, which waits for none)`)
    for (const seqno of seqnos) this.unconfirmed.delete(seqno)
    this.#confirmed.push(...seqnos.map((seqno) => ({ seqno, sign })))
  }

  takeLines() {
    const confirmed = this.#confirmed.splice(0).sort((one, other) => one.seqno - other.seqno)
    const lines = this.lines.splice(0)
    if (confirmed.length > 0) lines.push(`confirms ${confirmed.map(({ seqno, sign }) => sign + seqno).join(' ')}`)
    return lines
  }
}
