#include <stdlib.h>
#include "topology.h"

#include <stdio.h>
#include <string.h>

static void queue_name(const struct options *o, uint32_t index, char *name, size_t capacity) {
  if (o->queues > 1) snprintf(name, capacity, "%s-%u", o->queue, index);
  else snprintf(name, capacity, "%s", o->queue);
}

static bool declare_exchange(struct channel *channel) {
  const struct options *o = channel->connection->run->options;
  struct buffer *out = &channel->connection->control;
  size_t frame = method_begin(out, channel->number, EXCHANGE_DECLARE);
  put16(out, 0);
  put_short_string(out, o->exchange);
  put_short_string(out, o->exchange_type);
  put8(out, o->durable ? 2 : 0);
  put32(out, 0);
  frame_end(out, frame);
  return connection_request(channel->connection, EXCHANGE_DECLARE_OK);
}

// NAME=VALUE as a field of a table.
static void put_argument(struct buffer *table, const char *text) {
  char name[256];
  const char *value = strchr(text, '=') + 1;
  snprintf(name, sizeof name, "%.*s", (int)(value - text - 1), text);
  put_short_string(table, name);
  char *end;
  long long number = strtoll(value, &end, 10);
  if (*value && !*end) {
    put8(table, 'l');
    put64(table, (uint64_t)number);
  } else if (!strcmp(value, "true")) {
    put8(table, 't');
    put8(table, 1);
  } else {
    put8(table, 'S');
    put_long_string(table, value, strlen(value));
  }
}

static bool declare_queue(struct channel *channel, const char *name) {
  enum { DURABLE = 2, AUTO_DELETE = 8 };
  const struct options *o = channel->connection->run->options;
  struct buffer *out = &channel->connection->control, arguments = {0};
  if (o->queue_type) {
    put_short_string(&arguments, "x-queue-type");
    put8(&arguments, 'S');
    put_long_string(&arguments, o->queue_type, strlen(o->queue_type));
  }
  for (uint32_t i = 0; i < o->queue_argument_count; i++) put_argument(&arguments, o->queue_arguments[i]);
  size_t frame = method_begin(out, channel->number, QUEUE_DECLARE);
  put16(out, 0);
  put_short_string(out, name);
  put8(out, (uint8_t)((o->durable ? DURABLE : 0) | (o->auto_delete ? AUTO_DELETE : 0)));
  put_long_string(out, arguments.bytes, arguments.length);
  frame_end(out, frame);
  buffer_free(&arguments);
  return connection_request(channel->connection, QUEUE_DECLARE_OK);
}

static bool bind_queue(struct channel *channel, const char *name) {
  const struct options *o = channel->connection->run->options;
  struct buffer *out = &channel->connection->control;
  size_t frame = method_begin(out, channel->number, QUEUE_BIND);
  put16(out, 0);
  put_short_string(out, name);
  put_short_string(out, o->exchange);
  put_short_string(out, o->binding_key);
  put8(out, 0);
  put32(out, 0);
  frame_end(out, frame);
  return connection_request(channel->connection, QUEUE_BIND_OK);
}

bool topology_declare(struct channel *channel) {
  const struct options *o = channel->connection->run->options;
  if (!o->declare) return true;
  if (*o->exchange && o->exchange_type && !declare_exchange(channel)) return false;
  char name[256];
  for (uint32_t i = 0; i < o->queues; i++) {
    queue_name(o, i, name, sizeof name);
    if (!declare_queue(channel, name)) return false;
    if (*o->exchange && !bind_queue(channel, name)) return false;
  }
  return true;
}

static bool delete_one(struct channel *channel, uint32_t method, uint32_t answer, const char *name) {
  struct buffer *out = &channel->connection->control;
  size_t frame = method_begin(out, channel->number, method);
  put16(out, 0);
  put_short_string(out, name);
  put8(out, 0);
  frame_end(out, frame);
  return connection_request(channel->connection, answer);
}

bool topology_delete(struct channel *channel) {
  const struct options *o = channel->connection->run->options;
  if (!o->declare || o->keep) return true;
  char name[256];
  for (uint32_t i = 0; i < o->queues; i++) {
    queue_name(o, i, name, sizeof name);
    if (!delete_one(channel, QUEUE_DELETE, QUEUE_DELETE_OK, name)) return false;
  }
  if (!*o->exchange || !o->exchange_type) return true;
  return delete_one(channel, EXCHANGE_DELETE, EXCHANGE_DELETE_OK, o->exchange);
}
