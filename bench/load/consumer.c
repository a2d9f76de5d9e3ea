#include "consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "publisher.h"
#include "replier.h"

// ---- subscribing and asking -------------------------------------------------------------------------------------

static void set_prefetch(struct consumer *c, uint32_t prefetch) {
  struct buffer *control = &c->channel->connection->control;
  size_t frame = method_begin(control, c->channel->number, BASIC_QOS);
  put32(control, 0);
  put16(control, (uint16_t)prefetch);
  put8(control, 0);
  frame_end(control, frame);
  connection_request(c->channel->connection, BASIC_QOS_OK);
}

struct consumer *consumer_create(struct channel *channel, enum consumer_role role, uint32_t index, uint32_t step) {
  struct run *run = channel->connection->run;
  const struct options *o = run->options;
  struct consumer *c = allocate(1, sizeof *c);
  *c = (struct consumer){.run = run, .channel = channel, .role = role};
  c->subscriptions = allocate(o->queues / step + 1, sizeof *c->subscriptions);
  for (uint32_t queue = index % o->queues; queue < o->queues; queue += step) {
    struct subscription *s = &c->subscriptions[c->subscription_count++];
    s->queue = queue;
    s->next = allocate(o->publishers, sizeof *s->next);
  }
  if (role == REPLIES) c->replier = replier_create(channel);
  channel->consumer = c;
  if (o->prefetch && role == SUBSCRIBES) set_prefetch(c, o->prefetch);
  return c;
}

static void subscribe(struct consumer *c, uint32_t number, bool has_acks) {
  enum { NO_ACK = 2, NO_WAIT = 8 };
  const struct options *o = c->run->options;
  struct buffer *control = &c->channel->connection->control, arguments = {0};
  char queue[256] = "amq.rabbitmq.reply-to", tag[16];
  if (c->role != AWAITS_REPLIES) options_queue_name(o, c->subscriptions[number].queue, queue, sizeof queue);
  if (o->stream_offset) {
    put_short_string(&arguments, "x-stream-offset");
    put8(&arguments, 'S');
    put_long_string(&arguments, o->stream_offset, strlen(o->stream_offset));
  }
  snprintf(tag, sizeof tag, "%u", number); // a delivery finds its subscription by this number
  size_t frame = method_begin(control, c->channel->number, BASIC_CONSUME);
  put16(control, 0);
  put_short_string(control, queue);
  put_short_string(control, tag);
  put8(control, has_acks ? NO_WAIT : NO_WAIT | NO_ACK);
  put_long_string(control, arguments.bytes, arguments.length);
  frame_end(control, frame);
  buffer_free(&arguments);
}

/** Asks the queues in turn; the answers come in the order of the questions. */
static void ask(struct consumer *c) {
  const struct options *o = c->run->options;
  struct buffer *control = &c->channel->connection->control;
  char queue[256];
  options_queue_name(o, c->subscriptions[c->asked++ % c->subscription_count].queue, queue, sizeof queue);
  size_t frame = method_begin(control, c->channel->number, BASIC_GET);
  put16(control, 0);
  put_short_string(control, queue);
  put8(control, o->ack_every ? 0 : 1);
  frame_end(control, frame);
}

void consumer_start(struct consumer *c) {
  const struct options *o = c->run->options;
  if (c->role == GETS) {
    for (uint32_t i = 0; i < o->get; i++) ask(c);
    return;
  }
  bool has_acks = (o->ack_every || o->requeue_every) && c->role == SUBSCRIBES;
  for (uint32_t i = 0; i < c->subscription_count; i++) subscribe(c, i, has_acks);
}

void consumer_free(struct consumer *c) {
  for (uint32_t i = 0; i < c->subscription_count; i++) free(c->subscriptions[i].next);
  free(c->subscriptions);
  if (c->replier) replier_free(c->replier);
  free(c);
}

// ---- a message arrives ------------------------------------------------------------------------------------------

bool consumer_on_deliver(struct consumer *c, const uint8_t *fields, size_t length) {
  // consumer-tag(short string) delivery-tag(8) redelivered(1) exchange(short string) routing-key(short string)
  if (length < 1 || length < 10u + fields[0]) return false;
  struct incoming *incoming = &c->channel->incoming;
  uint32_t subscription = 0;
  for (uint32_t i = 1; i <= fields[0]; i++) subscription = subscription * 10 + (uint32_t)(fields[i] - '0');
  if (subscription >= c->subscription_count) return false;
  const uint8_t *tag = fields + 1 + fields[0];
  incoming->kind = DELIVERED;
  incoming->subscription = subscription;
  incoming->tag = get64(tag);
  incoming->is_redelivered = tag[8] & 1;
  return true;
}

bool consumer_on_get_ok(struct consumer *c, const uint8_t *fields, size_t length) {
  // delivery-tag(8) redelivered(1) exchange(short string) routing-key(short string) message-count(4)
  if (length < 9 || c->answered == c->asked) return false;
  struct incoming *incoming = &c->channel->incoming;
  incoming->kind = GOT;
  incoming->subscription = (uint32_t)(c->answered++ % c->subscription_count);
  incoming->tag = get64(fields);
  incoming->is_redelivered = fields[8] & 1;
  return true;
}

void consumer_on_get_empty(struct consumer *c) {
  c->answered++;
  if (!c->run->leaving && (c->run->consuming || c->run->options->churn)) run_fail(c->run, "a queue was empty before the run ended");
}

void consumer_on_header(struct consumer *c, const uint8_t *payload, size_t length) {
  if (!c->replier) return;
  if (!replier_on_header(c->replier, payload, length)) run_fail(c->run, "a request that cannot be replied to");
}

void consumer_on_body(struct consumer *c, const uint8_t *octets, size_t length) {
  if (c->replier) return replier_on_body(c->replier, octets, length);
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

/** What was handed back comes again, the same messages in the same order, and says so. */
static void check_return(struct consumer *c, const struct incoming *incoming, uint64_t number) {
  if (number != c->unacked) c->run->reorders++;
  if (incoming->is_redelivered != (c->handed_back > 0)) c->run->duplicates++;
}

/** Each message comes once, and those of one publisher come in their order. */
static void check_number(struct consumer *c, const struct incoming *incoming) {
  struct run *run = c->run;
  struct subscription *s = &c->subscriptions[incoming->subscription];
  uint64_t number;
  memcpy(&number, incoming->head + 8, 8);
  uint64_t publisher = number >> NUMBER_BITS;
  number &= (1ull << NUMBER_BITS) - 1;
  bool is_others = c->role == AWAITS_REPLIES && publisher != c->channel->publisher->index;
  if (publisher >= run->options->publishers || is_others) {
    run->strangers++;
    return;
  }
  if (run->options->requeue_every) return check_return(c, incoming, number);
  if (!sequence_see(run_sequence(run, s->queue, (uint32_t)publisher), number)) {
    if (!incoming->is_redelivered) run->duplicates++;
  } else if (number < s->next[publisher]) {
    bool is_overtaken = c->role == AWAITS_REPLIES && run->options->consumers > 1; // one server may be faster than another
    if (!incoming->is_redelivered && !is_overtaken) run->reorders++;
  } else {
    s->next[publisher] = number + 1;
  }
}

static void check_message(struct consumer *c, const struct incoming *incoming) {
  struct run *run = c->run;
  uint64_t size = run->options->size;
  if (incoming->body_bytes != size) {
    run->corrupt++;
  } else if (size >= 8) {
    uint64_t sent;
    memcpy(&sent, incoming->head, 8);
    if (run->measuring) histogram_record(&run->delivery_latency, run->now > sent ? run->now - sent : 0);
    if (size >= 16) check_number(c, incoming);
  }
}

// ---- settling ---------------------------------------------------------------------------------------------------

static void ack(struct consumer *c, uint64_t tag, bool is_multiple) {
  uint8_t frame[21] = {FRAME_METHOD, 0, 0, 0, 0, 0, 13, 0, 60, 0, 80};
  frame[1] = (uint8_t)(c->channel->number >> 8);
  frame[2] = (uint8_t)c->channel->number;
  for (int i = 0; i < 8; i++) frame[11 + i] = (uint8_t)(tag >> (56 - 8 * i));
  frame[19] = is_multiple;
  frame[20] = FRAME_END;
  put_octets(&c->channel->connection->control, frame, sizeof frame);
}

static void hand_back(struct consumer *c, uint64_t tag, bool is_multiple) {
  enum { MULTIPLE = 1, REQUEUE = 2 };
  struct buffer *control = &c->channel->connection->control;
  size_t frame = method_begin(control, c->channel->number, BASIC_NACK);
  put64(control, tag);
  put8(control, is_multiple ? MULTIPLE | REQUEUE : REQUEUE);
  frame_end(control, frame);
  c->handed_back++;
}

static void settle(struct consumer *c, uint64_t tag) {
  const struct options *o = c->run->options;
  uint32_t every = o->requeue_every ? o->requeue_every : o->ack_every;
  if (!every) return;
  c->last_tag = tag;
  if (++c->unacked < every) return;
  if (o->requeue_every && !c->run->consuming) return;
  c->unacked = 0;
  if (o->requeue_every) hand_back(c, tag, every > 1);
  else ack(c, tag, every > 1);
}

void consumer_on_message(struct consumer *c) {
  struct run *run = c->run;
  if (run->leaving) return;
  if (c->replier) return replier_reply(c->replier);
  const struct incoming *incoming = &c->channel->incoming;
  run->total.delivered++;
  c->delivered++;
  run->last_delivered = run->now;
  if (incoming->is_redelivered) run->redelivered++;
  check_message(c, incoming);
  if (c->role == AWAITS_REPLIES) return publisher_on_reply(c->channel->publisher);
  settle(c, incoming->tag);
  if (c->role == GETS && run->consuming) ask(c);
}

void consumer_ack_rest(struct consumer *c) {
  if (!c->unacked || c->run->options->requeue_every) return;
  c->unacked = 0;
  ack(c, c->last_tag, true);
}
