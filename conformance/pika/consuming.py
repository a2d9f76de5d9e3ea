"""Consuming with pika: get, acknowledgements, requeue, prefetch, cancellation, and who gets what."""

import pika

from harness import Consumer, case, drain, equal, main, ready, serve, true, until, until_ready


def filled(broker, queue, count):
    """A channel, and a queue that holds the bodies 0 to count - 1."""
    channel = broker.channel()
    channel.queue_declare(queue)
    for n in range(count):
        channel.basic_publish('', queue, str(n))
    until_ready(channel, queue, count)
    return channel


@case('basic.get gives messages in order, with what remains, until the queue is empty', queues=['get'])
def get(broker):
    channel = filled(broker, 'get', 3)
    for n in range(3):
        method, _, body = channel.basic_get('get', auto_ack=True)
        equal((body, method.message_count, method.redelivered), (str(n).encode(), 2 - n, False), 'message')
        equal((method.exchange, method.routing_key, method.delivery_tag), ('', 'get', n + 1), 'get-ok')
    equal(channel.basic_get('get'), (None, None, None), 'get-empty')


@case('rejected and nacked messages come back at their old places, redelivered', queues=['requeue'])
def requeue(broker):
    channel = filled(broker, 'requeue', 5)
    tags = [channel.basic_get('requeue')[0].delivery_tag for _ in range(3)]
    channel.basic_reject(tags[1], requeue=True)
    channel.basic_nack(tags[0], requeue=True)
    channel.basic_nack(tags[2], requeue=True)
    until_ready(channel, 'requeue', 5)
    got = []
    for _ in range(5):
        method, _, body = channel.basic_get('requeue', auto_ack=True)
        got.append((int(body), method.redelivered))
    equal(got, [(0, True), (1, True), (2, True), (3, False), (4, False)], 'messages')


@case('reject and nack without requeue discard', queues=['discard'])
def discard(broker):
    channel = filled(broker, 'discard', 4)
    tags = [channel.basic_get('discard')[0].delivery_tag for _ in range(3)]
    channel.basic_reject(tags[0], requeue=False)
    channel.basic_nack(tags[2], multiple=True, requeue=False)
    equal(drain(channel, 'discard'), [b'3'])


@case('multiple acknowledgements settle everything up to the tag, tag 0 everything', queues=['multiple'])
def multiple(broker):
    channel = filled(broker, 'multiple', 6)
    tags = [channel.basic_get('multiple')[0].delivery_tag for _ in range(5)]
    channel.basic_ack(tags[2], multiple=True)
    channel.basic_nack(0, multiple=True, requeue=True)
    until_ready(channel, 'multiple', 3)
    equal(drain(channel, 'multiple'), [b'3', b'4', b'5'])


@case('basic.recover requeues what the channel has not settled', queues=['recover'])
def recover(broker):
    channel = filled(broker, 'recover', 2)
    consumer = Consumer(channel, 'recover').wait(2)
    channel.basic_recover(requeue=True)
    consumer.wait(4)
    equal(consumer.bodies, [b'0', b'1', b'0', b'1'], 'bodies')
    equal([method.redelivered for method in consumer.methods], [False, False, True, True], 'redelivered')
    equal([method.delivery_tag for method in consumer.methods], [1, 2, 3, 4], 'delivery tags')


@case('closing a channel requeues its unacked messages in order', queues=['channel end'])
def channel_end(broker):
    channel = filled(broker, 'channel end', 4)
    other = channel.connection.channel()
    consumer = Consumer(other, 'channel end').wait(4)
    consumer.ack(1)
    other.close()
    until_ready(channel, 'channel end', 3)
    equal(drain(channel, 'channel end'), [b'0', b'2', b'3'])


@case('a consumer with prefetch n has at most n unacked deliveries', queues=['prefetch'])
def prefetch(broker):
    channel = filled(broker, 'prefetch', 10)
    channel.basic_qos(prefetch_count=3)
    consumer = Consumer(channel, 'prefetch').wait(3)
    serve(channel.connection)
    equal((len(consumer.bodies), ready(channel, 'prefetch')), (3, 7), 'deliveries and ready messages')
    consumer.ack(0)
    consumer.wait(4)
    channel.basic_ack(consumer.methods[3].delivery_tag, multiple=True)
    consumer.wait(7)
    serve(channel.connection)
    equal(consumer.bodies, [b'0', b'1', b'2', b'3', b'4', b'5', b'6'], 'deliveries')


@case('prefetch is per consumer and meets only consumers that come later', queues=['later'])
def prefetch_later(broker):
    channel = filled(broker, 'later', 0)
    channel.basic_qos(prefetch_count=1)
    limited = Consumer(channel, 'later')
    channel.basic_qos(prefetch_count=0)
    unlimited = Consumer(channel, 'later')
    for n in range(9):
        channel.basic_publish('', 'later', str(n))
    until(lambda: len(limited.bodies) + len(unlimited.bodies) == 9, channel.connection, what='nine deliveries')
    equal((len(limited.bodies), len(unlimited.bodies)), (1, 8), 'shares')


@case('global prefetch is shared by the consumers of a channel', queues=['global one', 'global two'])
def global_prefetch(broker):
    channel = filled(broker, 'global one', 5)
    channel.queue_declare('global two')
    for n in range(5):
        channel.basic_publish('', 'global two', str(n))
    channel.basic_qos(prefetch_count=4, global_qos=True)
    one, two = Consumer(channel, 'global one'), Consumer(channel, 'global two')
    until(lambda: len(one.bodies) + len(two.bodies) == 4, channel.connection, what='four deliveries')
    serve(channel.connection)
    equal(len(one.bodies) + len(two.bodies), 4, 'deliveries')
    channel.basic_ack(0, multiple=True)
    until(lambda: len(one.bodies) + len(two.bodies) == 8, channel.connection, what='eight deliveries')


@case('automatic acknowledgement takes no notice of prefetch', queues=['automatic'])
def prefetch_no_ack(broker):
    channel = filled(broker, 'automatic', 10)
    channel.basic_qos(prefetch_count=1)
    Consumer(channel, 'automatic', auto_ack=True).wait(10)
    channel.close()
    equal(ready(broker.channel(), 'automatic'), 0, 'ready messages')


@case('cancel stops deliveries and leaves unacked messages with the channel', queues=['cancelled'])
def cancel(broker):
    channel = filled(broker, 'cancelled', 2)
    channel.basic_qos(prefetch_count=1)
    deliveries = []
    tag = channel.basic_consume('cancelled', lambda _ch, method, _properties, body: deliveries.append(method))
    until(lambda: len(deliveries) == 1, channel.connection, what='a delivery')
    equal(list(channel.basic_cancel(tag)), [], 'deliveries after the cancel')
    equal(channel.queue_declare('cancelled', passive=True).method.consumer_count, 0, 'consumers')
    equal(ready(channel, 'cancelled'), 1, 'ready messages')
    channel.basic_ack(deliveries[0].delivery_tag)
    channel.basic_publish('', 'cancelled', 'more')
    serve(channel.connection)
    equal((len(deliveries), drain(channel, 'cancelled')), (1, [b'1', b'more']), 'deliveries and what is left')


@case('deleting a queue notifies its consumers', queues=['doomed'])
def cancel_notification(broker):
    channel = filled(broker, 'doomed', 0)
    cancelled = []
    channel.add_on_cancel_callback(lambda method_frame: cancelled.append(method_frame.method.consumer_tag))
    first = Consumer(channel, 'doomed', consumer_tag='first')
    broker.channel().queue_delete('doomed')
    until(lambda: cancelled == ['first'], channel.connection, what='the cancel notification')
    true(channel.is_open and first.tag not in channel.consumer_tags, 'the channel lives, the consumer does not')
    channel.queue_declare('doomed')
    Consumer(channel, 'doomed', consumer_tag='first')
    channel.queue_delete('doomed')
    until(lambda: cancelled == ['first', 'first'], channel.connection, what='the second notification')


@case('the consume generator ends when its queue is deleted', queues=['generator'])
def generator(broker):
    channel = filled(broker, 'generator', 3)
    deleter = broker.channel()
    bodies = []
    for method, _, body in channel.consume('generator', inactivity_timeout=20):
        true(method is not None, 'no delivery and no end came')
        bodies.append(body)
        channel.basic_ack(method.delivery_tag)
        if len(bodies) == 3:
            deleter.queue_delete('generator')
    equal(bodies, [b'0', b'1', b'2'])


@case('an exclusive consumer keeps others out until it goes', queues=['alone'])
def exclusive_consumer(broker):
    channel = filled(broker, 'alone', 0)
    tag = Consumer(channel, 'alone', exclusive=True).tag
    try:
        Consumer(broker.channel(), 'alone')
        raise AssertionError('the second consumer was accepted')
    except pika.exceptions.ChannelClosedByBroker as closed:
        expected = (403, "ACCESS_REFUSED - queue 'alone' in vhost '/' in exclusive use")
        equal((closed.reply_code, closed.reply_text), expected, 'channel.close')
    channel.basic_cancel(tag)
    Consumer(broker.channel(), 'alone')


@case('server-named consumer tags, and consumer counts', queues=['tags'])
def consumer_tags(broker):
    connection = broker.connect()
    channel = connection.channel()
    channel.queue_declare('tags')
    consumers = [Consumer(connection.channel(), 'tags') for _ in range(3)]
    equal(len({consumer.tag for consumer in consumers}), 3, 'different tags')
    equal(channel.queue_declare('tags', passive=True).method.consumer_count, 3, 'consumers')
    consumers[0].channel.close()
    equal(channel.queue_declare('tags', passive=True).method.consumer_count, 2, 'consumers')


@case('delivery tags count over deliveries and gets of a channel', queues=['counted'])
def delivery_tags(broker):
    channel = filled(broker, 'counted', 2)
    method, _, _ = channel.basic_get('counted', auto_ack=True)
    equal(method.delivery_tag, 1, 'delivery tag')
    consumer = Consumer(channel, 'counted').wait(1)
    equal(consumer.methods[0].delivery_tag, 2, 'delivery tag')
    channel.basic_publish('', 'counted', 'x')
    consumer.wait(2)
    equal((consumer.methods[1].delivery_tag, consumer.methods[1].consumer_tag), (3, consumer.tag), 'delivery')


@case('consumers of one connection on many queues each get their own messages',
      queues=['own {}'.format(n) for n in range(20)])
def many_consumers(broker):
    connection = broker.connect()
    consumers = []
    for n in range(20):
        channel = connection.channel()
        channel.queue_declare('own {}'.format(n))
        consumers.append(Consumer(channel, 'own {}'.format(n), auto_ack=True))
    publisher = broker.channel()
    for m in range(10):
        for n in range(20):
            publisher.basic_publish('', 'own {}'.format(n), '{}/{}'.format(n, m))
    until(lambda: all(len(c.bodies) == 10 for c in consumers), connection, what='all deliveries')
    for n, consumer in enumerate(consumers):
        equal(consumer.bodies, ['{}/{}'.format(n, m).encode() for m in range(10)], 'queue {}'.format(n))


main()
