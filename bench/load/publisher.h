// A publishing channel. Its messages lie ready encoded in a block, slot after slot; before a run of slots is sent only
// the timestamp and the number in each body are written anew, so that a message costs a few stores and its copy into
// the socket. A body of at least 16 octets starts with
//
//   timestamp(8) publisher(2) number(6), in the machine's order of octets; the rest is the pattern of the run.
#pragma once

#include "block.h"

enum { NUMBER_BITS = 48 };

struct publisher {
  struct run *run;
  struct channel *channel;
  uint32_t index;

  struct block block;
  uint32_t cursor; // the next slot
  uint64_t prepared; // messages ever put into a block that was lent
  uint32_t lent; // of those, how many are in the block that is being sent

  uint64_t limit; // messages to publish, or PUBLISHER_UNLIMITED
  bool is_paced;
  uint64_t credit, due_at; // when paced: messages due, the first of them since when

  uint64_t window; // most outstanding messages, or 0: publishers wait for nobody
  uint64_t outstanding; // neither confirmed, nor committed, nor replied to
  uint64_t settled_to; // each message up to this seqno is confirmed
  uint64_t *sent_at; // by seqno: when, or 0 once confirmed; NULL without confirms
  uint64_t ring; // entries of sent_at, a power of two
  uint64_t committing_since; // when the first message of the transaction was sent
};

#define PUBLISHER_UNLIMITED UINT64_MAX

/** Encodes the block; the channel is open and the connection tuned. Waits for the answer of confirm or tx.select. */
struct publisher *publisher_create(struct run *run, struct channel *channel, uint32_t index);
void publisher_free(struct publisher *publisher);

bool publisher_may_publish(const struct publisher *publisher);
/** Lends the next run of slots to the connection; answers its octets. */
size_t publisher_prepare(struct publisher *publisher, const uint8_t **block);
void publisher_block_sent(struct publisher *publisher);
void publisher_on_confirm(struct publisher *publisher, uint64_t seqno, bool is_multiple, bool is_nack);
void publisher_on_commit(struct publisher *publisher);
/** One of its requests was replied to. */
void publisher_on_reply(struct publisher *publisher);
