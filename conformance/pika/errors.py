"""What pika users see when they do something that RabbitMQ refuses: the exact codes and texts."""

import pika

from harness import Consumer, case, closes_channel, closes_connection, equal, main, ready, true, until_ready

LOCKED = (
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{}' in vhost '/'. It could be originally "
    'declared on another connection or the exclusive property value does not match that of the original declaration.'
)


def locked(queue):
    text = LOCKED.format(queue)
    return text if len(text) <= 255 else text[:252] + '...'


def inequivalent(field, what, received, current):
    return "PRECONDITION_FAILED - inequivalent arg '{}' for {} in vhost '/': received {} but current is {}".format(
        field, what, received, current)


@case('404: queues and exchanges that are not there')
def not_found(broker):
    connection = broker.connect()
    no_queue = "NOT_FOUND - no queue 'nowhere' in vhost '/'"
    no_exchange = "NOT_FOUND - no exchange 'nowhere' in vhost '/'"
    actions = [
        (no_queue, lambda ch: ch.queue_declare('nowhere', passive=True)),
        (no_queue, lambda ch: ch.queue_purge('nowhere')),
        (no_queue, lambda ch: ch.basic_get('nowhere')),
        (no_queue, lambda ch: ch.basic_consume('nowhere', print)),
        (no_queue, lambda ch: ch.queue_bind('nowhere', 'amq.fanout')),
        (no_exchange, lambda ch: ch.exchange_declare('nowhere', passive=True)),
        (no_exchange, lambda ch: ch.exchange_bind('nowhere', 'amq.fanout')),
        (no_exchange, lambda ch: ch.exchange_bind('amq.fanout', 'nowhere')),
        (no_exchange, lambda ch: ch.queue_bind('neither', 'nowhere')),
        (no_exchange, lambda ch: (ch.basic_publish('nowhere', 'key', 'm'), ch.basic_qos())),
        ('NOT_FOUND - no previously declared queue', lambda ch: ch.basic_get('')),
        ('NOT_FOUND - no previously declared queue', lambda ch: ch.queue_bind('', 'amq.fanout')),
    ]
    for text, action in actions:
        channel = connection.channel()
        closes_channel(404, text, lambda: action(channel))
        true(channel.is_closed and connection.is_open, 'the channel closes, the connection stays')


@case('404: a confirmed publish to an exchange that is not there')
def confirmed_not_found(broker):
    channel = broker.channel()
    channel.confirm_delivery()
    text = "NOT_FOUND - no exchange 'nowhere' in vhost '/'"
    closes_channel(404, text, lambda: channel.basic_publish('nowhere', 'key', 'm'))


@case('406: a queue declared differently', queues=['declared'])
def inequivalent_queue(broker):
    connection = broker.connect()
    connection.channel().queue_declare('declared', durable=True)
    queue = "queue 'declared'"
    closes_channel(406, inequivalent('durable', queue, "'false'", "'true'"),
                   lambda: connection.channel().queue_declare('declared'))
    closes_channel(406, inequivalent('auto_delete', queue, "'true'", "'false'"),
                   lambda: connection.channel().queue_declare('declared', durable=True, auto_delete=True))
    equal(connection.channel().queue_declare('declared', passive=True, auto_delete=True).method.message_count, 0)


@case('406: an exchange declared differently', exchanges=['declared'])
def inequivalent_exchange(broker):
    connection = broker.connect()
    connection.channel().exchange_declare('declared', 'direct')
    exchange = "exchange 'declared'"
    closes_channel(406, inequivalent('type', exchange, "'fanout'", "'direct'"),
                   lambda: connection.channel().exchange_declare('declared', 'fanout', durable=True))
    closes_channel(406, inequivalent('durable', exchange, "'true'", "'false'"),
                   lambda: connection.channel().exchange_declare('declared', 'direct', durable=True))
    closes_channel(406, inequivalent('auto_delete', exchange, "'true'", "'false'"),
                   lambda: connection.channel().exchange_declare('declared', 'direct', auto_delete=True))
    closes_channel(406, inequivalent('internal', exchange, "'true'", "'false'"),
                   lambda: connection.channel().exchange_declare('declared', 'direct', internal=True))
    connection.channel().exchange_declare('declared', 'topic', passive=True)


@case('406: an exchange type that is not known')
def unknown_type(broker):
    channel = broker.channel()
    closes_channel(406, "PRECONDITION_FAILED - unknown exchange type 'nonsense'",
                   lambda: channel.exchange_declare('odd', 'nonsense'))


@case('405: a queue that another connection has for itself')
def exclusive_queue(broker):
    broker.channel().queue_declare('private', exclusive=True)
    other = broker.connect()
    actions = [
        lambda ch: ch.queue_declare('private'),
        lambda ch: ch.queue_declare('private', exclusive=True),
        lambda ch: ch.queue_declare('private', passive=True),
        lambda ch: ch.basic_get('private'),
        lambda ch: ch.basic_consume('private', print),
        lambda ch: ch.queue_purge('private'),
        lambda ch: ch.queue_delete('private'),
        lambda ch: ch.queue_bind('private', 'amq.fanout'),
    ]
    for action in actions:
        closes_channel(405, locked('private'), lambda: action(other.channel()))
    other.channel().basic_publish('', 'private', 'anybody may publish')


@case('405: exclusive or not is compared before everything else', queues=['public'])
def exclusive_mismatch(broker):
    connection = broker.connect()
    connection.channel().queue_declare('public', durable=True)
    connection.channel().queue_declare('own', exclusive=True)
    closes_channel(405, locked('public'), lambda: connection.channel().queue_declare('public', exclusive=True))
    closes_channel(405, locked('own'), lambda: connection.channel().queue_declare('own', durable=True))
    connection.channel().queue_declare('own', exclusive=True, durable=True)


@case('403: reserved names and the default exchange', exchanges=['inside'])
def access_refused(broker):
    connection = broker.connect()
    connection.channel().exchange_declare('inside', 'fanout', internal=True)
    named = connection.channel().queue_declare('', exclusive=True).method.queue
    default = 'ACCESS_REFUSED - operation not permitted on the default exchange'
    reserved = "ACCESS_REFUSED - {} name '{}' contains reserved prefix 'amq.*'"
    actions = [
        (reserved.format('queue', 'amq.mine'), lambda ch: ch.queue_declare('amq.mine')),
        (reserved.format('queue', named), lambda ch: ch.queue_declare(named, exclusive=True)),
        (reserved.format('exchange', 'amq.mine'), lambda ch: ch.exchange_declare('amq.mine', 'direct')),
        (default, lambda ch: ch.exchange_declare('', 'direct', durable=True)),
        (default, lambda ch: ch.exchange_delete('')),
        (default, lambda ch: ch.queue_bind(named, '', 'key')),
        (default, lambda ch: ch.queue_unbind(named, '', named)),
        (default, lambda ch: ch.exchange_bind('', 'amq.fanout')),
        ("ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
         lambda ch: ch.exchange_delete('amq.direct')),
        ("ACCESS_REFUSED - cannot publish to internal exchange 'inside' in vhost '/'",
         lambda ch: (ch.basic_publish('inside', '', 'm'), ch.basic_qos())),
    ]
    for text, action in actions:
        closes_channel(403, text, lambda: action(connection.channel()))
    connection.channel().queue_declare(named, passive=True)


@case('406: deleting what is in use or not empty', queues=['busy'], exchanges=['busy'])
def in_use(broker):
    connection = broker.connect()
    channel = connection.channel()
    channel.exchange_declare('busy', 'fanout')
    channel.queue_declare('busy')
    channel.queue_bind('busy', 'busy')
    channel.basic_publish('', 'busy', 'm')
    closes_channel(406, "PRECONDITION_FAILED - queue 'busy' in vhost '/' not empty",
                   lambda: connection.channel().queue_delete('busy', if_empty=True))
    consumer = Consumer(channel, 'busy').wait(1)
    closes_channel(406, "PRECONDITION_FAILED - queue 'busy' in vhost '/' in use",
                   lambda: connection.channel().queue_delete('busy', if_unused=True))
    closes_channel(406, "PRECONDITION_FAILED - exchange 'busy' in vhost '/' in use",
                   lambda: connection.channel().exchange_delete('busy', if_unused=True))
    channel.basic_cancel(consumer.tag)
    connection.channel().queue_delete('busy', if_unused=True, if_empty=True)
    connection.channel().exchange_delete('busy', if_unused=True)


@case('406: delivery tags that are not there', queues=['tags'])
def unknown_delivery_tag(broker):
    connection = broker.connect()
    connection.channel().queue_declare('tags')

    def settled_twice(ch):
        ch.basic_publish('', 'tags', 'm')
        tag = ch.basic_get('tags')[0].delivery_tag
        ch.basic_ack(tag)
        ch.basic_ack(tag)
        ch.basic_qos()

    def automatic(ch):
        ch.basic_publish('', 'tags', 'm')
        ch.basic_ack(ch.basic_get('tags', auto_ack=True)[0].delivery_tag)
        ch.basic_qos()

    text = 'PRECONDITION_FAILED - unknown delivery tag {}'
    closes_channel(406, text.format(7), lambda: (lambda ch: (ch.basic_ack(7), ch.basic_qos()))(connection.channel()))
    closes_channel(406, text.format(9), lambda: (lambda ch: (ch.basic_nack(9), ch.basic_qos()))(connection.channel()))
    closes_channel(406, text.format(8), lambda: (lambda ch: (ch.basic_reject(8), ch.basic_qos()))(connection.channel()))
    closes_channel(406, text.format(1), lambda: settled_twice(connection.channel()))
    closes_channel(406, text.format(1), lambda: automatic(connection.channel()))


@case('an error requeues what its channel had and leaves the other channels alone', queues=['kept'])
def error_is_local(broker):
    connection = broker.connect()
    healthy, failing = connection.channel(), connection.channel()
    healthy.queue_declare('kept')
    consumer = Consumer(healthy, 'kept')
    healthy.basic_publish('', 'kept', 'one')
    consumer.wait(1).ack(0)
    healthy.basic_cancel(consumer.tag)
    healthy.basic_publish('', 'kept', 'two')
    until_ready(healthy, 'kept', 1)
    failing.basic_get('kept')
    closes_channel(404, "NOT_FOUND - no queue 'nowhere' in vhost '/'", lambda: failing.queue_purge('nowhere'))
    method, _, body = healthy.basic_get('kept', auto_ack=True)
    equal((body, method.redelivered), (b'two', True), 'the message of the failed channel')
    again = connection.channel(failing.channel_number)
    equal(ready(again, 'kept'), 0, 'the number of the failed channel serves again')


@case('540: what RabbitMQ does not implement closes the connection')
def not_implemented(broker):
    closes_connection(540, 'NOT_IMPLEMENTED - prefetch_size!=0 (1)',
                      lambda: broker.channel().basic_qos(prefetch_size=1))
    closes_connection(540, 'NOT_IMPLEMENTED - requeue=false', lambda: broker.channel().basic_recover(requeue=False))
    closes_connection(540, 'NOT_IMPLEMENTED - active=false', lambda: broker.channel().flow(False))


@case('406: bad values for x-match')
def bad_bindings(broker):
    connection = broker.connect()
    queue = connection.channel().queue_declare('', exclusive=True).method.queue
    text = ('PRECONDITION_FAILED - Invalid x-match field value <<"some">>; '
            'expected all, any, all-with-x, or any-with-x')
    closes_channel(406, text,
                   lambda: connection.channel().queue_bind(queue, 'amq.headers', '', {'x-match': 'some'}))
    text = ('PRECONDITION_FAILED - Invalid x-match field type signedint (value 1); expected longstr')
    closes_channel(406, text, lambda: connection.channel().queue_bind(queue, 'amq.headers', '', {'x-match': 1}))


@case('530: a virtual host that is not there')
def no_vhost(broker):
    try:
        broker.connect(virtual_host='nowhere')
    except pika.exceptions.ProbableAccessDeniedError as refused:
        true("(530) 'NOT_ALLOWED - vhost nowhere not found'" in repr(refused), 'the refusal: {!r}'.format(refused))
        return
    raise AssertionError('the connection was opened')


main()
