import { Consumer, type ConsumerOptions, type ConsumerSink } from '../consumer.js'
import type { StreamCursor } from './stream-cursor.js'
import type { OffsetTracker } from './tracked-offsets.js'

/** A consumer of a stream: it has a place of its own in it. */
export class StreamConsumer extends Consumer {
  readonly cursor: StreamCursor
  /** Set where the broker remembers how far the consumer has come. */
  readonly tracker: OffsetTracker | undefined

  constructor(
    queue: Consumer['queue'],
    sink: ConsumerSink,
    options: ConsumerOptions,
    cursor: StreamCursor,
    tracker: OffsetTracker | undefined,
  ) {
    super(queue, sink, options)
    this.cursor = cursor
    this.tracker = tracker
  }
}
