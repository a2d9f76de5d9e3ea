// A publishing channel. Its messages lie ready encoded in a block, slot after slot; before a run of slots is sent only
// the timestamp and the number in each body are written anew, so that a message costs a few stores and its copy into
// the socket. A body of at least 16 octets starts with
//
//   timestamp(8) publisher(2) number(6), in the machine's order of octets; the rest is the pattern of the run.
#pragma once

#include "connection.h"

enum { NUMBER_BITS = 48 };

struct publisher {
  struct run *run;
  struct channel *channel;
  uint32_t index;

  uint8_t *block;
  size_t *slot_at; // offsets of the slots, and of the end
  size_t *body_at; // offset of each slot's body
  uint32_t slots, cursor, cycle; // the slots go round the publisher's `cycle` queues
  uint64_t prepared; // messages ever put into a block that was lent
  uint32_t lent; // of those, how many are in the block that is being sent

  uint64_t limit; // messages to publish, or UINT64_MAX
  bool is_paced;
  uint64_t credit, due_at; // when paced: messages due, the first of them since when

  uint64_t settled_to; // each message up to this seqno is confirmed
  uint64_t unconfirmed;
  uint64_t *sent_at; // by seqno: when, or 0 once confirmed; NULL without confirms
  uint64_t ring; // entries of sent_at, a power of two
};

/** Encodes the block; the channel is open and the connection tuned. Waits for confirm.select-ok when needed. */
struct publisher *publisher_create(struct run *run, struct channel *channel, uint32_t index);
void publisher_free(struct publisher *publisher);

/** How many of the queues, from queue `index` on in steps of the publishers, one publisher feeds in turn. */
uint32_t publisher_cycle(const struct options *options, uint32_t index);

bool publisher_may_publish(const struct publisher *publisher);
/** Lends the next run of slots to the connection; answers its octets. */
size_t publisher_prepare(struct publisher *publisher, const uint8_t **block);
void publisher_block_sent(struct publisher *publisher);
void publisher_on_confirm(struct publisher *publisher, uint64_t seqno, bool is_multiple, bool is_nack);
