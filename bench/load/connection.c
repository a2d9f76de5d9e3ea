#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "consumer.h"
#include "publisher.h"

// ---- output -----------------------------------------------------------------------------------------------------

static void close_with(struct connection *connection, const char *what) {
  if (!connection->is_closed && !connection->run->leaving) run_fail(connection->run, "%s", what);
  connection->is_closed = true;
}

/** Sends from `*sent` on; true when all of it is out. */
static bool send_rest(struct connection *connection, const uint8_t *bytes, size_t length, size_t *sent) {
  while (*sent < length) {
    ssize_t n = send(connection->fd, bytes + *sent, length - *sent, MSG_NOSIGNAL);
    if (n > 0) {
      *sent += (size_t)n;
    } else if (errno == EINTR) {
      continue;
    } else {
      // After a broken pipe there may still be a close frame to read: reading decides that the connection is dead.
      if (errno != EAGAIN && errno != EPIPE && errno != ECONNRESET) close_with(connection, strerror(errno));
      return false;
    }
  }
  return true;
}

static bool send_waiting(struct connection *connection) {
  if (connection->block) {
    if (!send_rest(connection, connection->block, connection->block_bytes, &connection->block_sent)) return false;
    connection->block = NULL;
    publisher_block_sent(connection->lender);
  }
  struct buffer *control = &connection->control;
  if (connection->control_sent < control->length) {
    if (!send_rest(connection, control->bytes, control->length, &connection->control_sent)) return false;
  }
  control->length = connection->control_sent = 0;
  return true;
}

static void want_writable(struct connection *connection, bool wanted) {
  if (connection->epoll < 0 || connection->is_writable_wanted == wanted) return;
  connection->is_writable_wanted = wanted;
  struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0u), .data.ptr = connection};
  epoll_ctl(connection->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

/** Borrows a block from the next publisher that may publish; false when none may. */
static bool borrow_block(struct connection *connection) {
  for (uint32_t tried = 1; tried < connection->channel_count; tried++) {
    if (++connection->next_publisher >= connection->channel_count) connection->next_publisher = 1;
    struct publisher *publisher = connection->channels[connection->next_publisher]->publisher;
    if (!publisher || !publisher_may_publish(publisher)) continue;
    connection->block_bytes = publisher_prepare(publisher, &connection->block);
    connection->block_sent = 0;
    connection->lender = publisher;
    return true;
  }
  return false;
}

void connection_pump(struct connection *connection) {
  if (connection->is_closed) return;
  size_t budget = CONNECTION_CHUNK_BYTES; // then the other connections have their turn, as the socket is writable at once
  for (size_t sent = 0; send_waiting(connection); sent += connection->block_bytes) {
    if (sent >= budget) return want_writable(connection, true);
    if (!borrow_block(connection)) return want_writable(connection, false);
  }
  want_writable(connection, !connection->is_closed);
}

// ---- input ------------------------------------------------------------------------------------------------------

/** Notes the broker's reason for a close frame: reply-code(2) reply-text(short string) class(2) method(2). */
static void note_close(struct connection *connection, const char *what, const uint8_t *fields, size_t length) {
  struct run *run = connection->run;
  if (run->leaving) return;
  size_t text = length > 2 ? fields[2] : 0;
  if (length < 3 + text) text = 0;
  uint32_t cause = length >= 7 + text ? get32(fields + 3 + text) : 0;
  run_fail(run, "%s %u \"%.*s\" for method %u.%u", what, length >= 2 ? get16(fields) : 0u, (int)text,
           text ? (const char *)fields + 3 : "", cause >> 16, cause & 0xffff);
}

static void put_empty_method(struct connection *connection, uint16_t channel, uint32_t method) {
  frame_end(&connection->control, method_begin(&connection->control, channel, method));
}

static void on_flow(struct connection *connection, uint16_t channel, const uint8_t *fields, size_t length) {
  size_t frame = method_begin(&connection->control, channel, CHANNEL_FLOW_OK);
  put8(&connection->control, length ? fields[0] : 1);
  frame_end(&connection->control, frame);
  if (length && !fields[0]) run_fail(connection->run, "the broker stopped channel %u by channel.flow", channel);
}

static void on_rare_method(struct connection *connection, uint16_t number, uint32_t method, const uint8_t *fields,
                           size_t length) {
  struct run *run = connection->run;
  switch (method) {
  case CONNECTION_CLOSE:
    note_close(connection, "connection.close", fields, length);
    put_empty_method(connection, 0, CONNECTION_CLOSE_OK);
    send_waiting(connection);
    connection->is_closed = true;
    return;
  case CHANNEL_CLOSE:
    note_close(connection, "channel.close", fields, length);
    put_empty_method(connection, number, CHANNEL_CLOSE_OK);
    return;
  case CHANNEL_FLOW: return on_flow(connection, number, fields, length);
  case CONNECTION_BLOCKED:
    connection->is_blocked = true;
    run->blocked++;
    return;
  case CONNECTION_UNBLOCKED: connection->is_blocked = false; return;
  case BASIC_CANCEL:
    if (!run->leaving) run_fail(run, "the broker cancelled the consumer on channel %u", number);
    return;
  case BASIC_GET_EMPTY:
    if (number && number < connection->channel_count && connection->channels[number]->consumer) {
      consumer_on_get_empty(connection->channels[number]->consumer);
    }
    return;
  case QUEUE_DECLARE_OK: // name(short string) message-count(4) consumer-count(4)
    if (length >= 9u + fields[0]) connection->declared_messages = get32(fields + 1 + fields[0]);
    break;
  case CONNECTION_TUNE:
    if (length >= 8) {
      connection->tuned_channel_max = get16(fields);
      connection->tuned_frame_max = get32(fields + 2);
    }
    break;
  default: break;
  }
  connection->reply = method;
}

static void on_method(struct connection *connection, struct channel *channel, uint16_t number, const uint8_t *payload,
                      size_t length) {
  if (length < 4) return close_with(connection, "a method frame of less than four octets");
  uint32_t method = get32(payload);
  const uint8_t *fields = payload + 4;
  length -= 4;
  if (channel && method == BASIC_DELIVER && channel->consumer) {
    if (!consumer_on_deliver(channel->consumer, fields, length)) close_with(connection, "basic.deliver cut short");
    channel->expects = EXPECT_HEADER;
  } else if (channel && method == BASIC_GET_OK && channel->consumer) {
    if (!consumer_on_get_ok(channel->consumer, fields, length)) close_with(connection, "a basic.get-ok that does not fit");
    channel->expects = EXPECT_HEADER;
  } else if (channel && method == BASIC_RETURN) {
    if (!connection->run->leaving) connection->run->total.returned++;
    channel->incoming.kind = RETURNED;
    channel->expects = EXPECT_HEADER;
  } else if (channel && channel->publisher && length >= 9 && (method == BASIC_ACK || method == BASIC_NACK)) {
    publisher_on_confirm(channel->publisher, get64(fields), fields[8] & 1, method == BASIC_NACK);
  } else if (channel && channel->publisher && method == TX_COMMIT_OK) {
    publisher_on_commit(channel->publisher);
  } else {
    on_rare_method(connection, number, method, fields, length);
  }
}

static void end_content(struct channel *channel) {
  channel->expects = EXPECT_METHOD;
  if (channel->incoming.kind != RETURNED) consumer_on_message(channel->consumer);
  if (channel->incoming.kind == GOT) channel->connection->reply = BASIC_GET_OK;
}

static void on_content_header(struct channel *channel, const uint8_t *payload, size_t length) {
  if (length < 14) return close_with(channel->connection, "a content header of less than 14 octets");
  struct incoming *incoming = &channel->incoming;
  incoming->body_bytes = get64(payload + 4);
  incoming->body_seen = 0;
  incoming->is_verified = false;
  channel->expects = EXPECT_BODY;
  if (incoming->kind != RETURNED) consumer_on_header(channel->consumer, payload, length);
  if (incoming->body_bytes == 0) end_content(channel);
}

static void on_body(struct channel *channel, const uint8_t *payload, size_t length) {
  struct incoming *incoming = &channel->incoming;
  if (length > incoming->body_bytes - incoming->body_seen) {
    return close_with(channel->connection, "a body is longer than its header says");
  }
  if (incoming->body_seen == 0 && length >= 16) {
    memcpy(incoming->head, payload, 16);
  } else if (incoming->body_seen < 16) {
    size_t room = 16 - incoming->body_seen;
    memcpy(incoming->head + incoming->body_seen, payload, length < room ? length : room);
  }
  if (incoming->kind != RETURNED) consumer_on_body(channel->consumer, payload, length);
  incoming->body_seen += length;
  if (incoming->body_seen == incoming->body_bytes) end_content(channel);
}

static void on_frame(struct connection *connection, const uint8_t *frame, size_t length) {
  uint16_t number = get16(frame + 1);
  struct channel *channel = number < connection->channel_count ? connection->channels[number] : NULL;
  const uint8_t *payload = frame + 7;
  if (frame[0] == FRAME_METHOD && (!channel || channel->expects == EXPECT_METHOD)) {
    on_method(connection, channel, number, payload, length);
  } else if (frame[0] == FRAME_HEADER && channel && channel->expects == EXPECT_HEADER) {
    on_content_header(channel, payload, length);
  } else if (frame[0] == FRAME_BODY && channel && channel->expects == EXPECT_BODY) {
    on_body(channel, payload, length);
  } else if (frame[0] == FRAME_METHOD && length >= 4 && get32(payload) == CHANNEL_CLOSE) {
    on_method(connection, channel, number, payload, length); // a close may cut a content short
  } else if (frame[0] != FRAME_HEARTBEAT) {
    close_with(connection, "a frame of the broker that does not fit what came before it");
  }
}

/** Handles the whole frames of the input; stops early after the method `until_reply`, unless that is 0. */
static void parse(struct connection *connection, uint32_t until_reply) {
  uint8_t *input = connection->input;
  size_t at = 0, end = connection->input_length;
  while (!connection->is_closed && end - at >= FRAME_OVERHEAD) {
    size_t length = get32(input + at + 3);
    if (memcmp(input + at, "AMQP", 4) == 0) close_with(connection, "the broker refused the protocol header");
    else if (length + FRAME_OVERHEAD > connection->frame_max) close_with(connection, "a frame above frame-max");
    if (connection->is_closed || end - at < length + FRAME_OVERHEAD) break;
    if (input[at + 7 + length] != FRAME_END) {
      close_with(connection, "a frame without its end octet");
      break;
    }
    on_frame(connection, input + at, length);
    at += length + FRAME_OVERHEAD;
    if (until_reply && connection->reply == until_reply) break;
  }
  if (at && at < end) memmove(input, input + at, end - at);
  connection->input_length = end - at;
}

static void read_once(struct connection *connection) {
  size_t room = connection->input_capacity - connection->input_length;
  ssize_t n = recv(connection->fd, connection->input + connection->input_length, room, 0);
  if (n > 0) connection->input_length += (size_t)n;
  else if (n == 0) close_with(connection, "the broker closed the socket without a close frame");
  else if (errno == EAGAIN && connection->epoll < 0) close_with(connection, "no answer from the broker");
  else if (errno != EAGAIN && errno != EINTR) close_with(connection, strerror(errno));
}

void connection_receive(struct connection *connection) {
  if (connection->is_closed) return;
  read_once(connection);
  connection->run->now = clock_ns();
  parse(connection, 0);
  connection_pump(connection); // acknowledgements made, confirms that opened the window
}

bool connection_request(struct connection *connection, uint32_t answer) {
  if (!send_waiting(connection) && errno == EAGAIN) close_with(connection, "the broker does not read");
  return connection_await(connection, answer);
}

bool connection_await(struct connection *connection, uint32_t answer) {
  connection->reply = 0;
  parse(connection, answer);
  while (connection->reply != answer && !connection->is_closed && !run_has_failed(connection->run)) {
    read_once(connection);
    parse(connection, answer);
  }
  return connection->reply == answer;
}

void connection_watch(struct connection *connection, int epoll) {
  fcntl(connection->fd, F_SETFL, fcntl(connection->fd, F_GETFL) | O_NONBLOCK);
  connection->epoll = epoll;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

// ---- closing ----------------------------------------------------------------------------------------------------

void connection_close(struct connection *connection) {
  if (connection->is_closed) return;
  connection->epoll = -1;
  fcntl(connection->fd, F_SETFL, fcntl(connection->fd, F_GETFL) & ~O_NONBLOCK);
  connection_set_patience(connection->fd, 1);
  struct buffer *control = &connection->control;
  size_t frame = method_begin(control, 0, CONNECTION_CLOSE);
  put16(control, 200);
  put_short_string(control, "goodbye");
  put32(control, 0);
  frame_end(control, frame);
  connection->reply = 0;
  uint64_t deadline = clock_ns() + 1000000000u;
  if (!send_waiting(connection)) return;
  while (!connection->is_closed && connection->reply != CONNECTION_CLOSE_OK && clock_ns() < deadline) {
    read_once(connection);
    parse(connection, CONNECTION_CLOSE_OK);
  }
}

void connection_free(struct connection *connection) {
  close(connection->fd);
  for (uint32_t i = 1; i < connection->channel_count; i++) free(connection->channels[i]);
  free(connection->channels);
  free(connection->input);
  buffer_free(&connection->control);
  free(connection);
}
