// Opening a connection: dialling, the handshake up to connection.open-ok, and its channels.
#include "connection.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 30 };

static int dial(struct run *run) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses;
  int problem = getaddrinfo(run->options->host, run->options->port, &hints, &addresses);
  if (problem) {
    run_fail(run, "%s: %s", run->options->host, gai_strerror(problem));
    return -1;
  }
  int fd = -1;
  for (struct addrinfo *a = addresses; a && fd < 0; a = a->ai_next) {
    fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen)) {
      int reason = errno;
      close(fd);
      errno = reason;
      fd = -1;
    }
  }
  if (fd < 0) run_fail(run, "cannot connect to %s:%s: %s", run->options->host, run->options->port, strerror(errno));
  freeaddrinfo(addresses);
  return fd;
}

void connection_set_patience(int fd, int seconds) {
  struct timeval patience = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

static void put_capability(struct buffer *table, const char *name) {
  put_short_string(table, name);
  put8(table, 't');
  put8(table, 1);
}

static void put_start_ok(struct connection *connection) {
  const struct options *o = connection->run->options;
  struct buffer capabilities = {0}, properties = {0}, secret = {0};
  put_capability(&capabilities, "publisher_confirms");
  put_capability(&capabilities, "basic.nack");
  put_capability(&capabilities, "consumer_cancel_notify");
  put_capability(&capabilities, "connection.blocked");
  put_capability(&capabilities, "authentication_failure_close");
  put_short_string(&properties, "product");
  put8(&properties, 'S');
  put_long_string(&properties, "amqp-load", 9);
  put_short_string(&properties, "capabilities");
  put8(&properties, 'F');
  put_long_string(&properties, capabilities.bytes, capabilities.length);
  put8(&secret, 0);
  put_octets(&secret, o->user, strlen(o->user));
  put8(&secret, 0);
  put_octets(&secret, o->password, strlen(o->password));

  size_t frame = method_begin(&connection->control, 0, CONNECTION_START_OK);
  put_long_string(&connection->control, properties.bytes, properties.length);
  put_short_string(&connection->control, "PLAIN");
  put_long_string(&connection->control, secret.bytes, secret.length);
  put_short_string(&connection->control, "en_US");
  frame_end(&connection->control, frame);
  buffer_free(&capabilities);
  buffer_free(&properties);
  buffer_free(&secret);
}

static void put_tune_ok_and_open(struct connection *connection) {
  struct buffer *control = &connection->control;
  uint32_t asked = connection->run->options->frame_max, offered = connection->tuned_frame_max;
  connection->frame_max = offered && offered < asked ? offered : asked;
  size_t frame = method_begin(control, 0, CONNECTION_TUNE_OK);
  put16(control, (uint16_t)connection->tuned_channel_max);
  put32(control, connection->frame_max);
  put16(control, 0); // no heartbeats: a busy generator must not be taken for a dead one
  frame_end(control, frame);
  frame = method_begin(control, 0, CONNECTION_OPEN);
  put_short_string(control, connection->run->options->vhost);
  put8(control, 0);
  put8(control, 0);
  frame_end(control, frame);
}

struct connection *connection_open(struct run *run) {
  int fd = dial(run);
  if (fd < 0) return NULL;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connection_set_patience(fd, PATIENCE_SECONDS);

  struct connection *connection = allocate(1, sizeof *connection);
  *connection = (struct connection){.run = run, .fd = fd, .epoll = -1, .frame_max = run->options->frame_max};
  connection->input_capacity = CONNECTION_CHUNK_BYTES + connection->frame_max + FRAME_OVERHEAD;
  connection->input = allocate(1, connection->input_capacity);
  connection->channel_capacity = 4;
  connection->channels = allocate(connection->channel_capacity, sizeof *connection->channels);
  connection->channel_count = 1;

  put_octets(&connection->control, "AMQP\0\0\x09\x01", 8);
  if (!connection_request(connection, CONNECTION_START)) goto failed;
  put_start_ok(connection);
  if (!connection_request(connection, CONNECTION_TUNE)) goto failed;
  put_tune_ok_and_open(connection);
  if (!connection_request(connection, CONNECTION_OPEN_OK)) goto failed;
  return connection;
failed:
  connection_free(connection);
  return NULL;
}

static void make_room(struct connection *connection) {
  if (connection->channel_count < connection->channel_capacity) return;
  struct channel **channels = allocate(2 * (size_t)connection->channel_capacity, sizeof *channels);
  memcpy(channels, connection->channels, connection->channel_count * sizeof *channels);
  free(connection->channels);
  connection->channels = channels;
  connection->channel_capacity *= 2;
}

struct channel *connection_open_channel(struct connection *connection) {
  struct channel *channel = allocate(1, sizeof *channel);
  make_room(connection);
  channel->connection = connection;
  channel->number = (uint16_t)connection->channel_count;
  connection->channels[connection->channel_count++] = channel;
  size_t frame = method_begin(&connection->control, channel->number, CHANNEL_OPEN);
  put8(&connection->control, 0);
  frame_end(&connection->control, frame);
  return connection_request(connection, CHANNEL_OPEN_OK) ? channel : NULL;
}
