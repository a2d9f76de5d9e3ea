// One socket to the broker: handshake, frames in, frames out, and the channels on it.
//
// Output has two sources that must not mix inside a frame: `control` (acknowledgements and requests) and the block of
// prebuilt publishes that a publisher has lent. A lent block is sent to its end before control goes out.
#pragma once

#include "run.h"
#include "wire.h"

struct publisher;
struct consumer;

/** A message whose content frames are arriving on a channel. */
struct incoming {
  enum { RETURNED, DELIVERED, GOT } kind; // a returned message is read over
  bool is_redelivered;
  bool is_verified; // its body is compared octet by octet
  uint32_t subscription;
  uint64_t tag;
  uint64_t body_bytes, body_seen;
  uint8_t head[16]; // the first octets of the body
};

struct channel {
  struct connection *connection;
  uint16_t number;
  uint8_t priority; // of what is published on it
  struct publisher *publisher; // or NULL
  struct consumer *consumer; // or NULL
  enum { EXPECT_METHOD, EXPECT_HEADER, EXPECT_BODY } expects;
  struct incoming incoming;
};

struct connection {
  struct run *run;
  int fd;
  int epoll; // -1 until the run begins
  bool is_writable_wanted, is_blocked, is_closed;
  uint32_t frame_max; // octets of a whole frame

  uint8_t *input;
  size_t input_length, input_capacity;
  uint32_t reply; // the last method that is an answer to a request
  uint32_t tuned_frame_max, tuned_channel_max;
  uint32_t declared_messages; // as the last queue.declare-ok said

  struct buffer control;
  size_t control_sent;
  const uint8_t *block; // lent by `lender`, or NULL
  size_t block_bytes, block_sent;
  struct publisher *lender;

  struct channel **channels; // by number; [0] is NULL
  uint32_t channel_count, channel_capacity, next_publisher;
};

/** Most octets taken from, and at once given to, one socket before the others have their turn. */
enum { CONNECTION_CHUNK_BYTES = 256 * 1024 };

/** Connects and opens the virtual host, waiting for it; NULL and a noted error when that fails. */
struct connection *connection_open(struct run *run);
struct channel *connection_open_channel(struct connection *connection);

/** How long a blocking socket may take to send or receive. */
void connection_set_patience(int fd, int seconds);

/** Sends what is in `control` and waits for the given answer; false and a noted error when it does not come. */
bool connection_request(struct connection *connection, uint32_t answer);
/** Waits for one more such answer to what was sent before. */
bool connection_await(struct connection *connection, uint32_t answer);

/** Makes the socket non-blocking and watches it. */
void connection_watch(struct connection *connection, int epoll);

/** Reads once from the socket and handles each whole frame. */
void connection_receive(struct connection *connection);

/** Sends what waits and what its publishers may publish, until the socket is full or nothing is left. */
void connection_pump(struct connection *connection);

/** Says goodbye politely, for at most a second. */
void connection_close(struct connection *connection);
void connection_free(struct connection *connection);
