// What one run of the load generator does, as asked on its command line.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIST_MAX = 8 };

/** The values of an option that may be repeated. */
struct list {
  const char *items[LIST_MAX];
  uint32_t count;
};

/** What a run does again and again, one step after the other, in place of publishing and consuming. */
enum churn { CHURN_NONE, CHURN_CONNECTIONS, CHURN_QUEUES };

struct options {
  const char *host, *port, *user, *password, *vhost;

  const char *queue; // the name of the queue; several queues are called NAME-0, NAME-1, ...
  const char *queue_type; // x-queue-type, or NULL
  struct list queue_arguments; // more of them, each NAME=VALUE; a whole number is a number, true a boolean
  uint32_t queues;
  bool durable, auto_delete;
  bool declare; // false: the queues exist
  bool keep; // true: the queues stay when the run ends

  const char *exchange; // "" is the default exchange: publishers spread over the queues by name
  const char *exchange_type; // NULL: the exchange exists
  // In keys, headers and arguments of bindings, {} is the number of the key or binding. Binding n is one of queue n
  // modulo the queues; it has the n-th binding key, modulo their count. A message with key n must match binding n alone.
  const char *routing_key;
  struct list binding_keys, binding_arguments, headers;
  uint32_t bindings, keys; // how many; 0 bindings: one a queue; 0 keys: as many as bindings
  bool mandatory;

  uint32_t publishers, consumers; // channels that publish or consume
  uint32_t channels; // so many of them share one connection
  uint32_t connections; // or, when not 0, all share so many, publisher n and consumer n the same
  uint64_t size; // bytes of a body
  bool persistent;
  bool message_ids; // a property that is not that of the last message
  uint32_t priorities; // publisher n has priority n modulo this; 0 is no priority
  uint32_t confirm; // most unconfirmed messages of one publisher; 0 is no confirms
  uint32_t transaction; // messages of a transaction; 0 is none
  uint32_t rpc; // most requests of one publisher without a reply, which the consumers send; 0 is no replies
  uint32_t ack_every; // 0 is automatic acknowledgement
  uint32_t requeue_every; // so many deliveries are handed back at once, for ever; 0 is none
  uint32_t get; // most basic.get of one consumer without an answer, in place of basic.consume; 0 is none
  uint32_t prefetch; // 0 is no limit
  const char *stream_offset; // x-stream-offset, or NULL
  uint32_t frame_max; // asked for; the broker may say less
  double rate; // messages a second of all publishers; 0 is as fast as it goes

  uint64_t fill; // messages that lie in the queues before the run begins
  double warmup, duration, drain, timeout; // seconds
  double progress; // seconds between two lines that tell how far the run is; 0 is none
  uint64_t count; // messages of the whole run; 0 is until the duration is over
  uint32_t verify; // every n-th body is compared octet by octet; 0 is none
  bool publishing, consuming; // once the queues are filled

  enum churn churn;
  uint32_t workers; // processes that churn
  uint32_t broker_pid; // whose processor time is told; 0 is nobody's
};

/** Reads the command line; prints a usage text and exits with 2 when it makes no sense. */
struct options options_parse(int argc, char **argv);

/** Whether each message has a key of its own, and so reaches one queue only, although an exchange is between. */
bool options_are_keyed(const struct options *options);

/** Writes the name of a queue. */
void options_queue_name(const struct options *options, uint32_t index, char *name, size_t capacity);

/** Copies a text with each {} replaced by the number. */
void options_expand(const char *text, uint32_t number, char *out, size_t capacity);
