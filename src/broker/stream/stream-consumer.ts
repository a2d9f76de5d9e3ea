import { Consumer, type ConsumerOptions, type ConsumerSink } from '../consumer.js'
import type { StreamCursor } from './stream-cursor.js'
import type { OffsetTracker } from './tracked-offsets.js'

/** Where a consumer is in its stream, and what becomes of that. */
export interface StreamPlace {
  readonly cursor: StreamCursor
  readonly tracker: OffsetTracker | undefined
}

/** A consumer of a stream: it has a place of its own in it. */
export class StreamConsumer extends Consumer {
  readonly cursor: StreamCursor
  /** Set where the broker remembers how far the consumer has come. */
  readonly tracker: OffsetTracker | undefined

  constructor(queue: Consumer['queue'], sink: ConsumerSink, options: ConsumerOptions, place: StreamPlace) {
    super(queue, sink, options)
    this.cursor = place.cursor
    this.tracker = place.tracker
  }
}
