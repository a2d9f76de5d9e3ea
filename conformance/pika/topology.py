"""Exchanges, queues and bindings with pika: what exists when, and where messages go."""

import pika
from pika.exceptions import ChannelClosedByBroker

from harness import Consumer, case, cut, drain, equal, main, ready, serve, until, until_ready


def exists(broker, kind, name):
    """Whether a queue or exchange is there for another connection; one that is locked is there."""
    channel = broker.channel()
    try:
        if kind == 'queue':
            channel.queue_declare(name, passive=True)
        else:
            channel.exchange_declare(name, passive=True)
        return True
    except ChannelClosedByBroker as closed:
        if closed.reply_code == 405:
            return True
        equal(closed.reply_code, 404, 'reply code')
        return False


def bound_queues(channel, exchange, bindings):
    """Declares an exclusive queue for each (key, arguments). Returns the names."""
    names = []
    for key, arguments in bindings:
        queue = channel.queue_declare('', exclusive=True).method.queue
        channel.queue_bind(queue, exchange, key, arguments=arguments)
        names.append(queue)
    return names


@case('the predeclared exchanges are there')
def predeclared(broker):
    channel = broker.channel()
    for name, kind in [('amq.direct', 'direct'), ('amq.fanout', 'fanout'), ('amq.topic', 'topic'),
                       ('amq.headers', 'headers'), ('amq.match', 'headers')]:
        channel.exchange_declare(name, kind, durable=True)
        queue = channel.queue_declare('', exclusive=True).method.queue
        channel.queue_bind(queue, name, 'key', arguments={'x-match': 'all'} if kind == 'headers' else None)
        channel.basic_publish(name, 'key', name)
        equal(drain(channel, queue), [name.encode()])


@case('an exclusive queue is gone when close returns, and its name is free')
def exclusive_queue_end(broker):
    connection = broker.connect()
    connection.channel().queue_declare('mine', exclusive=True)
    connection.close()
    other = broker.connect()
    for durable in (False, True, False):
        other.channel().queue_declare('mine', exclusive=True, durable=durable)
        other.close()
        other = broker.connect()
    equal(exists(broker, 'queue', 'mine'), False, 'the queue exists')


@case('an exclusive queue goes when its connection is cut')
def exclusive_queue_cut(broker):
    connection = broker.connect()
    queue = connection.channel().queue_declare('', exclusive=True).method.queue
    equal(exists(broker, 'queue', queue), True, 'the queue exists')
    cut(connection)
    until(lambda: not exists(broker, 'queue', queue), what='the end of the queue')


@case('an auto-delete queue goes with its last consumer, not before', queues=['passing'])
def auto_delete_queue(broker):
    connection = broker.connect()
    channel, other = connection.channel(), connection.channel()
    channel.queue_declare('passing', auto_delete=True)
    channel.basic_publish('', 'passing', 'm')
    channel.basic_get('passing', auto_ack=True)
    equal(exists(broker, 'queue', 'passing'), True, 'the queue exists')
    first, second = Consumer(channel, 'passing'), Consumer(other, 'passing')
    channel.basic_cancel(first.tag)
    equal(exists(broker, 'queue', 'passing'), True, 'the queue exists')
    other.close()
    equal(exists(broker, 'queue', 'passing'), False, 'the queue exists')
    del second


@case('an auto-delete exchange goes with its last binding, not before', queues=['bound'], exchanges=['passing'])
def auto_delete_exchange(broker):
    channel = broker.channel()
    channel.exchange_declare('passing', 'direct', auto_delete=True)
    equal(exists(broker, 'exchange', 'passing'), True, 'the exchange exists')
    channel.queue_declare('bound')
    channel.queue_bind('bound', 'passing', 'a')
    channel.queue_bind('bound', 'passing', 'b')
    channel.queue_unbind('bound', 'passing', 'a')
    equal(exists(broker, 'exchange', 'passing'), True, 'the exchange exists')
    channel.queue_delete('bound')
    equal(exists(broker, 'exchange', 'passing'), False, 'the exchange exists')


@case('purge and delete say how many messages they drop', queues=['counted'])
def purge_and_delete(broker):
    channel = broker.channel()
    channel.queue_declare('counted')
    for n in range(5):
        channel.basic_publish('', 'counted', str(n))
    channel.basic_get('counted')
    equal(channel.queue_purge('counted').method.message_count, 4, 'purged')
    channel.basic_publish('', 'counted', 'x')
    equal(channel.queue_delete('counted').method.message_count, 1, 'deleted')
    equal(channel.queue_delete('counted').method.message_count, 0, 'a queue that is not there')
    channel.exchange_delete('there is no such exchange')


@case('unbinding takes away that binding only; doing it twice does no harm', exchanges=['keys'])
def unbind(broker):
    channel = broker.channel()
    channel.exchange_declare('keys', 'direct')
    [queue] = bound_queues(channel, 'keys', [('a', None)])
    channel.queue_bind(queue, 'keys', 'b')
    channel.queue_bind(queue, 'keys', 'b')
    for _ in range(2):
        channel.queue_unbind(queue, 'keys', 'a')
    for key in 'ab':
        channel.basic_publish('keys', key, key)
    equal(drain(channel, queue), [b'b'])


@case('a queue bound twice gets one copy', exchanges=['twice'])
def one_copy(broker):
    channel = broker.channel()
    channel.exchange_declare('twice', 'topic')
    [queue] = bound_queues(channel, 'twice', [('#', None)])
    for key in ('a.*', '*.b', 'a.b'):
        channel.queue_bind(queue, 'twice', key)
    channel.basic_publish('twice', 'a.b', 'once')
    equal(drain(channel, queue), [b'once'])


@case('topic patterns and empty words', exchanges=['patterns'])
def topic_patterns(broker):
    channel = broker.channel()
    channel.exchange_declare('patterns', 'topic')
    patterns = ['#', '', '*', 'a', 'a.#', '#.a', '#.a.#', 'a.*', '*.*', '.']
    queues = bound_queues(channel, 'patterns', [(pattern, None) for pattern in patterns])
    expected = {
        '': ['#', ''],
        'a': ['#', '*', 'a', 'a.#', '#.a', '#.a.#'],
        '.': ['#', '.', '*.*'],
        'a.': ['#', 'a.#', 'a.*', '*.*', '#.a.#'],
        'a..b': ['#', 'a.#', '#.a.#'],
    }
    for key, matching in expected.items():
        channel.basic_publish('patterns', key, 'm')
        hit = [pattern for pattern, queue in zip(patterns, queues) if drain(channel, queue)]
        equal(sorted(hit), sorted(matching), 'patterns that match {!r}'.format(key))


@case('a headers exchange matches all or any', exchanges=['matching'])
def headers_exchange(broker):
    channel = broker.channel()
    channel.exchange_declare('matching', 'headers')
    bindings = {
        'all': {'x-match': 'all', 'a': 1, 'b': 'two'},
        'by default': {'a': 1, 'b': 'two'},
        'any': {'x-match': 'any', 'a': 1, 'b': 'two'},
        'present': {'a': None},
        'everything': {'x-match': 'all'},
        'nothing': {'x-match': 'any'},
        'x- is skipped': {'x-match': 'all', 'a': 1, 'x-b': 'not looked at'},
        'x- counts': {'x-match': 'all-with-x', 'x-b': 'looked at'},
        'any x- counts': {'x-match': 'any-with-x', 'x-b': 'looked at', 'a': 7},
    }
    queues = bound_queues(channel, 'matching', [('', arguments) for arguments in bindings.values()])
    messages = [
        ({'a': 1, 'b': 'two', 'c': 3}, ['all', 'any', 'by default', 'everything', 'present', 'x- is skipped']),
        ({'b': 'two'}, ['any', 'everything']),
        ({'a': '1'}, ['everything', 'present']),
        ({'x-b': 'looked at'}, ['any x- counts', 'everything', 'x- counts']),
        (None, ['everything']),
    ]
    for headers, matching in messages:
        channel.basic_publish('matching', 'ignored', 'm', pika.BasicProperties(headers=headers))
        hit = sorted(name for name, queue in zip(bindings, queues) if drain(channel, queue))
        equal(hit, sorted(matching), 'bindings that match {!r}'.format(headers))


@case('exchanges bound to exchanges pass messages on, even in circles', exchanges=['upper', 'lower', 'hidden'])
def exchange_to_exchange(broker):
    channel = broker.channel()
    channel.exchange_declare('upper', 'topic')
    channel.exchange_declare('lower', 'direct')
    channel.exchange_declare('hidden', 'fanout', internal=True)
    channel.exchange_bind(destination='lower', source='upper', routing_key='a.#')
    channel.exchange_bind(destination='hidden', source='lower', routing_key='a.b')
    channel.exchange_bind(destination='upper', source='hidden')
    queues = bound_queues(channel, 'hidden', [('', None)]) + bound_queues(channel, 'upper', [('a.b', None)])
    for key in ('a.b', 'a.c'):
        channel.basic_publish('upper', key, key)
    method, _, body = channel.basic_get(queues[0], auto_ack=True)
    equal((method.exchange, method.routing_key, body), ('upper', 'a.b', b'a.b'), 'message')
    equal([drain(channel, queue) for queue in queues], [[], [b'a.b']])
    channel.exchange_unbind(destination='lower', source='upper', routing_key='a.#')
    channel.basic_publish('upper', 'a.b', 'not passed on')
    equal([drain(channel, queue) for queue in queues], [[], [b'not passed on']])


@case('an empty queue name means the queue declared last on the channel', exchanges=['shorthand'])
def last_declared(broker):
    channel = broker.channel()
    channel.exchange_declare('shorthand', 'direct')
    queue = channel.queue_declare('', exclusive=True).method.queue
    channel.queue_bind('', 'shorthand', 'key')
    channel.basic_publish('shorthand', 'key', 'm')
    equal(drain(channel, ''), [b'm'])
    channel.basic_publish('', queue, 'm')
    equal(channel.queue_purge('').method.message_count, 1, 'purged')
    channel.queue_delete('')


@case('deleting an exchange ends its bindings', queues=['survivor'], exchanges=['reborn'])
def exchange_deleted(broker):
    channel = broker.channel()
    channel.exchange_declare('reborn', 'fanout')
    channel.queue_declare('survivor')
    channel.queue_bind('survivor', 'reborn')
    channel.exchange_delete('reborn')
    channel.exchange_declare('reborn', 'fanout')
    channel.basic_publish('reborn', '', 'm')
    equal(ready(channel, 'survivor'), 0, 'ready messages')


@case('a message for a consumer of a queue that is deleted can still be settled', queues=['deleted'])
def settle_after_delete(broker):
    channel = broker.channel()
    channel.queue_declare('deleted')
    channel.basic_publish('', 'deleted', 'a')
    channel.basic_publish('', 'deleted', 'b')
    until_ready(channel, 'deleted', 2)
    tags = [channel.basic_get('deleted')[0].delivery_tag for _ in range(2)]
    broker.channel().queue_delete('deleted')
    channel.basic_ack(tags[0])
    channel.basic_nack(tags[1], requeue=True)
    serve(channel.connection)
    channel.queue_declare('', exclusive=True)


main()
