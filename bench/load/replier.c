#include "replier.h"

#include <stdlib.h>
#include <string.h>

struct replier {
  struct channel *channel;
  char correlation_id[256], reply_to[256];
  struct buffer body;
};

struct replier *replier_create(struct channel *channel) {
  struct replier *replier = allocate(1, sizeof *replier);
  replier->channel = channel;
  return replier;
}

void replier_free(struct replier *replier) {
  buffer_free(&replier->body);
  free(replier);
}

/** Copies a short string; answers the octets it took, or 0 when it is cut short. */
static size_t take_short_string(const uint8_t *from, size_t length, char *out) {
  if (length < 1 || length < 1u + from[0]) return 0;
  memcpy(out, from + 1, from[0]);
  out[from[0]] = 0;
  return 1u + from[0];
}

bool replier_on_header(struct replier *replier, const uint8_t *payload, size_t length) {
  // class(2) weight(2) body-size(8) flags(2), then the properties; the requests have these and no others
  enum { PROPERTIES_AT = 14, DELIVERY_MODE = 0x1000, CORRELATION_ID = 0x0400, REPLY_TO = 0x0200 };
  uint16_t flags = get16(payload + 12);
  size_t at = PROPERTIES_AT + (flags & DELIVERY_MODE ? 1 : 0);
  if ((flags & ~DELIVERY_MODE) != (CORRELATION_ID | REPLY_TO) || at > length) return false;
  size_t taken = take_short_string(payload + at, length - at, replier->correlation_id);
  replier->body.length = 0;
  return taken && take_short_string(payload + at + taken, length - at - taken, replier->reply_to);
}

void replier_on_body(struct replier *replier, const uint8_t *octets, size_t length) {
  put_octets(&replier->body, octets, length);
}

void replier_reply(struct replier *replier) {
  enum { CORRELATION_ID = 0x0400 };
  uint16_t channel = replier->channel->number;
  struct buffer *out = &replier->channel->connection->control;
  size_t frame = method_begin(out, channel, BASIC_PUBLISH);
  put16(out, 0);
  put_short_string(out, "");
  put_short_string(out, replier->reply_to);
  put8(out, 0);
  frame_end(out, frame);

  frame = frame_begin(out, FRAME_HEADER, channel);
  put32(out, 60u << 16);
  put64(out, replier->body.length);
  put16(out, CORRELATION_ID);
  put_short_string(out, replier->correlation_id);
  frame_end(out, frame);

  frame = frame_begin(out, FRAME_BODY, channel);
  put_octets(out, replier->body.bytes, replier->body.length);
  frame_end(out, frame);
}
