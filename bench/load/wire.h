// Octets of AMQP 0-9-1: big-endian integers, growing buffers, and the frame envelope
//
//   type(1) channel(2) size(4) payload(size) 0xCE
//
// A method frame's payload starts with class id(2) and method id(2), here one number: METHOD(class, method).
#pragma once

#include <stddef.h>
#include <stdint.h>

#define METHOD(class_id, method_id) ((uint32_t)(class_id) << 16 | (method_id))

enum {
  FRAME_METHOD = 1,
  FRAME_HEADER = 2,
  FRAME_BODY = 3,
  FRAME_HEARTBEAT = 8,
  FRAME_END = 0xCE,
  FRAME_OVERHEAD = 8,
};

enum {
  CONNECTION_START = METHOD(10, 10),
  CONNECTION_START_OK = METHOD(10, 11),
  CONNECTION_TUNE = METHOD(10, 30),
  CONNECTION_TUNE_OK = METHOD(10, 31),
  CONNECTION_OPEN = METHOD(10, 40),
  CONNECTION_OPEN_OK = METHOD(10, 41),
  CONNECTION_CLOSE = METHOD(10, 50),
  CONNECTION_CLOSE_OK = METHOD(10, 51),
  CONNECTION_BLOCKED = METHOD(10, 60),
  CONNECTION_UNBLOCKED = METHOD(10, 61),
  CHANNEL_OPEN = METHOD(20, 10),
  CHANNEL_OPEN_OK = METHOD(20, 11),
  CHANNEL_FLOW = METHOD(20, 20),
  CHANNEL_FLOW_OK = METHOD(20, 21),
  CHANNEL_CLOSE = METHOD(20, 40),
  CHANNEL_CLOSE_OK = METHOD(20, 41),
  EXCHANGE_DECLARE = METHOD(40, 10),
  EXCHANGE_DECLARE_OK = METHOD(40, 11),
  EXCHANGE_DELETE = METHOD(40, 20),
  EXCHANGE_DELETE_OK = METHOD(40, 21),
  QUEUE_DECLARE = METHOD(50, 10),
  QUEUE_DECLARE_OK = METHOD(50, 11),
  QUEUE_BIND = METHOD(50, 20),
  QUEUE_BIND_OK = METHOD(50, 21),
  QUEUE_DELETE = METHOD(50, 40),
  QUEUE_DELETE_OK = METHOD(50, 41),
  BASIC_QOS = METHOD(60, 10),
  BASIC_QOS_OK = METHOD(60, 11),
  BASIC_CONSUME = METHOD(60, 20),
  BASIC_CANCEL = METHOD(60, 30),
  BASIC_PUBLISH = METHOD(60, 40),
  BASIC_RETURN = METHOD(60, 50),
  BASIC_DELIVER = METHOD(60, 60),
  BASIC_GET = METHOD(60, 70),
  BASIC_GET_OK = METHOD(60, 71),
  BASIC_GET_EMPTY = METHOD(60, 72),
  BASIC_ACK = METHOD(60, 80),
  BASIC_NACK = METHOD(60, 120),
  CONFIRM_SELECT = METHOD(85, 10),
  CONFIRM_SELECT_OK = METHOD(85, 11),
  TX_SELECT = METHOD(90, 10),
  TX_SELECT_OK = METHOD(90, 11),
  TX_COMMIT = METHOD(90, 20),
  TX_COMMIT_OK = METHOD(90, 21),
};

static inline uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static inline uint32_t get32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t get64(const uint8_t *p) { return (uint64_t)get32(p) << 32 | get32(p + 4); }

struct buffer {
  uint8_t *bytes;
  size_t length, capacity;
};

/** Makes room for so many more octets and answers where they go; the caller moves `length`. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_free(struct buffer *buffer);

void put8(struct buffer *buffer, uint8_t value);
void put16(struct buffer *buffer, uint16_t value);
void put32(struct buffer *buffer, uint32_t value);
void put64(struct buffer *buffer, uint64_t value);
void put_octets(struct buffer *buffer, const void *octets, size_t length);
void put_short_string(struct buffer *buffer, const char *text);
void put_long_string(struct buffer *buffer, const void *octets, size_t length);
/** NAME=VALUE as a field of a table: a whole number, `true`, or a text. */
void put_field(struct buffer *table, const char *text);

/** Starts a frame; the answer is handed to frame_end, which fills in the size and closes it. */
size_t frame_begin(struct buffer *buffer, uint8_t type, uint16_t channel);
size_t method_begin(struct buffer *buffer, uint16_t channel, uint32_t method);
void frame_end(struct buffer *buffer, size_t start);
