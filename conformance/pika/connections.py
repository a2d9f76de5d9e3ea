"""Connections and channels with pika: login, negotiation, heartbeats, many channels, closing."""

import time

import pika
from pika.exceptions import AMQPConnectionError, ProbableAuthenticationError

from harness import Consumer, case, cut, drain, equal, main, serve, true, until

REFUSED = (
    'ACCESS_REFUSED - Login was refused using authentication mechanism {}. For details see the broker logfile.'
)


def refuses_login(broker, user, password):
    """pika makes its own exception of the 403 that the broker answers because pika asks to be told."""
    started = time.monotonic()
    try:
        broker.connect(credentials=pika.PlainCredentials(user, password))
    except ProbableAuthenticationError as refused:
        true(REFUSED.format('PLAIN') in repr(refused), 'the text of the refusal: {!r}'.format(refused))
        true(time.monotonic() - started < 2.5, 'the refusal comes at once')
        return
    raise AssertionError('the login was accepted')


@case('a wrong password or an unknown user is refused at once')
def wrong_password(broker):
    refuses_login(broker, 'guest', 'wrong')
    refuses_login(broker, 'guest', '')
    refuses_login(broker, 'nobody', 'guest')


@case('the broker says that it is RabbitMQ and what it can do')
def server_properties(broker):
    connection = broker.connect()
    properties, capabilities = connection._impl.server_properties, connection._impl.server_capabilities
    equal(properties['product'], 'RabbitMQ', 'product')
    version = [int(part) for part in properties['version'].split('.')]
    true(len(version) == 3 and version >= [3, 10, 0], 'a version that clients can compare: {}'.format(version))
    for name in ('platform', 'information', 'copyright', 'cluster_name'):
        true(properties[name], 'the server property {}'.format(name))
    expected = ['authentication_failure_close', 'basic.nack', 'connection.blocked', 'consumer_cancel_notify',
                'consumer_priorities', 'direct_reply_to', 'exchange_exchange_bindings', 'per_consumer_qos',
                'publisher_confirms']
    equal(sorted(name for name, able in capabilities.items() if able), expected, 'capabilities')
    true(connection.basic_nack_supported and connection.consumer_cancel_notify_supported, 'pika sees them')


@case('the smaller of both limits is negotiated')
def negotiation(broker):
    connection = broker.connect(channel_max=7, frame_max=4096, heartbeat=17)
    parameters = connection._impl.params
    equal((parameters.channel_max, parameters.frame_max, parameters.heartbeat), (7, 4096, 17), 'negotiated')
    parameters = broker.connect()._impl.params
    equal((parameters.channel_max, parameters.frame_max, parameters.heartbeat), (2047, 131072, 60), 'the offer')
    broker.connect(heartbeat=0, blocked_connection_timeout=5).channel()


@case('a channel number above the number of channels allowed works')
def channel_numbers(broker):
    connection = broker.connect()
    channel = connection.channel(2047)
    channel.queue_declare('', exclusive=True)
    channel.close()
    connection.channel(2047).basic_qos(prefetch_count=1)


@case('500 channels on one connection, each with its own queue')
def many_channels(broker):
    connection = broker.connect()
    channels = [connection.channel() for _ in range(500)]
    queues = [channel.queue_declare('', exclusive=True).method.queue for channel in channels]
    for channel, queue in zip(channels, queues):
        channel.basic_publish('', queue, queue)
    for channel, queue in zip(reversed(channels), reversed(queues)):
        equal(drain(channel, queue), [queue.encode()])
    for channel in channels[::2]:
        channel.close()
    equal(len({connection.channel().channel_number for _ in range(250)}), 250, 'reopened channels')


@case('50 connections at once', queues=['shared'])
def many_connections(broker):
    channels = [broker.channel() for _ in range(50)]
    channels[0].queue_declare('shared')
    for n, channel in enumerate(channels):
        channel.basic_publish('', 'shared', str(n))
    bodies = []
    until(lambda: bodies.extend(drain(channels[0], 'shared')) or len(bodies) == 50, what='fifty messages')
    equal(sorted(int(body) for body in bodies), list(range(50)), 'messages')


@case('heartbeats keep a quiet connection')
def heartbeats(broker):
    connection = broker.connect(heartbeat=1)
    checker = connection._impl._heartbeat_checker
    until(lambda: checker._heartbeat_frames_received >= 4, connection, what='heartbeats from the broker')
    connection.channel().queue_declare('', exclusive=True)


@case('a connection whose heartbeats stop is closed')
def missed_heartbeats(broker):
    silent = broker.connect(heartbeat=1)
    queue = silent.channel().queue_declare('', exclusive=True).method.queue
    observer = broker.connect()

    def is_gone():
        try:
            observer.channel().queue_declare(queue, passive=True)
        except pika.exceptions.ChannelClosedByBroker as closed:
            return closed.reply_code == 404
        raise AssertionError('the exclusive queue is open to others')

    until(is_gone, observer, what='the end of the connection')
    try:
        serve(silent)
    except AMQPConnectionError:
        return
    raise AssertionError('the connection is still open')


@case('update-secret is answered')
def update_secret(broker):
    connection = broker.connect()
    connection.update_secret('guest', 'conformance')
    connection.channel().queue_declare('', exclusive=True)


@case('channel.flow active is answered')
def flow(broker):
    equal(broker.channel().flow(True), True, 'active')


@case('client properties of any type do no harm')
def client_properties(broker):
    properties = {'connection_name': 'conformance ☃', 'list': [1, {'a': None}], 'flag': True, 'big': 2 ** 40}
    broker.connect(client_properties=properties).channel()


@case('closing a connection settles nothing: its messages go to the next', queues=['handed over'])
def close_requeues(broker):
    connection = broker.connect()
    channel = connection.channel()
    channel.queue_declare('handed over')
    for n in range(3):
        channel.basic_publish('', 'handed over', str(n))
    consumer = Consumer(channel, 'handed over').wait(3)
    consumer.ack(0)
    connection.close()
    following = Consumer(broker.channel(), 'handed over').wait(2)
    equal(following.bodies, [b'1', b'2'])
    equal([method.redelivered for method in following.methods], [True, True], 'redelivered')


@case('a connection that is cut gives its messages back', queues=['handed back'])
def cut_requeues(broker):
    channel = broker.channel()
    channel.queue_declare('handed back')
    channel.basic_publish('', 'handed back', 'm')
    Consumer(channel, 'handed back').wait(1)
    cut(channel.connection)
    following = Consumer(broker.channel(), 'handed back').wait(1)
    equal((following.bodies, following.methods[0].redelivered), ([b'm'], True), 'the message')


main()
