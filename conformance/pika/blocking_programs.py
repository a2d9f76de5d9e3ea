"""The programs that RabbitMQ teaches, and those of well-known articles, with pika's BlockingConnection."""

import pika

from harness import Consumer, case, equal, main, ready, serve, true, until, until_ready

PERSISTENT = pika.BasicProperties(delivery_mode=2)


@case('hello world', queues=['hello'])
def hello_world(broker):
    sender = broker.connect()
    channel = sender.channel()
    channel.queue_declare(queue='hello')
    channel.basic_publish(exchange='', routing_key='hello', body='Hello World!')
    sender.close()

    receiver = broker.channel()
    receiver.queue_declare(queue='hello')
    received = []

    def callback(ch, method, properties, body):
        received.append(body)
        equal((method.exchange, method.routing_key, method.redelivered), ('', 'hello', False), 'delivery')
        ch.stop_consuming()

    receiver.basic_consume(queue='hello', on_message_callback=callback, auto_ack=True)
    receiver.start_consuming()
    equal(received, [b'Hello World!'])


@case('article: hello with delivery_mode 2 and automatic acknowledgement', queues=['hello'])
def hello_article(broker):
    channel = broker.channel()
    channel.queue_declare('hello')
    for n in range(10):
        channel.basic_publish('', 'hello', 'message {}'.format(n), pika.BasicProperties(delivery_mode=2))
    consumer = Consumer(channel, 'hello', auto_ack=True).wait(10)
    equal(consumer.bodies, ['message {}'.format(n).encode() for n in range(10)])
    equal({properties.delivery_mode for properties in consumer.properties}, {2}, 'delivery modes')
    equal(ready(channel, 'hello'), 0, 'ready messages')


@case('article: task_queue declared durable, twice', queues=['task_queue'])
def task_queue_article(broker):
    channel = broker.channel()
    declared = channel.queue_declare('task_queue', durable=True)
    equal(declared.method.queue, 'task_queue')
    again = channel.queue_declare('task_queue', durable=True).method
    equal((again.message_count, again.consumer_count), (0, 0), 'counts')


@case('article: publish to the fanout exchange logs without queues', exchanges=['logs'])
def logs_article(broker):
    channel = broker.channel()
    channel.exchange_declare('logs', 'fanout')
    channel.basic_publish(exchange='logs', routing_key='', body='nobody hears this')
    channel.exchange_declare('logs', 'fanout', passive=True)


def new_tasks(broker, count):
    channel = broker.channel()
    channel.queue_declare(queue='task_queue', durable=True)
    for n in range(count):
        channel.basic_publish(exchange='', routing_key='task_queue', body='task {}'.format(n), properties=PERSISTENT)
    until_ready(channel, 'task_queue', count)


def worker(broker, prefetch_count=1):
    channel = broker.channel()
    channel.queue_declare(queue='task_queue', durable=True)
    if prefetch_count:
        channel.basic_qos(prefetch_count=prefetch_count)
    return Consumer(channel, 'task_queue')


@case('work queue: two workers take turns', queues=['task_queue'])
def round_robin(broker):
    first, second = worker(broker, 0), worker(broker, 0)
    channel = broker.channel()
    for n in range(6):
        channel.basic_publish('', 'task_queue', str(n), PERSISTENT)
    first.wait(3)
    second.wait(3)
    equal((first.bodies, second.bodies), ([b'0', b'2', b'4'], [b'1', b'3', b'5']), 'shares')


@case('work queue: with prefetch 1 the idle worker gets what the busy one cannot take', queues=['task_queue'])
def fair_dispatch(broker):
    new_tasks(broker, 6)
    busy = worker(broker).wait(1)
    idle = worker(broker)
    for done in range(5):
        idle.wait(done + 1).ack(done)
    equal(busy.bodies, [b'task 0'], 'the busy worker')
    equal(idle.bodies, ['task {}'.format(n).encode() for n in range(1, 6)], 'the idle worker')
    serve(busy.channel.connection, idle.channel.connection)
    equal((len(busy.bodies), len(idle.bodies)), (1, 5), 'deliveries')
    busy.ack(0)
    until_ready(broker.channel(), 'task_queue', 0)


@case('work queue: the task of a worker that dies is redelivered', queues=['task_queue'])
def dying_worker(broker):
    new_tasks(broker, 2)
    dying = worker(broker).wait(1)
    survivor = worker(broker).wait(1)
    equal((dying.bodies, survivor.bodies), ([b'task 0'], [b'task 1']), 'first deliveries')
    dying.channel.connection.close()
    survivor.ack(0)
    survivor.wait(2)
    equal((survivor.bodies[1], survivor.methods[1].redelivered), (b'task 0', True), 'second delivery')
    survivor.ack(1)


@case('publish and subscribe: every log reaches every exclusive server-named queue', exchanges=['logs'])
def logs(broker):
    def receive_logs():
        channel = broker.channel()
        channel.exchange_declare(exchange='logs', exchange_type='fanout')
        queue = channel.queue_declare(queue='', exclusive=True).method.queue
        true(queue.startswith('amq.gen-'), 'the server names the queue, got ' + queue)
        channel.queue_bind(exchange='logs', queue=queue)
        return queue, Consumer(channel, queue, auto_ack=True)

    (one, first), (two, second) = receive_logs(), receive_logs()
    true(one != two, 'each queue has a name of its own')
    emitter = broker.channel()
    emitter.exchange_declare(exchange='logs', exchange_type='fanout')
    for n in range(3):
        emitter.basic_publish(exchange='logs', routing_key='', body='log {}'.format(n))
    expected = [b'log 0', b'log 1', b'log 2']
    equal((first.wait(3).bodies, second.wait(3).bodies), (expected, expected), 'logs')
    equal(first.methods[0].exchange, 'logs')


def subscriber(broker, exchange, kind, keys):
    channel = broker.channel()
    channel.exchange_declare(exchange=exchange, exchange_type=kind)
    queue = channel.queue_declare(queue='', exclusive=True).method.queue
    for key in keys:
        channel.queue_bind(exchange=exchange, queue=queue, routing_key=key)
    return Consumer(channel, queue, auto_ack=True)


def routed(consumers, last):
    """Waits until every consumer got the message that all are bound for. Returns what came before it."""
    for consumer in consumers:
        until(lambda: last in consumer.bodies, consumer.channel.connection, what='the last message')
    return [consumer.bodies[:-1] for consumer in consumers]


@case('routing: direct_logs by severity', exchanges=['direct_logs'])
def direct_logs(broker):
    errors = subscriber(broker, 'direct_logs', 'direct', ['error', 'end'])
    everything = subscriber(broker, 'direct_logs', 'direct', ['info', 'warning', 'error', 'end'])
    emitter = broker.channel()
    emitter.exchange_declare(exchange='direct_logs', exchange_type='direct')
    for severity in ['info', 'warning', 'error', 'debug', 'end']:
        emitter.basic_publish(exchange='direct_logs', routing_key=severity, body=severity)
    equal(routed([errors, everything], b'end'), [[b'error'], [b'info', b'warning', b'error']], 'severities')
    equal(errors.methods[0].routing_key, 'error')


@case('topics: topic_logs with * and #', exchanges=['topic_logs'])
def topic_logs(broker):
    patterns = [['#'], ['kern.*', 'end'], ['*.critical', 'end'], ['kern.*', '*.critical', 'end'], ['lazy.#', 'end']]
    consumers = [subscriber(broker, 'topic_logs', 'topic', keys) for keys in patterns]
    emitter = broker.channel()
    keys = ['kern.critical', 'kern.info', 'cron.critical', 'lazy', 'lazy.brown.fox', 'kern.a.critical']
    for key in keys + ['end']:
        emitter.basic_publish(exchange='topic_logs', routing_key=key, body=key)
    expected = [
        keys,
        ['kern.critical', 'kern.info'],
        ['kern.critical', 'cron.critical'],
        ['kern.critical', 'kern.info', 'cron.critical'],
        ['lazy', 'lazy.brown.fox'],
    ]
    equal(routed(consumers, b'end'), [[key.encode() for key in row] for row in expected], 'topics')


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class FibonacciRpcClient:
    """The client of the RPC tutorial, whose answers come through an exclusive callback queue."""

    def __init__(self, connection):
        self.connection = connection
        self.channel = connection.channel()
        self.callback_queue = self.channel.queue_declare(queue='', exclusive=True).method.queue
        self.answers = {}
        self.channel.basic_consume(self.callback_queue, self.on_response, auto_ack=True)

    def on_response(self, _channel, _method, properties, body):
        self.answers[properties.correlation_id] = int(body)

    def request(self, correlation_id, n):
        properties = pika.BasicProperties(reply_to=self.callback_queue, correlation_id=correlation_id)
        self.channel.basic_publish('', 'rpc_queue', str(n), properties)


@case('RPC with reply_to and correlation_id', queues=['rpc_queue'])
def rpc(broker):
    server = broker.channel()
    server.queue_declare(queue='rpc_queue')

    def on_request(ch, method, properties, body):
        answer = pika.BasicProperties(correlation_id=properties.correlation_id)
        ch.basic_publish('', properties.reply_to, str(fib(int(body))), answer)
        ch.basic_ack(delivery_tag=method.delivery_tag)

    server.basic_qos(prefetch_count=1)
    server.basic_consume(queue='rpc_queue', on_message_callback=on_request)

    client, other = FibonacciRpcClient(broker.connect()), FibonacciRpcClient(broker.connect())
    for n in range(12):
        client.request('client {}'.format(n), n)
    other.request('other', 15)
    until(
        lambda: len(client.answers) == 12 and len(other.answers) == 1,
        server.connection, client.connection, other.connection,
        what='all answers',
    )
    equal(client.answers, {'client {}'.format(n): fib(n) for n in range(12)}, 'answers')
    equal(other.answers, {'other': 610}, 'answers')


@case('publisher confirms, one at a time', queues=['confirmed'])
def confirms(broker):
    channel = broker.channel()
    channel.queue_declare('confirmed', durable=True)
    channel.confirm_delivery()
    for n in range(50):
        channel.basic_publish('', 'confirmed', str(n), PERSISTENT, mandatory=True)
    equal(ready(channel, 'confirmed'), 50, 'ready messages')


main()
