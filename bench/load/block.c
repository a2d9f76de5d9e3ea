#include "block.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024, SLOTS_MAX = 4096 };
enum { IDS_MIN = 256 }; // requests have ids of their own, as those of programs have

static bool spreads_over_queues(const struct options *o) { return !*o->exchange && o->queues > o->publishers; }

uint32_t block_queues(const struct options *o, uint32_t index) {
  if (options_are_keyed(o)) return o->queues / o->publishers;
  return spreads_over_queues(o) ? (o->queues - index + o->publishers - 1) / o->publishers : 1;
}

/** Slots after which the keys begin again. */
static uint32_t round_of(const struct options *o, uint32_t index) {
  return options_are_keyed(o) ? o->keys / o->publishers : block_queues(o, index);
}

static void routing_key(const struct options *o, uint32_t number, char *key, size_t capacity) {
  if (*o->exchange || *o->routing_key) options_expand(o->routing_key, number, key, capacity);
  else options_queue_name(o, o->queues ? number % o->queues : 0, key, capacity);
}

static void put_publish(struct buffer *out, const struct options *o, uint16_t channel, const struct message *message) {
  size_t frame = method_begin(out, channel, BASIC_PUBLISH);
  put16(out, 0);
  put_short_string(out, message->exchange);
  put_short_string(out, message->key);
  put8(out, o->mandatory ? 1 : 0);
  frame_end(out, frame);
}

static void put_headers(struct buffer *out, const struct options *o, uint32_t number) {
  struct buffer table = {0};
  char field[256];
  for (uint32_t i = 0; i < o->headers.count; i++) {
    options_expand(o->headers.items[i], number, field, sizeof field);
    put_field(&table, field);
  }
  put_long_string(out, table.bytes, table.length);
  buffer_free(&table);
}

/** As long as that of most clients. */
static void put_id(struct buffer *out, uint32_t serial) {
  char id[64];
  snprintf(id, sizeof id, "0123456789abcdef01234567%08x", serial);
  put_short_string(out, id);
}

static void put_properties(struct buffer *out, const struct options *o, const struct channel *channel,
                           const struct message *message) {
  enum { HEADERS = 0x2000, DELIVERY_MODE = 0x1000, PRIORITY = 0x0800, CORRELATION_ID = 0x0400, REPLY_TO = 0x0200 };
  enum { MESSAGE_ID = 0x0080 };
  size_t frame = frame_begin(out, FRAME_HEADER, channel->number);
  put16(out, 60);
  put16(out, 0);
  put64(out, o->size);
  put16(out, (uint16_t)((o->headers.count ? HEADERS : 0) | (o->persistent ? DELIVERY_MODE : 0) |
                        (o->priorities ? PRIORITY : 0) | (o->rpc ? CORRELATION_ID | REPLY_TO : 0) | (o->message_ids ? MESSAGE_ID : 0)));
  if (o->headers.count) put_headers(out, o, message->number);
  if (o->persistent) put8(out, 2);
  if (o->priorities) put8(out, channel->priority);
  if (o->rpc) {
    put_id(out, message->serial);
    put_short_string(out, "amq.rabbitmq.reply-to");
  }
  if (o->message_ids) put_id(out, message->serial);
  frame_end(out, frame);
}

size_t block_put_message(struct buffer *out, const struct channel *channel, const struct message *message) {
  const struct options *o = channel->connection->run->options;
  put_publish(out, o, channel->number, message);
  put_properties(out, o, channel, message);
  // The head of a body lies in one frame, as no frame is so small.
  size_t body_at = out->length + 7, most = channel->connection->frame_max - FRAME_OVERHEAD;
  for (uint64_t at = 0; at < o->size;) {
    size_t part = o->size - at < most ? (size_t)(o->size - at) : most;
    size_t frame = frame_begin(out, FRAME_BODY, channel->number);
    put_octets(out, channel->connection->run->pattern + at, part);
    frame_end(out, frame);
    at += part;
  }
  return body_at;
}

/** Whoever waits for answers needs no more slots than it may have outstanding: thousands of publishers fit in a cache. */
static uint32_t slots_wanted(const struct options *o) {
  if (o->transaction) return o->transaction;
  if (o->rpc) return o->rpc < IDS_MIN ? IDS_MIN : o->rpc;
  return o->confirm && o->confirm < SLOTS_MAX ? o->confirm : SLOTS_MAX;
}

void block_encode(struct block *block, const struct channel *channel, uint32_t publisher) {
  const struct options *o = channel->connection->run->options;
  uint32_t round = round_of(o, publisher), wanted = slots_wanted(o);
  uint32_t capacity = round > wanted ? round : wanted;
  bool is_whole = o->transaction > 0; // a transaction is lent at once
  struct buffer out = {0};
  char key[256];
  *block = (struct block){.queues = block_queues(o, publisher)};
  block->slot_at = allocate(capacity + 1, sizeof *block->slot_at);
  block->body_at = allocate(capacity, sizeof *block->body_at);
  while (block->slots == 0 || ((is_whole || out.length < BLOCK_BYTES) && block->slots + round <= capacity)) {
    for (uint32_t turn = 0; turn < round; turn++) {
      block->slot_at[block->slots] = out.length;
      uint32_t number = publisher + turn * o->publishers;
      routing_key(o, number, key, sizeof key);
      struct message message = {o->exchange, key, number, block->slots};
      block->body_at[block->slots++] = block_put_message(&out, channel, &message);
    }
  }
  block->slot_at[block->slots] = out.length;
  block->bytes = out.bytes;
}

void block_free(struct block *block) {
  free(block->bytes);
  free(block->slot_at);
  free(block->body_at);
  *block = (struct block){0};
}
