// The messages of one publisher, ready encoded: slot after slot, each with its key, headers and body.
#pragma once

#include "connection.h"

struct block {
  uint8_t *bytes;
  size_t *slot_at; // offsets of the slots, and of the end
  size_t *body_at; // offset of each slot's body
  uint32_t slots;
  uint32_t queues; // that the slots go to in turn: slot n is for the n-th of them, modulo their count
};

/** What tells one message from another, beside its stamp. */
struct message {
  const char *exchange, *key;
  uint32_t number; // what {} stands for in its headers
  uint32_t serial; // of its message or correlation id
};

/** How many queues, from queue `index` on in steps of the publishers, one publisher feeds in turn. */
uint32_t block_queues(const struct options *options, uint32_t index);

/** Appends one message; answers where its body starts. */
size_t block_put_message(struct buffer *out, const struct channel *channel, const struct message *message);

/** Encodes the messages of a publisher: whole rounds of its keys, so that a slot always means the same queue. */
void block_encode(struct block *block, const struct channel *channel, uint32_t publisher);
void block_free(struct block *block);
