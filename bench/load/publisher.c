#include "publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void select_mode(struct publisher *p, uint32_t method, uint32_t answer) {
  struct buffer *control = &p->channel->connection->control;
  size_t frame = method_begin(control, p->channel->number, method);
  if (method == CONFIRM_SELECT) put8(control, 0);
  frame_end(control, frame);
  connection_request(p->channel->connection, answer);
}

static void select_confirms(struct publisher *p) {
  // Room for confirms that come out of order; the window itself is `outstanding`.
  for (p->ring = 256; p->ring < 4 * p->window; p->ring *= 2) continue;
  p->sent_at = allocate(p->ring, sizeof *p->sent_at);
  select_mode(p, CONFIRM_SELECT, CONFIRM_SELECT_OK);
}

struct publisher *publisher_create(struct run *run, struct channel *channel, uint32_t index) {
  const struct options *o = run->options;
  struct publisher *p = allocate(1, sizeof *p);
  *p = (struct publisher){.run = run, .channel = channel, .index = index, .limit = PUBLISHER_UNLIMITED};
  p->is_paced = o->rate > 0 && !o->fill;
  p->window = o->confirm ? o->confirm : o->transaction ? o->transaction : o->rpc;
  uint64_t count = o->count ? o->count : o->fill;
  if (count) p->limit = count / o->publishers + (index < count % o->publishers);
  if (o->priorities) channel->priority = (uint8_t)(index % o->priorities);
  block_encode(&p->block, channel, index);
  channel->publisher = p;
  if (o->confirm) select_confirms(p);
  if (o->transaction) select_mode(p, TX_SELECT, TX_SELECT_OK);
  return p;
}

void publisher_free(struct publisher *p) {
  block_free(&p->block);
  free(p->sent_at);
  free(p);
}

static uint64_t room(const struct publisher *p) {
  uint64_t most = p->limit - p->prepared;
  if (p->is_paced && p->credit < most) most = p->credit;
  if (!p->window) return most;
  if (p->outstanding >= p->window || (p->run->options->transaction && p->outstanding)) return 0;
  if (p->window - p->outstanding < most) most = p->window - p->outstanding;
  if (!p->sent_at) return most;
  uint64_t ring = p->ring - (p->prepared - p->settled_to);
  return ring < most ? ring : most;
}

bool publisher_may_publish(const struct publisher *p) { return p->run->publishing && !p->lent && room(p) > 0; }

static void number_slots(struct publisher *p, uint32_t first, uint32_t count, uint64_t stamp) {
  const struct block *block = &p->block;
  uint64_t size = p->run->options->size, name = (uint64_t)p->index << NUMBER_BITS;
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *body = block->bytes + block->body_at[first + i];
    uint64_t message = p->prepared + i;
    uint64_t number = (block->queues == 1 ? message : message / block->queues) | name;
    if (size >= 8) memcpy(body, &stamp, 8);
    if (size >= 16) memcpy(body + 8, &number, 8);
  }
}

size_t publisher_prepare(struct publisher *p, const uint8_t **block) {
  uint64_t most = room(p);
  uint32_t first = p->cursor, count = p->block.slots - first;
  if (count > most) count = (uint32_t)most;
  uint64_t now = clock_ns(), stamp = p->is_paced ? p->due_at : now;
  number_slots(p, first, count, stamp);
  for (uint32_t i = 1; p->sent_at && i <= count; i++) p->sent_at[(p->prepared + i) & (p->ring - 1)] = stamp;
  if (p->window) p->outstanding += count;
  if (p->is_paced) p->credit -= count;
  p->committing_since = stamp;
  p->prepared += count;
  p->lent = count;
  p->cursor = (first + count) % p->block.slots;
  *block = p->block.bytes + p->block.slot_at[first];
  return p->block.slot_at[first + count] - p->block.slot_at[first];
}

static void commit(struct publisher *p) {
  struct buffer *control = &p->channel->connection->control;
  frame_end(control, method_begin(control, p->channel->number, TX_COMMIT));
}

void publisher_block_sent(struct publisher *p) {
  p->run->total.published += p->lent;
  p->run->last_published = p->run->now;
  p->lent = 0;
  if (p->run->options->transaction) commit(p);
}

static void note_confirm_latency(struct run *run, uint64_t since) {
  if (run->measuring) histogram_record(&run->confirm_latency, run->now > since ? run->now - since : 0);
}

void publisher_on_commit(struct publisher *p) {
  struct run *run = p->run;
  if (run->leaving) return;
  note_confirm_latency(run, p->committing_since);
  run->total.confirmed += p->outstanding;
  run->last_confirmed = run->now;
  p->outstanding = 0;
}

void publisher_on_reply(struct publisher *p) {
  if (p->outstanding) p->outstanding--;
}

/** Settles one message; false when it was settled before. */
static bool settle(struct publisher *p, uint64_t seqno, bool is_nack) {
  struct run *run = p->run;
  uint64_t *sent_at = &p->sent_at[seqno & (p->ring - 1)];
  if (!*sent_at) return false;
  note_confirm_latency(run, *sent_at);
  *sent_at = 0;
  p->outstanding--;
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
