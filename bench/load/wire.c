#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t *buffer_reserve(struct buffer *buffer, size_t more) {
  size_t needed = buffer->length + more;
  if (needed > buffer->capacity) {
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    while (capacity < needed) capacity *= 2;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (!bytes) {
      fprintf(stderr, "amqp-load: out of memory for %zu octets\n", capacity);
      exit(3);
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
  }
  return buffer->bytes + buffer->length;
}

void buffer_free(struct buffer *buffer) {
  free(buffer->bytes);
  *buffer = (struct buffer){0};
}

void put_octets(struct buffer *buffer, const void *octets, size_t length) {
  if (!length) return;
  memcpy(buffer_reserve(buffer, length), octets, length);
  buffer->length += length;
}

void put8(struct buffer *buffer, uint8_t value) { put_octets(buffer, &value, 1); }

void put16(struct buffer *buffer, uint16_t value) {
  put_octets(buffer, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

void put32(struct buffer *buffer, uint32_t value) {
  put16(buffer, (uint16_t)(value >> 16));
  put16(buffer, (uint16_t)value);
}

void put64(struct buffer *buffer, uint64_t value) {
  put32(buffer, (uint32_t)(value >> 32));
  put32(buffer, (uint32_t)value);
}

void put_short_string(struct buffer *buffer, const char *text) {
  size_t length = strlen(text);
  put8(buffer, (uint8_t)length);
  put_octets(buffer, text, length);
}

void put_long_string(struct buffer *buffer, const void *octets, size_t length) {
  put32(buffer, (uint32_t)length);
  put_octets(buffer, octets, length);
}

void put_field(struct buffer *table, const char *text) {
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

size_t frame_begin(struct buffer *buffer, uint8_t type, uint16_t channel) {
  size_t start = buffer->length;
  put8(buffer, type);
  put16(buffer, channel);
  put32(buffer, 0);
  return start;
}

size_t method_begin(struct buffer *buffer, uint16_t channel, uint32_t method) {
  size_t start = frame_begin(buffer, FRAME_METHOD, channel);
  put32(buffer, method);
  return start;
}

void frame_end(struct buffer *buffer, size_t start) {
  uint32_t size = (uint32_t)(buffer->length - start - 7);
  for (int i = 0; i < 4; i++) buffer->bytes[start + 3 + (size_t)i] = (uint8_t)(size >> (24 - 8 * i));
  put8(buffer, FRAME_END);
}
