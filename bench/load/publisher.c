#include "publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, SLOTS_MAX = 4096 };

static const uint64_t UNLIMITED = UINT64_MAX;

static bool spreads_over_queues(const struct options *o) { return !*o->exchange && o->queues > o->publishers; }

uint32_t publisher_cycle(const struct options *o, uint32_t index) {
  return spreads_over_queues(o) ? (o->queues - index + o->publishers - 1) / o->publishers : 1;
}

static void routing_key(const struct options *o, uint32_t index, uint32_t turn, char *key, size_t capacity) {
  uint32_t queue = spreads_over_queues(o) ? index + turn * o->publishers : o->queues ? index % o->queues : 0;
  if (*o->exchange || *o->routing_key) snprintf(key, capacity, "%s", o->routing_key);
  else if (o->queues > 1) snprintf(key, capacity, "%s-%u", o->queue, queue);
  else snprintf(key, capacity, "%s", o->queue);
}

/** Appends one message; answers where its body starts. The head of a body lies in one frame, as no frame is so small. */
static size_t put_message(struct buffer *block, const struct publisher *p, const char *key) {
  const struct options *o = p->run->options;
  uint16_t channel = p->channel->number;
  size_t frame = method_begin(block, channel, BASIC_PUBLISH);
  put16(block, 0);
  put_short_string(block, o->exchange);
  put_short_string(block, key);
  put8(block, o->mandatory ? 1 : 0);
  frame_end(block, frame);

  frame = frame_begin(block, FRAME_HEADER, channel);
  put16(block, 60);
  put16(block, 0);
  put64(block, o->size);
  put16(block, (uint16_t)((o->persistent ? 0x1000 : 0) | (o->priorities ? 0x0800 : 0))); // delivery-mode, priority
  if (o->persistent) put8(block, 2);
  if (o->priorities) put8(block, (uint8_t)(p->index % o->priorities));
  frame_end(block, frame);

  size_t body_at = block->length + 7, most = p->channel->connection->frame_max - FRAME_OVERHEAD;
  for (uint64_t at = 0; at < o->size;) {
    size_t part = o->size - at < most ? (size_t)(o->size - at) : most;
    frame = frame_begin(block, FRAME_BODY, channel);
    put_octets(block, p->run->pattern + at, part);
    frame_end(block, frame);
    at += part;
  }
  return body_at;
}

static void encode_block(struct publisher *p) {
  const struct options *o = p->run->options;
  p->cycle = publisher_cycle(o, p->index);
  struct buffer block = {0};
  char key[256];
  uint32_t capacity = p->cycle > SLOTS_MAX ? p->cycle : SLOTS_MAX;
  p->slot_at = allocate(capacity + 1, sizeof *p->slot_at);
  p->body_at = allocate(capacity, sizeof *p->body_at);
  // Whole rounds of the queues, so that a slot always means the same queue.
  while (p->slots == 0 || (block.length < BLOCK_BYTES && p->slots + p->cycle <= capacity)) {
    for (uint32_t turn = 0; turn < p->cycle; turn++) {
      routing_key(o, p->index, turn, key, sizeof key);
      p->slot_at[p->slots] = block.length;
      p->body_at[p->slots++] = put_message(&block, p, key);
    }
  }
  p->slot_at[p->slots] = block.length;
  p->block = block.bytes;
}

static void select_confirms(struct publisher *p) {
  const struct options *o = p->run->options;
  // Room for confirms that come out of order; the window itself is `unconfirmed`.
  for (p->ring = 4096; p->ring < 4ull * o->confirm; p->ring *= 2) continue;
  p->sent_at = allocate(p->ring, sizeof *p->sent_at);
  struct buffer *control = &p->channel->connection->control;
  size_t frame = method_begin(control, p->channel->number, CONFIRM_SELECT);
  put8(control, 0);
  frame_end(control, frame);
  connection_request(p->channel->connection, CONFIRM_SELECT_OK);
}

struct publisher *publisher_create(struct run *run, struct channel *channel, uint32_t index) {
  const struct options *o = run->options;
  struct publisher *p = allocate(1, sizeof *p);
  *p = (struct publisher){.run = run, .channel = channel, .index = index, .limit = UNLIMITED, .is_paced = o->rate > 0};
  if (o->count) p->limit = o->count / o->publishers + (index < o->count % o->publishers);
  encode_block(p);
  channel->publisher = p;
  if (o->confirm) select_confirms(p);
  return p;
}

void publisher_free(struct publisher *p) {
  free(p->block);
  free(p->slot_at);
  free(p->body_at);
  free(p->sent_at);
  free(p);
}

static uint64_t room(const struct publisher *p) {
  uint64_t most = p->limit - p->prepared;
  if (p->is_paced && p->credit < most) most = p->credit;
  if (!p->sent_at) return most;
  uint64_t window = p->run->options->confirm, ring = p->ring - (p->prepared - p->settled_to);
  if (p->unconfirmed >= window) return 0;
  if (window - p->unconfirmed < most) most = window - p->unconfirmed;
  return ring < most ? ring : most;
}

bool publisher_may_publish(const struct publisher *p) { return p->run->publishing && !p->lent && room(p) > 0; }

size_t publisher_prepare(struct publisher *p, const uint8_t **block) {
  uint64_t most = room(p), size = p->run->options->size;
  uint32_t first = p->cursor, count = p->slots - first;
  if (count > most) count = (uint32_t)most;
  uint64_t now = clock_ns(), stamp = p->is_paced ? p->due_at : now;
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *body = p->block + p->body_at[first + i];
    uint64_t message = p->prepared + i;
    uint64_t number = (p->cycle == 1 ? message : message / p->cycle) | (uint64_t)p->index << NUMBER_BITS;
    if (size >= 8) memcpy(body, &stamp, 8);
    if (size >= 16) memcpy(body + 8, &number, 8);
  }
  if (p->sent_at) {
    for (uint32_t i = 1; i <= count; i++) p->sent_at[(p->prepared + i) & (p->ring - 1)] = stamp;
    p->unconfirmed += count;
  }
  if (p->is_paced) p->credit -= count;
  p->prepared += count;
  p->lent = count;
  p->cursor = (first + count) % p->slots;
  *block = p->block + p->slot_at[first];
  return p->slot_at[first + count] - p->slot_at[first];
}

void publisher_block_sent(struct publisher *p) {
  p->run->total.published += p->lent;
  p->run->last_published = p->run->now;
  p->lent = 0;
}

/** Settles one message; false when it was settled before. */
static bool settle(struct publisher *p, uint64_t seqno, bool is_nack) {
  struct run *run = p->run;
  uint64_t *sent_at = &p->sent_at[seqno & (p->ring - 1)];
  if (!*sent_at) return false;
  if (run->measuring) histogram_record(&run->confirm_latency, run->now > *sent_at ? run->now - *sent_at : 0);
  *sent_at = 0;
  p->unconfirmed--;
  if (is_nack) run->total.nacked++;
  else run->total.confirmed++;
  return true;
}

void publisher_on_confirm(struct publisher *p, uint64_t seqno, bool is_multiple, bool is_nack) {
  struct run *run = p->run;
  if (run->leaving) return;
  if (seqno == 0 && is_multiple) seqno = p->prepared;
  if (!p->sent_at || seqno > p->prepared || (seqno <= p->settled_to && !is_multiple)) {
    return run_fail(run, "a confirm for seqno %llu, which is not outstanding", (unsigned long long)seqno);
  }
  run->last_confirmed = run->now;
  if (is_multiple) {
    for (uint64_t n = p->settled_to + 1; n <= seqno; n++) settle(p, n, is_nack);
  } else if (!settle(p, seqno, is_nack)) {
    run_fail(run, "a second confirm for seqno %llu", (unsigned long long)seqno);
  }
  while (p->settled_to < p->prepared && !p->sent_at[(p->settled_to + 1) & (p->ring - 1)]) p->settled_to++;
}
