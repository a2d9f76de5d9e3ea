#include "consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "publisher.h"

struct consumer *consumer_create(struct run *run, struct channel *channel, uint32_t index, uint32_t step) {
  const struct options *o = run->options;
  struct consumer *c = allocate(1, sizeof *c);
  *c = (struct consumer){.run = run, .channel = channel};
  c->subscriptions = allocate(o->queues / step + 1, sizeof *c->subscriptions);
  for (uint32_t queue = index % o->queues; queue < o->queues; queue += step) {
    struct subscription *s = &c->subscriptions[c->subscription_count++];
    s->queue = queue;
    s->next = allocate(o->publishers, sizeof *s->next);
  }
  channel->consumer = c;
  if (!o->prefetch) return c;
  struct buffer *control = &channel->connection->control;
  size_t frame = method_begin(control, channel->number, BASIC_QOS);
  put32(control, 0);
  put16(control, (uint16_t)o->prefetch);
  put8(control, 0);
  frame_end(control, frame);
  connection_request(channel->connection, BASIC_QOS_OK);
  return c;
}

void consumer_start(struct consumer *c) {
  enum { NO_ACK = 2, NO_WAIT = 8 };
  const struct options *o = c->run->options;
  struct buffer *control = &c->channel->connection->control, arguments = {0};
  char queue[256], tag[16];
  if (o->stream_offset) {
    put_short_string(&arguments, "x-stream-offset");
    put8(&arguments, 'S');
    put_long_string(&arguments, o->stream_offset, strlen(o->stream_offset));
  }
  for (uint32_t i = 0; i < c->subscription_count; i++) {
    if (o->queues > 1) snprintf(queue, sizeof queue, "%s-%u", o->queue, c->subscriptions[i].queue);
    else snprintf(queue, sizeof queue, "%s", o->queue);
    snprintf(tag, sizeof tag, "%u", i); // a delivery finds its subscription by this number
    size_t frame = method_begin(control, c->channel->number, BASIC_CONSUME);
    put16(control, 0);
    put_short_string(control, queue);
    put_short_string(control, tag);
    put8(control, o->ack_every ? NO_WAIT : NO_WAIT | NO_ACK);
    put_long_string(control, arguments.bytes, arguments.length);
    frame_end(control, frame);
  }
  buffer_free(&arguments);
}

void consumer_free(struct consumer *c) {
  for (uint32_t i = 0; i < c->subscription_count; i++) free(c->subscriptions[i].next);
  free(c->subscriptions);
  free(c);
}

bool consumer_on_deliver(struct consumer *c, const uint8_t *fields, size_t length) {
  // consumer-tag(short string) delivery-tag(8) redelivered(1) exchange(short string) routing-key(short string)
  if (length < 1 || length < 10u + fields[0]) return false;
  struct incoming *incoming = &c->channel->incoming;
  uint32_t subscription = 0;
  for (uint32_t i = 1; i <= fields[0]; i++) subscription = subscription * 10 + (uint32_t)(fields[i] - '0');
  if (subscription >= c->subscription_count) return false;
  const uint8_t *tag = fields + 1 + fields[0];
  incoming->is_delivery = true;
  incoming->subscription = subscription;
  incoming->tag = get64(tag);
  incoming->is_redelivered = tag[8] & 1;
  return true;
}

void consumer_on_body(struct consumer *c, const uint8_t *octets, size_t length) {
  struct incoming *incoming = &c->channel->incoming;
  const struct options *o = c->run->options;
  uint64_t at = incoming->body_seen;
  if (at == 0 && o->verify && o->size > 16 && length >= 16) {
    uint64_t number;
    memcpy(&number, incoming->head + 8, 8);
    incoming->is_verified = number % o->verify == 0;
    c->run->verified += incoming->is_verified;
  }
  if (!incoming->is_verified || at + length > o->size) return;
  size_t skipped = at < 16 ? 16 - at : 0;
  if (length > skipped && memcmp(octets + skipped, c->run->pattern + at + skipped, length - skipped)) {
    c->run->corrupt++;
    incoming->is_verified = false;
  }
}

/** Each message comes once, and those of one publisher come in their order. */
static void check_number(struct consumer *c, const struct incoming *incoming) {
  struct run *run = c->run;
  struct subscription *s = &c->subscriptions[incoming->subscription];
  uint64_t number;
  memcpy(&number, incoming->head + 8, 8);
  uint64_t publisher = number >> NUMBER_BITS;
  number &= (1ull << NUMBER_BITS) - 1;
  if (publisher >= run->options->publishers) {
    run->strangers++;
    return;
  }
  if (!sequence_see(run_sequence(run, s->queue, (uint32_t)publisher), number)) {
    if (!incoming->is_redelivered) run->duplicates++;
  } else if (number < s->next[publisher]) {
    if (!incoming->is_redelivered) run->reorders++;
  } else {
    s->next[publisher] = number + 1;
  }
}

static void ack(struct consumer *c, uint64_t tag, bool is_multiple) {
  uint8_t frame[21] = {FRAME_METHOD, 0, 0, 0, 0, 0, 13, 0, 60, 0, 80};
  frame[1] = (uint8_t)(c->channel->number >> 8);
  frame[2] = (uint8_t)c->channel->number;
  for (int i = 0; i < 8; i++) frame[11 + i] = (uint8_t)(tag >> (56 - 8 * i));
  frame[19] = is_multiple;
  frame[20] = FRAME_END;
  put_octets(&c->channel->connection->control, frame, sizeof frame);
}

void consumer_on_message(struct consumer *c) {
  struct run *run = c->run;
  if (run->leaving) return;
  const struct options *o = run->options;
  const struct incoming *incoming = &c->channel->incoming;
  run->total.delivered++;
  run->last_delivered = run->now;
  if (incoming->is_redelivered) run->redelivered++;
  if (incoming->body_bytes != o->size) {
    run->corrupt++;
  } else if (o->size >= 8) {
    uint64_t sent;
    memcpy(&sent, incoming->head, 8);
    if (run->measuring) histogram_record(&run->delivery_latency, run->now > sent ? run->now - sent : 0);
    if (o->size >= 16) check_number(c, incoming);
  }
  if (!o->ack_every) return;
  c->last_tag = incoming->tag;
  if (++c->unacked < o->ack_every) return;
  c->unacked = 0;
  ack(c, incoming->tag, o->ack_every > 1);
}

void consumer_ack_rest(struct consumer *c) {
  if (!c->unacked) return;
  c->unacked = 0;
  ack(c, c->last_tag, true);
}
