"""Publishing with pika: confirms, returns, transactions, properties and bodies of all kinds."""

from datetime import datetime
from decimal import Decimal

import pika
from pika.exceptions import UnroutableError

from harness import Consumer, case, closes_channel, drain, equal, main, ready, true, until, until_ready

UNROUTABLE = 'there is no such queue'


@case('an unroutable mandatory message with confirms raises UnroutableError')
def unroutable(broker):
    channel = broker.channel()
    channel.confirm_delivery()
    properties = pika.BasicProperties(message_id='m1', headers={'a': 1}, delivery_mode=2)
    try:
        channel.basic_publish('', UNROUTABLE, 'come back', properties, mandatory=True)
    except UnroutableError as error:
        equal(len(error.messages), 1, 'returned messages')
        returned = error.messages[0]
        method = returned.method
        equal((method.reply_code, method.reply_text), (312, 'NO_ROUTE'), 'reply')
        equal((method.exchange, method.routing_key, returned.body), ('', UNROUTABLE, b'come back'), 'basic.return')
        equal(returned.properties.message_id, 'm1')
        equal((returned.properties.headers, returned.properties.delivery_mode), ({'a': 1}, 2), 'properties')
        return
    raise AssertionError('no UnroutableError')


@case('a routed mandatory message and an unroutable one that is not mandatory are confirmed', queues=['routed'])
def routed(broker):
    channel = broker.channel()
    channel.queue_declare('routed')
    channel.confirm_delivery()
    channel.basic_publish('', 'routed', 'here', mandatory=True)
    channel.basic_publish('', UNROUTABLE, 'nowhere')
    equal(drain(channel, 'routed'), [b'here'])


@case('without confirms a mandatory message comes back to the return callback', exchanges=['lonely'])
def returned(broker):
    channel = broker.channel()
    channel.exchange_declare('lonely', 'topic')
    seen = []
    channel.add_on_return_callback(lambda _channel, method, properties, body: seen.append((method, body)))
    channel.basic_publish('lonely', 'a.b', 'one', mandatory=True)
    channel.basic_publish('lonely', 'a.b', 'two')
    channel.basic_publish('lonely', 'a.c', b'', mandatory=True)
    until(lambda: len(seen) == 2, channel.connection, what='two returns')
    equal([(method.exchange, method.routing_key, body) for method, body in seen],
          [('lonely', 'a.b', b'one'), ('lonely', 'a.c', b'')], 'returns')


@case('headers of every type that pika knows come back as they were', queues=['headers'])
def headers_round_trip(broker):
    channel = broker.channel()
    channel.queue_declare('headers')
    headers = {
        'bool': True,
        'no': False,
        'int': -42,
        'zero': 0,
        'long': 2 ** 40,
        'decimal': Decimal('3.14'),
        'whole decimal': Decimal(7),
        'timestamp': datetime(2024, 2, 29, 12, 30, 59),
        'text': 'Grüße ☃',
        'empty': '',
        'bytes': bytes(range(256)),
        'void': None,
        'array': [1, 'two', False, None, [b'three', {'four': 4}]],
        'empty array': [],
        'table': {'nested': {'deeper': [1, 2, {'deepest': 'yes'}]}, 'x': 1},
        'empty table': {},
        'x-custom': 'kept',
        'k' * 255: 'a long name',
    }
    channel.basic_publish('', 'headers', 'h', pika.BasicProperties(headers=headers))
    _, properties, _ = channel.basic_get('headers', auto_ack=True)
    equal(properties.headers, headers, 'headers')


@case('all message properties come back as they were', queues=['properties'])
def properties_round_trip(broker):
    channel = broker.channel()
    channel.queue_declare('properties')
    sent = pika.BasicProperties(
        content_type='application/json', content_encoding='gzip', headers={'h': 'v'}, delivery_mode=2, priority=7,
        correlation_id='corr ☃', reply_to='somewhere', expiration='600000', message_id='id-1',
        timestamp=1700000000, type='kind', user_id='guest', app_id='conformance', cluster_id='cluster',
    )
    channel.basic_publish('', 'properties', '{}', sent)
    _, received, body = channel.basic_get('properties', auto_ack=True)
    equal((vars(received), body), (vars(sent), b'{}'), 'message')
    channel.basic_publish('', 'properties', 'bare', pika.BasicProperties())
    _, received, _ = channel.basic_get('properties', auto_ack=True)
    equal(vars(received), vars(pika.BasicProperties()), 'no properties')
    channel.basic_publish('', 'properties', 'empty table', pika.BasicProperties(headers={}))
    _, received, _ = channel.basic_get('properties', auto_ack=True)
    equal(received.headers, {}, 'an empty table')


@case('bodies of every size around the frame limit come back whole', queues=['sizes'])
def sizes(broker):
    channel = broker.channel(frame_max=8192)
    channel.queue_declare('sizes')
    bodies = [bytes(n % 251 for n in range(size)) for size in (0, 1, 8183, 8184, 8185, 8192, 16368, 16369, 100_000)]
    for body in bodies:
        channel.basic_publish('', 'sizes', body)
    consumer = Consumer(channel, 'sizes', auto_ack=True).wait(len(bodies))
    equal([len(body) for body in consumer.bodies], [len(body) for body in bodies], 'sizes')
    true(consumer.bodies == bodies, 'the bodies are the same')


@case('a message crosses from a connection with large frames to one with small frames and back', queues=['crossing'])
def crossing_frames(broker):
    large, small = broker.channel(frame_max=131072), broker.channel(frame_max=8192)
    large.queue_declare('crossing')
    body = bytes(n * 7 % 256 for n in range(1 << 20))
    for sender, receiver in ((large, small), (small, large)):
        sender.basic_publish('', 'crossing', body)
        until_ready(receiver, 'crossing', 1)
        true(receiver.basic_get('crossing', auto_ack=True)[2] == body, 'the body is the same')


@case('persistent bodies of 1 MiB are confirmed and delivered', queues=['large'])
def large_bodies(broker):
    channel = broker.channel()
    channel.queue_declare('large', durable=True)
    channel.confirm_delivery()
    bodies = [bytes([n]) * (1 << 20) for n in range(8)]
    for body in bodies:
        channel.basic_publish('', 'large', body, pika.BasicProperties(delivery_mode=2), mandatory=True)
    channel.basic_qos(prefetch_count=2)
    consumer = Consumer(channel, 'large')
    for n in range(8):
        consumer.wait(n + 1).ack(n)
    true(consumer.bodies == bodies, 'the bodies are the same')


@case('a message larger than 16 MiB is refused', queues=['too large'])
def too_large(broker):
    channel = broker.channel()
    channel.queue_declare('too large')

    def publish():
        channel.basic_publish('', 'too large', bytes(16777217))
        ready(channel, 'too large')

    text = 'PRECONDITION_FAILED - message size 16777217 is larger than configured max size 16777216'
    closes_channel(406, text, publish)


@case('a delivery mode other than 1 and 2 counts as transient', queues=['odd mode'])
def odd_delivery_mode(broker):
    channel = broker.channel()
    channel.queue_declare('odd mode', durable=True)
    properties = pika.BasicProperties()
    properties.delivery_mode = 3
    channel.basic_publish('', 'odd mode', 'm', properties)
    _, received, _ = channel.basic_get('odd mode', auto_ack=True)
    equal(received.delivery_mode, 3, 'delivery mode')


@case('routing keys and names are octets: UTF-8 and 255 octets', queues=['очередь ☃', 'q' * 255])
def odd_names(broker):
    channel = broker.channel()
    for name in ('очередь ☃', 'q' * 255):
        equal(channel.queue_declare(name).method.queue, name, 'declared queue')
        channel.basic_publish('', name, 'x')
        method, _, _ = channel.basic_get(name, auto_ack=True)
        equal(method.routing_key, name, 'routing key')


@case('a transaction publishes at commit', queues=['tx'])
def commit(broker):
    channel, observer = broker.channel(), broker.channel()
    channel.queue_declare('tx')
    channel.tx_select()
    channel.basic_publish('', 'tx', 'one')
    channel.basic_publish('', 'tx', 'two')
    equal((ready(channel, 'tx'), ready(observer, 'tx')), (0, 0), 'ready before the commit')
    channel.tx_commit()
    equal(drain(observer, 'tx'), [b'one', b'two'])


@case('a rollback forgets what was published and settled', queues=['tx'])
def rollback(broker):
    channel = broker.channel()
    channel.queue_declare('tx')
    channel.basic_publish('', 'tx', 'old')
    channel.tx_select()
    method, _, _ = channel.basic_get('tx')
    channel.basic_ack(method.delivery_tag)
    channel.basic_publish('', 'tx', 'new')
    channel.tx_rollback()
    equal(ready(channel, 'tx'), 0, 'ready: the message is unacked again')
    channel.basic_ack(method.delivery_tag)
    channel.tx_commit()
    channel.connection.close()
    observer = broker.channel()
    equal(drain(observer, 'tx'), [])


@case('an acknowledgement in a transaction holds only after the commit', queues=['tx'])
def uncommitted_ack(broker):
    channel, observer = broker.channel(), broker.channel()
    channel.queue_declare('tx')
    channel.basic_publish('', 'tx', 'kept')
    channel.tx_select()
    method, _, _ = channel.basic_get('tx')
    channel.basic_ack(method.delivery_tag)
    channel.connection.close()
    until_ready(observer, 'tx', 1)
    method, _, body = observer.basic_get('tx', auto_ack=True)
    equal((body, method.redelivered), (b'kept', True), 'message')


@case('mandatory messages of a transaction return at commit')
def return_at_commit(broker):
    channel = broker.channel()
    seen = []
    channel.add_on_return_callback(lambda *returned: seen.append(returned))
    channel.tx_select()
    channel.basic_publish('', UNROUTABLE, 'm', mandatory=True)
    channel.queue_declare('', exclusive=True)
    channel.connection.process_data_events()
    equal(len(seen), 0, 'returns before the commit')
    channel.tx_commit()
    until(lambda: len(seen) == 1, channel.connection, what='the return')


@case('commit without tx.select is refused, as is mixing transactions and confirms')
def transaction_errors(broker):
    connection = broker.connect()
    closes_channel(406, 'PRECONDITION_FAILED - channel is not transactional', connection.channel().tx_commit)
    closes_channel(406, 'PRECONDITION_FAILED - channel is not transactional', connection.channel().tx_rollback)
    confirming, transactional = connection.channel(), connection.channel()
    confirming.confirm_delivery()
    transactional.tx_select()
    closes_channel(406, 'PRECONDITION_FAILED - cannot switch from confirm to tx mode', confirming.tx_select)
    text = 'PRECONDITION_FAILED - cannot switch from tx to confirm mode'
    closes_channel(406, text, transactional.confirm_delivery)


@case('the user-id of a message must be the one that logged in', queues=['user'])
def user_id(broker):
    channel = broker.channel()
    channel.queue_declare('user')

    def publish():
        channel.basic_publish('', 'user', 'm', pika.BasicProperties(user_id='somebody'))
        ready(channel, 'user')

    text = "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'"
    closes_channel(406, text, publish)


@case('ten thousand messages arrive in order', queues=['many'])
def many_messages(broker):
    publisher, channel = broker.channel(), broker.channel()
    publisher.queue_declare('many')
    channel.basic_qos(prefetch_count=500)
    received = []

    def on_message(ch, method, _properties, body):
        received.append(int(body))
        if len(received) % 100 == 0:
            ch.basic_ack(method.delivery_tag, multiple=True)

    channel.basic_consume('many', on_message)
    for n in range(10_000):
        publisher.basic_publish('', 'many', str(n))
    until(lambda: len(received) == 10_000, channel.connection, publisher.connection, what='all messages')
    equal(received, list(range(10_000)), 'order')


main()
