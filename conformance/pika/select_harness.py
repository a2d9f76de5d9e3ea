"""
Cases that use pika's SelectConnection: everything is a callback on one event loop.

A case is a generator. It yields functions that take a callback and start something, such as
`lambda done: channel.queue_declare('hello', callback=done)`, and goes on with what that callback was given when it
comes. So the order of a program can be read, while pika is used the way that its asynchronous users do.
"""

import pika
from pika.adapters.select_connection import IOLoop

import harness
from harness import WAIT_SECONDS, equal, main, true  # noqa: F401, the suites take them from here.


def case(title, queues=(), exchanges=()):
    """Declares a case: a generator function that is given a Loop."""

    def declare(generator):
        harness.case(title, queues, exchanges)(lambda _broker: Loop().run(generator))
        return generator

    return declare


class Loop:
    """One event loop with the connections of a case."""

    def __init__(self):
        self.ioloop = IOLoop()
        self._connections = []
        self._failure = AssertionError('the case did not come to its end within {} s'.format(WAIT_SECONDS))

    def run(self, generator):
        """Drives the case to its end. Raises what it raises, or an AssertionError when nothing comes for too long."""
        steps = generator(self)
        self.ioloop.call_later(WAIT_SECONDS, self.ioloop.stop)
        self.ioloop.add_callback_threadsafe(lambda: self._advance(steps))
        try:
            self.ioloop.start()
        finally:
            for connection in self._connections:
                self._close(connection)
            self.ioloop.close()
        if self._failure is not None:
            raise self._failure

    def connect(self, **changes):
        """A step: opens a connection, whose attribute `closed` takes the reason of its end."""

        def start(done):
            connection = pika.SelectConnection(
                harness.Broker.parameters(**changes),
                on_open_callback=done,
                on_open_error_callback=lambda _connection, error: done(error),
                on_close_callback=lambda closing, reason: setattr(closing, 'closed', reason),
                custom_ioloop=self.ioloop,
            )
            connection.closed = None
            self._connections.append(connection)

        return start

    @staticmethod
    def channel(connection):
        """A step: opens a channel, whose attribute `closed` takes the reason of its end."""

        def start(done):
            channel = connection.channel(on_open_callback=done)
            channel.closed = None
            channel.add_on_close_callback(lambda closing, reason: setattr(closing, 'closed', reason))

        return start

    def until(self, condition):
        """A step: waits until the condition holds."""

        def start(done):
            def look():
                if condition():
                    done(None)
                else:
                    self.ioloop.call_later(0.005, look)

            look()

        return start

    def pause(self, seconds=0.2):
        """A step: gives the broker time to do what it must not do."""
        return lambda done: self.ioloop.call_later(seconds, lambda: done(None))

    def _advance(self, steps, value=None):
        try:
            step = steps.send(value)
        except StopIteration:
            self._failure = None
            self.ioloop.stop()
        except Exception as error:  # The failure of the case, raised again outside the loop.
            self._failure = error
            self.ioloop.stop()
        else:
            step(lambda *outcome: self._next(steps, outcome))

    def _next(self, steps, outcome):
        # In a turn of its own: a callback of pika may come while it is in the middle of something.
        self.ioloop.call_later(0, lambda: self._advance(steps, outcome[-1] if outcome else None))

    def _close(self, connection):
        if not connection.is_open:
            return
        connection.add_on_close_callback(lambda *_reason: self.ioloop.stop())
        connection.close()
        timeout = self.ioloop.call_later(5, self.ioloop.stop)
        self.ioloop.start()
        self.ioloop.remove_timeout(timeout)
