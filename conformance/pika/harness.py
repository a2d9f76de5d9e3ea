"""
Runs the cases of one suite and reports each in the line protocol of ../lib/suite-process.js.

A case is a function with the decorator @case. It is given a Broker, which makes connections and closes them afterwards,
and deletes the queues and exchanges that the case names, before and after it.
"""

import os
import socket
import sys
import time
import traceback

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker, ConnectionClosedByBroker

WAIT_SECONDS = 20

_cases = []


def case(title, queues=(), exchanges=()):
    """Declares a case. `queues` and `exchanges` are durable or shared names that it leaves behind."""

    def declare(function):
        _cases.append((title, function, queues, exchanges))
        return function

    return declare


def main():
    """Runs the cases that the runner asked for and exits."""
    wanted = os.environ.get('CASE_FILTER', '')
    behind = os.environ.get('CASE_AFTER', '')
    titles = [title for title, *_ in _cases]
    first = titles.index(behind) + 1 if behind in titles else 0
    for title, function, queues, exchanges in _cases[first:]:
        if wanted not in title:
            continue
        print('run ' + title, flush=True)
        try:
            _run(function, queues, exchanges)
            print('ok ' + title, flush=True)
        except Exception as error:  # Whatever a case raises is its failure and must not stop the others.
            traceback.print_exc()
            reason = ' '.join((repr(error) if isinstance(error, AMQPError) else str(error) or repr(error)).split())
            print('not ok {}: {}'.format(title, reason), flush=True)
    print('done', flush=True)
    sys.stdout.flush()


def _run(function, queues, exchanges):
    broker = Broker()
    try:
        broker.delete(queues, exchanges)
        function(broker)
    finally:
        broker.close()
        Broker().delete(queues, exchanges)


class Broker:
    """The broker under test, as one case uses it."""

    def __init__(self):
        self._connections = []

    @staticmethod
    def parameters(**changes):
        parameters = pika.URLParameters(os.environ['AMQP_URL'])
        for name, value in changes.items():
            setattr(parameters, name, value)
        return parameters

    def connect(self, **changes):
        """A BlockingConnection that is closed when the case ends."""
        connection = pika.BlockingConnection(self.parameters(**changes))
        self._connections.append(connection)
        return connection

    def channel(self, **changes):
        """A channel on a connection of its own."""
        return self.connect(**changes).channel()

    def delete(self, queues, exchanges):
        if not queues and not exchanges:
            return
        with pika.BlockingConnection(self.parameters()) as connection:
            channel = connection.channel()
            for queue in queues:
                channel.queue_delete(queue)
            for exchange in exchanges:
                channel.exchange_delete(exchange)

    def close(self):
        for connection in self._connections:
            try:
                if connection.is_open:
                    connection.close()
            except AMQPError:
                pass  # The case has said what it thinks of this connection.


def cut(connection):
    """Ends the TCP connection under pika, which has no call for that, as a pulled cable would."""
    connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)


def equal(actual, expected, what='value'):
    if actual != expected:
        raise AssertionError('{}: got {!r}, expected {!r}'.format(what, actual, expected))


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def until(condition, *connections, what='the condition', seconds=WAIT_SECONDS):
    """Serves the connections until the condition holds, and fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError('{} did not come true within {} s'.format(what, seconds))
        for connection in connections:
            connection.process_data_events(time_limit=0.005)
        if not connections:
            time.sleep(0.005)


def serve(*connections, seconds=0.2):
    """Gives the broker time to do what it must not do."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for connection in connections:
            connection.process_data_events(time_limit=0.01)


def closes_channel(code, text, action):
    """The action must end with this channel.close of the broker."""
    try:
        action()
    except ChannelClosedByBroker as closed:
        equal((closed.reply_code, closed.reply_text), (code, text), 'channel.close')
        return
    raise AssertionError('no channel.close; expected {} {}'.format(code, text))


def closes_connection(code, text, action):
    """The action must end with this connection.close of the broker."""
    try:
        action()
    except ConnectionClosedByBroker as closed:
        equal((closed.reply_code, closed.reply_text), (code, text), 'connection.close')
        return
    raise AssertionError('no connection.close; expected {} {}'.format(code, text))


def ready(channel, queue):
    """How many messages of the queue are ready."""
    return channel.queue_declare(queue, passive=True).method.message_count


def until_ready(channel, queue, count):
    """Waits until so many messages are ready: what another channel published or requeued may be on its way."""
    until(lambda: ready(channel, queue) == count, what='{} ready messages in {}'.format(count, queue))


def drain(channel, queue):
    """Takes every ready message. Returns the bodies."""
    bodies = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return bodies
        bodies.append(body)


class Consumer:
    """Collects what a queue delivers to one consumer of a channel."""

    def __init__(self, channel, queue, auto_ack=False, **options):
        self.channel = channel
        self.methods = []
        self.properties = []
        self.bodies = []
        self.tag = channel.basic_consume(queue, self._on_message, auto_ack=auto_ack, **options)

    def _on_message(self, _channel, method, properties, body):
        self.methods.append(method)
        self.properties.append(properties)
        self.bodies.append(body)

    def wait(self, count):
        until(lambda: len(self.bodies) >= count, self.channel.connection, what='{} deliveries'.format(count))
        return self

    def ack(self, index):
        self.channel.basic_ack(self.methods[index].delivery_tag)
