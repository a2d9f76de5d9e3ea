"""
What pika leaves in a broker before a restart (`publish`) and finds after it (`verify`). The phases are processes of
their own; what the second expects is written down here.
"""

import sys

import pika

from harness import Consumer, case, closes_channel, drain, equal, main, ready, true, until_ready

COUNT = 300
HANDED_OUT = 10
SETTLED = (0, 1, 5)
LARGE = bytes(range(256)) * 4096
HEADERS = {'text': 'Grüße', 'list': [1, None, True], 'table': {'a': 1}}


def is_persistent(n):
    """Every tenth message is transient and must not come back."""
    return n % 10 != 9


def publish_cases():
    @case('pika publishes persistent and transient messages to task_queue')
    def _publish(broker):
        channel = broker.channel()
        channel.queue_declare('task_queue', durable=True)
        channel.confirm_delivery()
        for n in range(COUNT):
            properties = pika.BasicProperties(delivery_mode=2 if is_persistent(n) else 1, headers=HEADERS)
            channel.basic_publish('', 'task_queue', str(n), properties, mandatory=True)
        channel.basic_publish('', 'task_queue', LARGE, pika.BasicProperties(delivery_mode=2), mandatory=True)
        equal(ready(channel, 'task_queue'), COUNT + 1, 'ready messages')

    @case('pika settles a few and gives the others back')
    def _settle(broker):
        channel = broker.channel()
        channel.basic_qos(prefetch_count=HANDED_OUT)
        consumer = Consumer(channel, 'task_queue').wait(HANDED_OUT)
        channel.basic_cancel(consumer.tag)
        for n in SETTLED:
            consumer.ack(n)
        channel.close()
        until_ready(broker.channel(), 'task_queue', COUNT + 1 - len(SETTLED))

    @case('pika commits one transaction and leaves another open')
    def _transactions(broker):
        channel = broker.channel()
        channel.queue_declare('transactions', durable=True)
        channel.tx_select()
        channel.basic_publish('', 'transactions', 'committed', pika.BasicProperties(delivery_mode=2))
        channel.tx_commit()
        channel.basic_publish('', 'transactions', 'not committed', pika.BasicProperties(delivery_mode=2))
        channel.basic_qos()

    @case('pika declares durable and transient exchanges and queues')
    def _declare(broker):
        channel = broker.channel()
        channel.exchange_declare('durable', 'direct', durable=True)
        channel.exchange_declare('transient', 'direct')
        channel.exchange_bind('amq.fanout', 'durable', 'key')
        channel.queue_declare('transient')
        channel.queue_declare('exclusive', durable=True, exclusive=True)
        channel.queue_declare('bound', durable=True)
        channel.queue_bind('bound', 'amq.fanout')
        channel.queue_bind('bound', 'durable', 'unbound')
        channel.queue_unbind('bound', 'durable', 'unbound')
        channel.queue_bind('bound', 'amq.headers', '', {'x-match': 'all', 'a': 1, 'b': None})


def verify_cases():
    @case('pika finds its persistent messages in order, redelivered where they had been delivered')
    def _messages(broker):
        channel = broker.channel()
        expected = [n for n in range(COUNT) if is_persistent(n) and n not in SETTLED]
        declared = channel.queue_declare('task_queue', durable=True).method
        equal((declared.message_count, declared.consumer_count), (len(expected) + 1, 0), 'counts')
        consumer = Consumer(channel, 'task_queue', auto_ack=True).wait(len(expected) + 1)
        equal(consumer.bodies[:-1], [str(n).encode() for n in expected], 'order')
        true(consumer.bodies[-1] == LARGE, 'the large body is the same')
        redelivered = [n for n, method in zip(expected, consumer.methods) if method.redelivered]
        equal(redelivered, [n for n in expected if n < HANDED_OUT], 'redelivered')
        equal(consumer.properties[0].headers, HEADERS, 'headers')
        equal({properties.delivery_mode for properties in consumer.properties}, {2}, 'delivery modes')

    @case('pika finds what was committed and nothing else')
    def _transactions(broker):
        equal(drain(broker.channel(), 'transactions'), [b'committed'])

    @case('pika finds durable exchanges, queues and bindings as they were')
    def _declared(broker):
        channel = broker.channel()
        channel.exchange_declare('durable', 'direct', durable=True)
        channel.queue_declare('bound', durable=True)
        channel.basic_publish('durable', 'key', 'through both exchanges')
        channel.basic_publish('durable', 'unbound', 'nowhere')
        channel.basic_publish('amq.headers', '', 'by headers', pika.BasicProperties(headers={'a': 1, 'b': 2}))
        channel.basic_publish('amq.headers', '', 'not by headers', pika.BasicProperties(headers={'a': 2, 'b': 2}))
        equal(drain(channel, 'bound'), [b'through both exchanges', b'by headers'])
        text = ("PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'bound' in vhost '/': "
                "received 'false' but current is 'true'")
        closes_channel(406, text, lambda: channel.queue_declare('bound'))

    @case('pika finds transient and exclusive things gone')
    def _gone(broker):
        connection = broker.connect()
        for name in ('transient', 'exclusive'):
            text = "NOT_FOUND - no queue '{}' in vhost '/'".format(name)
            closes_channel(404, text, lambda: connection.channel().queue_declare(name, passive=True))
        text = "NOT_FOUND - no exchange 'transient' in vhost '/'"
        closes_channel(404, text, lambda: connection.channel().exchange_declare('transient', passive=True))


if sys.argv[1] == 'publish':
    publish_cases()
else:
    verify_cases()
main()
