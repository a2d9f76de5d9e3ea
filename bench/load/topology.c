#include "topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PASSIVE = 1, DURABLE = 2, AUTO_DELETE = 8 };

static bool send_and_await(struct channel *channel, uint32_t answer) {
  return connection_request(channel->connection, answer);
}

// ---- requests ---------------------------------------------------------------------------------------------------

static void put_exchange(struct channel *channel) {
  const struct options *o = channel->connection->run->options;
  struct buffer *out = &channel->connection->control;
  size_t frame = method_begin(out, channel->number, EXCHANGE_DECLARE);
  put16(out, 0);
  put_short_string(out, o->exchange);
  put_short_string(out, o->exchange_type);
  put8(out, o->durable ? DURABLE : 0);
  put32(out, 0);
  frame_end(out, frame);
}

static void put_queue(struct channel *channel, const char *name, uint8_t flags) {
  const struct options *o = channel->connection->run->options;
  struct buffer *out = &channel->connection->control, arguments = {0};
  if (o->queue_type) {
    put_short_string(&arguments, "x-queue-type");
    put8(&arguments, 'S');
    put_long_string(&arguments, o->queue_type, strlen(o->queue_type));
  }
  for (uint32_t i = 0; i < o->queue_arguments.count; i++) put_field(&arguments, o->queue_arguments.items[i]);
  size_t frame = method_begin(out, channel->number, QUEUE_DECLARE);
  put16(out, 0);
  put_short_string(out, name);
  put8(out, flags);
  put_long_string(out, arguments.bytes, arguments.length);
  frame_end(out, frame);
  buffer_free(&arguments);
}

static void put_binding(struct channel *channel, const char *queue, const char *exchange, const char *key,
                        const struct buffer *arguments) {
  struct buffer *out = &channel->connection->control;
  size_t frame = method_begin(out, channel->number, QUEUE_BIND);
  put16(out, 0);
  put_short_string(out, queue);
  put_short_string(out, exchange);
  put_short_string(out, key);
  put8(out, 0);
  put_long_string(out, arguments->bytes, arguments->length);
  frame_end(out, frame);
}

static void put_deletion(struct channel *channel, uint32_t method, const char *name) {
  struct buffer *out = &channel->connection->control;
  size_t frame = method_begin(out, channel->number, method);
  put16(out, 0);
  put_short_string(out, name);
  put8(out, 0);
  frame_end(out, frame);
}

// ---- many of them -----------------------------------------------------------------------------------------------

static uint8_t queue_flags(const struct options *o) {
  return (uint8_t)((o->durable ? DURABLE : 0) | (o->auto_delete ? AUTO_DELETE : 0));
}

static void put_nth_queue(struct channel *channel, uint32_t n) {
  const struct options *o = channel->connection->run->options;
  char name[256];
  options_queue_name(o, n, name, sizeof name);
  put_queue(channel, name, queue_flags(o));
}

static void put_nth_binding(struct channel *channel, uint32_t n) {
  const struct options *o = channel->connection->run->options;
  struct buffer arguments = {0};
  char queue[256], key[256], field[256];
  options_queue_name(o, n % o->queues, queue, sizeof queue);
  options_expand(o->binding_keys.items[n % o->binding_keys.count], n, key, sizeof key);
  for (uint32_t i = 0; i < o->binding_arguments.count; i++) {
    options_expand(o->binding_arguments.items[i], n, field, sizeof field);
    put_field(&arguments, field);
  }
  put_binding(channel, queue, o->exchange, key, &arguments);
  buffer_free(&arguments);
}

static void put_nth_deletion(struct channel *channel, uint32_t n) {
  char name[256];
  options_queue_name(channel->connection->run->options, n, name, sizeof name);
  put_deletion(channel, QUEUE_DELETE, name);
}

/** Makes `count` requests, some of which are under way at once. */
static bool request_all(struct channel *channel, uint32_t count, void (*put)(struct channel *, uint32_t), uint32_t answer) {
  enum { AT_ONCE = 200 };
  for (uint32_t done = 0; done < count;) {
    uint32_t some = count - done < AT_ONCE ? count - done : AT_ONCE;
    for (uint32_t i = 0; i < some; i++) put(channel, done + i);
    if (!send_and_await(channel, answer)) return false;
    for (uint32_t i = 1; i < some; i++) {
      if (!connection_await(channel->connection, answer)) return false;
    }
    done += some;
  }
  return true;
}

bool topology_declare(struct channel *channel) {
  const struct options *o = channel->connection->run->options;
  if (!o->declare) return true;
  if (*o->exchange && o->exchange_type) {
    put_exchange(channel);
    if (!send_and_await(channel, EXCHANGE_DECLARE_OK)) return false;
  }
  if (!request_all(channel, o->queues, put_nth_queue, QUEUE_DECLARE_OK)) return false;
  return !*o->exchange || request_all(channel, o->queues ? o->bindings : 0, put_nth_binding, QUEUE_BIND_OK);
}

bool topology_delete(struct channel *channel) {
  const struct options *o = channel->connection->run->options;
  if (!o->declare || o->keep) return true;
  if (!request_all(channel, o->queues, put_nth_deletion, QUEUE_DELETE_OK)) return false;
  if (!*o->exchange || !o->exchange_type) return true;
  put_deletion(channel, EXCHANGE_DELETE, o->exchange);
  return send_and_await(channel, EXCHANGE_DELETE_OK);
}

// ---- one of them ------------------------------------------------------------------------------------------------

bool topology_declare_queue(struct channel *channel, const char *name) {
  put_queue(channel, name, queue_flags(channel->connection->run->options));
  return send_and_await(channel, QUEUE_DECLARE_OK);
}

bool topology_bind_queue(struct channel *channel, const char *name, const char *exchange, const char *key) {
  put_binding(channel, name, exchange, key, &(struct buffer){0});
  return send_and_await(channel, QUEUE_BIND_OK);
}

bool topology_delete_queue(struct channel *channel, const char *name) {
  put_deletion(channel, QUEUE_DELETE, name);
  return send_and_await(channel, QUEUE_DELETE_OK);
}

static uint64_t count_ready(struct channel *channel) {
  const struct options *o = channel->connection->run->options;
  uint64_t sum = 0;
  char name[256];
  for (uint32_t i = 0; i < o->queues; i++) {
    options_queue_name(o, i, name, sizeof name);
    put_queue(channel, name, PASSIVE);
    if (!send_and_await(channel, QUEUE_DECLARE_OK)) return 0;
    sum += channel->connection->declared_messages;
  }
  return sum;
}

uint64_t topology_await_ready(struct channel *channel, uint64_t expected) {
  const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
  uint64_t ready = count_ready(channel);
  for (int tries = 0; ready != expected && tries < 40; tries++) {
    nanosleep(&pause, NULL);
    ready = count_ready(channel);
  }
  return ready;
}
