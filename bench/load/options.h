// What one run of the load generator does, as asked on its command line.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct options {
  const char *host, *port, *user, *password, *vhost;

  const char *queue; // the name of the queue; several queues are called NAME-0, NAME-1, ...
  const char *queue_type; // x-queue-type, or NULL
  uint32_t queues;
  bool durable, auto_delete;
  bool declare; // false: the queues exist
  bool keep; // true: the queues stay when the run ends

  const char *exchange; // "" is the default exchange: publishers spread over the queues by name
  const char *exchange_type; // NULL: the exchange exists
  const char *routing_key, *binding_key;
  bool mandatory;

  uint32_t publishers, consumers; // channels that publish or consume
  uint32_t channels; // so many of them share one connection
  uint64_t size; // bytes of a body
  bool persistent;
  uint32_t confirm; // most unconfirmed messages of one publisher; 0 is no confirms
  uint32_t ack_every; // 0 is automatic acknowledgement
  uint32_t prefetch; // 0 is no limit
  const char *stream_offset; // x-stream-offset, or NULL
  uint32_t frame_max; // asked for; the broker may say less
  double rate; // messages a second of all publishers; 0 is as fast as it goes

  double warmup, duration, drain, timeout; // seconds
  uint64_t count; // messages of the whole run; 0 is until the duration is over
  uint32_t verify; // every n-th body is compared octet by octet; 0 is none
  bool publishing, consuming;
};

/** Reads the command line; prints a usage text and exits with 2 when it makes no sense. */
struct options options_parse(int argc, char **argv);
