"""The programs that RabbitMQ teaches, and more, with pika's SelectConnection."""

import pika

from select_harness import case, equal, main, true

PERSISTENT = pika.BasicProperties(delivery_mode=2)


class Inbox:
    """What a consumer received."""

    def __init__(self):
        self.methods = []
        self.bodies = []

    def on_message(self, _channel, method, _properties, body):
        self.methods.append(method)
        self.bodies.append(body)


def open_channel(loop, **changes):
    connection = yield loop.connect(**changes)
    return (yield loop.channel(connection))


def consume(channel, queue, auto_ack=False):
    """Starts a consumer. Returns its inbox."""
    inbox = Inbox()
    yield lambda done: channel.basic_consume(queue, inbox.on_message, auto_ack=auto_ack, callback=done)
    return inbox


def until_ready(channel, queue, count):
    """Waits until the queue has so many ready messages; RabbitMQ may count before it has taken all that was sent."""
    while True:
        declared = yield lambda done: channel.queue_declare(queue, passive=True, callback=done)
        if declared.method.message_count == count:
            return


def bound_inbox(loop, exchange, kind, keys):
    """A connection with an exclusive server-named queue that is bound to the exchange with these keys."""
    channel = yield from open_channel(loop)
    yield lambda done: channel.exchange_declare(exchange, kind, callback=done)
    declared = yield lambda done: channel.queue_declare('', exclusive=True, callback=done)
    queue = declared.method.queue
    true(queue.startswith('amq.gen-'), 'the server names the queue, got ' + queue)
    for key in keys:
        yield lambda done, key=key: channel.queue_bind(queue, exchange, key, callback=done)
    return (yield from consume(channel, queue, auto_ack=True))


@case('select: hello world', queues=['hello'])
def hello_world(loop):
    sender = yield from open_channel(loop)
    declared = yield lambda done: sender.queue_declare('hello', callback=done)
    equal((declared.method.queue, declared.method.message_count), ('hello', 0), 'declare-ok')
    sender.basic_publish(exchange='', routing_key='hello', body='Hello World!')
    receiver = yield from open_channel(loop)
    inbox = yield from consume(receiver, 'hello', auto_ack=True)
    yield loop.until(lambda: inbox.bodies == [b'Hello World!'])


@case('select: article: hello with delivery_mode 2 and automatic acknowledgement', queues=['hello'])
def hello_article(loop):
    channel = yield from open_channel(loop)
    yield lambda done: channel.queue_declare('hello', callback=done)
    for n in range(5):
        channel.basic_publish('', 'hello', str(n), PERSISTENT)
    inbox = yield from consume(channel, 'hello', auto_ack=True)
    yield loop.until(lambda: inbox.bodies == [b'0', b'1', b'2', b'3', b'4'])


@case('select: work queue with prefetch 1 and a worker that dies', queues=['task_queue'])
def work_queue(loop):
    boss = yield from open_channel(loop)
    yield lambda done: boss.queue_declare('task_queue', durable=True, callback=done)
    for n in range(4):
        boss.basic_publish('', 'task_queue', 'task {}'.format(n), PERSISTENT)
    workers = []
    for _ in range(2):
        channel = yield from open_channel(loop)
        yield lambda done, channel=channel: channel.basic_qos(prefetch_count=1, callback=done)
        workers.append((channel, (yield from consume(channel, 'task_queue'))))
    (busy, held), (idle, done_tasks) = workers
    yield loop.until(lambda: held.bodies and done_tasks.bodies)
    for n in range(3):
        yield loop.until(lambda n=n: len(done_tasks.bodies) == n + 1)
        idle.basic_ack(done_tasks.methods[n].delivery_tag)
    yield loop.pause()
    equal((held.bodies, done_tasks.bodies), ([b'task 0'], [b'task 1', b'task 2', b'task 3']), 'shares')
    busy.connection.close()
    yield loop.until(lambda: len(done_tasks.bodies) == 4)
    equal((done_tasks.bodies[3], done_tasks.methods[3].redelivered), (b'task 0', True), 'redelivery')
    idle.basic_ack(done_tasks.methods[3].delivery_tag)


@case('select: publish and subscribe', exchanges=['logs'])
def logs(loop):
    inboxes = []
    for _ in range(2):
        inboxes.append((yield from bound_inbox(loop, 'logs', 'fanout', [''])))
    emitter = yield from open_channel(loop)
    for n in range(3):
        emitter.basic_publish('logs', '', 'log {}'.format(n))
    yield loop.until(lambda: all(inbox.bodies == [b'log 0', b'log 1', b'log 2'] for inbox in inboxes))


@case('select: routing by severity', exchanges=['direct_logs'])
def direct_logs(loop):
    errors = yield from bound_inbox(loop, 'direct_logs', 'direct', ['error'])
    others = yield from bound_inbox(loop, 'direct_logs', 'direct', ['info', 'warning'])
    emitter = yield from open_channel(loop)
    for severity in ['info', 'error', 'debug', 'warning', 'error']:
        emitter.basic_publish('direct_logs', severity, severity)
    yield loop.until(lambda: (errors.bodies, others.bodies) == ([b'error', b'error'], [b'info', b'warning']))


@case('select: topics with * and #', exchanges=['topic_logs'])
def topic_logs(loop):
    everything = yield from bound_inbox(loop, 'topic_logs', 'topic', ['#'])
    kern = yield from bound_inbox(loop, 'topic_logs', 'topic', ['kern.*'])
    critical = yield from bound_inbox(loop, 'topic_logs', 'topic', ['*.critical'])
    emitter = yield from open_channel(loop)
    keys = ['kern.info', 'kern.critical', 'cron.critical', 'cron.a.critical']
    for key in keys:
        emitter.basic_publish('topic_logs', key, key)
    yield loop.until(lambda: everything.bodies == [key.encode() for key in keys])
    yield loop.until(lambda: kern.bodies == [b'kern.info', b'kern.critical'])
    yield loop.until(lambda: critical.bodies == [b'kern.critical', b'cron.critical'])


@case('select: RPC with reply_to and correlation_id', queues=['rpc_queue'])
def rpc(loop):
    server = yield from open_channel(loop)
    yield lambda done: server.queue_declare('rpc_queue', callback=done)

    def on_request(channel, method, properties, body):
        answer = pika.BasicProperties(correlation_id=properties.correlation_id)
        channel.basic_publish('', properties.reply_to, str(int(body) ** 2), answer)
        channel.basic_ack(method.delivery_tag)

    yield lambda done: server.basic_consume('rpc_queue', on_request, callback=done)
    client = yield from open_channel(loop)
    declared = yield lambda done: client.queue_declare('', exclusive=True, callback=done)
    answers = {}

    def on_answer(_channel, _method, properties, body):
        answers[properties.correlation_id] = int(body)

    yield lambda done: client.basic_consume(declared.method.queue, on_answer, auto_ack=True, callback=done)
    for n in range(10):
        properties = pika.BasicProperties(reply_to=declared.method.queue, correlation_id='id {}'.format(n))
        client.basic_publish('', 'rpc_queue', str(n), properties)
    yield loop.until(lambda: answers == {'id {}'.format(n): n * n for n in range(10)})


@case('select: asynchronous confirms cover every message once, returns come before them', queues=['confirmed'])
def confirms(loop):
    channel = yield from open_channel(loop)
    yield lambda done: channel.queue_declare('confirmed', durable=True, callback=done)
    events, confirmed = [], set()

    def on_confirm(frame):
        first = 1 if frame.method.multiple else frame.method.delivery_tag
        tags = set(range(first, frame.method.delivery_tag + 1)) - confirmed
        true(isinstance(frame.method, pika.spec.Basic.Ack) and tags, 'an ack for messages that had none')
        confirmed.update(tags)
        events.extend(('confirmed', tag) for tag in tags)

    channel.add_on_return_callback(lambda _channel, _method, _properties, body: events.append(('returned', int(body))))
    yield lambda done: channel.confirm_delivery(on_confirm, callback=done)
    for n in range(1, 1001):
        key = 'confirmed' if n % 100 else 'there is no such queue'
        channel.basic_publish('', key, str(n), PERSISTENT, mandatory=True)
    yield loop.until(lambda: len(confirmed) == 1000)
    equal(confirmed, set(range(1, 1001)), 'confirmed')
    for n in range(100, 1001, 100):
        true(events.index(('returned', n)) < events.index(('confirmed', n)), 'message {} returns first'.format(n))
    yield from until_ready(channel, 'confirmed', 990)


@case('select: an error closes the channel with its code and text')
def channel_error(loop):
    connection = yield loop.connect()
    channel = yield loop.channel(connection)
    channel.queue_declare('nowhere', passive=True)
    channel.queue_declare('also nowhere', passive=True)
    yield loop.until(lambda: channel.closed is not None)
    expected = (404, "NOT_FOUND - no queue 'nowhere' in vhost '/'")
    equal((channel.closed.reply_code, channel.closed.reply_text), expected, 'channel.close')
    true(connection.is_open, 'the connection is open')
    again = yield loop.channel(connection)
    yield lambda done: again.queue_declare('', exclusive=True, callback=done)


@case('select: a consumer hears that its queue was deleted', queues=['doomed'])
def cancelled(loop):
    channel = yield from open_channel(loop)
    yield lambda done: channel.queue_declare('doomed', callback=done)
    seen = []
    channel.add_on_cancel_callback(seen.append)
    inbox = Inbox()
    yield lambda done: channel.basic_consume('doomed', inbox.on_message, consumer_tag='tag', callback=done)
    other = yield from open_channel(loop)
    yield lambda done: other.queue_delete('doomed', callback=done)
    yield loop.until(lambda: [frame.method.consumer_tag for frame in seen] == ['tag'])
    yield lambda done: channel.queue_declare('doomed', callback=done)


@case('select: methods without waiting are done in order', queues=['no wait'], exchanges=['no wait'])
def no_wait(loop):
    channel = yield from open_channel(loop)
    # Without a callback pika asks the broker not to answer.
    channel.exchange_declare('no wait', 'direct')
    channel.queue_declare('no wait')
    channel.queue_bind('no wait', 'no wait', 'key')
    channel.basic_publish('no wait', 'key', 'm')
    channel.basic_publish('no wait', 'key', 'n')
    yield from until_ready(channel, 'no wait', 2)
    channel.queue_purge('no wait')
    inbox = Inbox()
    channel.basic_consume('no wait', inbox.on_message, auto_ack=True)
    channel.basic_publish('no wait', 'key', 'o')
    yield loop.until(lambda: inbox.bodies == [b'o'])


@case('select: many requests in flight are answered in order')
def pipelined(loop):
    channel = yield from open_channel(loop)
    names = []
    for n in range(200):
        channel.basic_publish('', 'nobody', str(n))
    for channel_number in range(20):
        other = yield loop.channel(channel.connection)
        name = 'pipelined {}'.format(channel_number)
        other.queue_declare(name, exclusive=True, callback=lambda frame: names.append(frame.method.queue))
    yield loop.until(lambda: len(names) == 20)
    equal(sorted(names), sorted('pipelined {}'.format(n) for n in range(20)), 'declared queues')


@case('select: closing politely ends with code 200')
def close(loop):
    connection = yield loop.connect()
    yield loop.channel(connection)
    connection.close()
    yield loop.until(lambda: connection.closed is not None)
    equal((connection.closed.reply_code, connection.closed.reply_text), (200, 'Normal shutdown'), 'the end')


@case('select: a wrong password is refused')
def wrong_password(loop):
    outcome = yield loop.connect(credentials=pika.PlainCredentials('guest', 'wrong'))
    true(isinstance(outcome, pika.exceptions.ProbableAuthenticationError), 'the refusal, got {!r}'.format(outcome))


main()
