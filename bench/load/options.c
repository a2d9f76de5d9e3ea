#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "amqp-load: load generator for AMQP 0-9-1 brokers; prints one JSON object\n"
    "\n"
    "  --host HOST --port PORT --user NAME --pass SECRET --vhost NAME   127.0.0.1 5672 guest guest /\n"
    "  --publishers N --consumers N   publishing and consuming channels (1, 1)\n"
    "  --publish-only --consume-only  leave the other side out\n"
    "  --channels N                   channels on one connection (1)\n"
    "  --queue NAME --queues N        queue to declare; several are NAME-0 ... (amqp-load, 1)\n"
    "  --durable --auto-delete --queue-type TYPE   flags of the declaration\n"
    "  --no-declare --keep            the queues exist already; they stay after the run\n"
    "  --exchange NAME --exchange-type TYPE --routing-key KEY --binding-key KEY\n"
    "                                 publish to an exchange; with a type it is declared; each queue is bound\n"
    "  --mandatory                    unroutable messages come back and are counted\n"
    "  --size BYTES                   of a body (16); from 8 latency, from 16 order and loss are checked\n"
    "  --persistent                   delivery mode 2\n"
    "  --confirm N                    publisher confirms, at most N outstanding a publisher (0: none)\n"
    "  --ack auto|N                   automatic, or one acknowledgement every N deliveries (auto)\n"
    "  --offset WORD                  x-stream-offset of a consumer: first, last, next, or an interval such as 5m\n"
    "  --prefetch N                   basic.qos of a consumer (0: no limit)\n"
    "  --rate N                       messages a second of all publishers together (0: no limit)\n"
    "  --warmup S --duration S        seconds before and in the measured window (0.5, 2)\n"
    "  --count N                      publish or consume so many messages instead\n"
    "  --drain S                      wait so long for the rest after the window (3)\n"
    "  --timeout S                    give the whole run up after so long\n"
    "  --verify N                     compare every N-th body octet by octet (64; 0: none)\n"
    "  --frame-max BYTES              largest frame to negotiate (131072)\n";

enum {
  HOST = 1, PORT, USER, PASSWORD, VHOST, PUBLISHERS, CONSUMERS, PUBLISH_ONLY, CONSUME_ONLY, CHANNELS, QUEUE, QUEUES,
  DURABLE, AUTO_DELETE, QUEUE_TYPE, NO_DECLARE, KEEP, EXCHANGE, EXCHANGE_TYPE, ROUTING_KEY, BINDING_KEY, MANDATORY,
  SIZE, PERSISTENT, CONFIRM, ACK, PREFETCH, RATE, WARMUP, DURATION, COUNT, DRAIN, TIMEOUT, VERIFY, FRAME_MAX, OFFSET,
  HELP,
};

static const struct option LONG_OPTIONS[] = {
    {"host", required_argument, 0, HOST},
    {"port", required_argument, 0, PORT},
    {"user", required_argument, 0, USER},
    {"pass", required_argument, 0, PASSWORD},
    {"vhost", required_argument, 0, VHOST},
    {"publishers", required_argument, 0, PUBLISHERS},
    {"consumers", required_argument, 0, CONSUMERS},
    {"publish-only", no_argument, 0, PUBLISH_ONLY},
    {"consume-only", no_argument, 0, CONSUME_ONLY},
    {"channels", required_argument, 0, CHANNELS},
    {"queue", required_argument, 0, QUEUE},
    {"queues", required_argument, 0, QUEUES},
    {"durable", no_argument, 0, DURABLE},
    {"auto-delete", no_argument, 0, AUTO_DELETE},
    {"queue-type", required_argument, 0, QUEUE_TYPE},
    {"no-declare", no_argument, 0, NO_DECLARE},
    {"keep", no_argument, 0, KEEP},
    {"exchange", required_argument, 0, EXCHANGE},
    {"exchange-type", required_argument, 0, EXCHANGE_TYPE},
    {"routing-key", required_argument, 0, ROUTING_KEY},
    {"binding-key", required_argument, 0, BINDING_KEY},
    {"mandatory", no_argument, 0, MANDATORY},
    {"size", required_argument, 0, SIZE},
    {"persistent", no_argument, 0, PERSISTENT},
    {"confirm", required_argument, 0, CONFIRM},
    {"ack", required_argument, 0, ACK},
    {"prefetch", required_argument, 0, PREFETCH},
    {"rate", required_argument, 0, RATE},
    {"warmup", required_argument, 0, WARMUP},
    {"duration", required_argument, 0, DURATION},
    {"count", required_argument, 0, COUNT},
    {"drain", required_argument, 0, DRAIN},
    {"timeout", required_argument, 0, TIMEOUT},
    {"verify", required_argument, 0, VERIFY},
    {"frame-max", required_argument, 0, FRAME_MAX},
    {"offset", required_argument, 0, OFFSET},
    {"help", no_argument, 0, HELP},
    {0, 0, 0, 0},
};

static _Noreturn void refuse(const char *sentence, const char *what) {
  fprintf(stderr, "amqp-load: %s%s\n\n%s", sentence, what, USAGE);
  exit(2);
}

static double number(const char *text, double least, double most) {
  char *end;
  errno = 0;
  double value = strtod(text, &end);
  if (errno || end == text || *end || !(value >= least && value <= most)) refuse("not a usable number: ", text);
  return value;
}

static uint64_t whole(const char *text, uint64_t least, uint64_t most) {
  double value = number(text, (double)least, (double)most);
  if (value != floor(value)) refuse("not a whole number: ", text);
  return (uint64_t)value;
}

static const char *short_string(const char *text) {
  if (strlen(text) > 200) refuse("longer than 200 octets: ", text);
  return text;
}

static void apply(struct options *o, int option, const char *value) {
  switch (option) {
  case HOST: o->host = value; break;
  case PORT: o->port = value; break;
  case USER: o->user = short_string(value); break;
  case PASSWORD: o->password = short_string(value); break;
  case VHOST: o->vhost = short_string(value); break;
  case PUBLISHERS: o->publishers = (uint32_t)whole(value, 1, 60000); break;
  case CONSUMERS: o->consumers = (uint32_t)whole(value, 1, 60000); break;
  case PUBLISH_ONLY: o->consuming = false; break;
  case CONSUME_ONLY: o->publishing = false; break;
  case CHANNELS: o->channels = (uint32_t)whole(value, 1, 2000); break;
  case QUEUE: o->queue = short_string(value); break;
  case QUEUES: o->queues = (uint32_t)whole(value, 0, 1000000); break;
  case DURABLE: o->durable = true; break;
  case AUTO_DELETE: o->auto_delete = true; break;
  case QUEUE_TYPE: o->queue_type = short_string(value); break;
  case NO_DECLARE: o->declare = false; break;
  case KEEP: o->keep = true; break;
  case EXCHANGE: o->exchange = short_string(value); break;
  case EXCHANGE_TYPE: o->exchange_type = short_string(value); break;
  case ROUTING_KEY: o->routing_key = short_string(value); break;
  case BINDING_KEY: o->binding_key = short_string(value); break;
  case MANDATORY: o->mandatory = true; break;
  case SIZE: o->size = whole(value, 0, 512ull << 20); break;
  case PERSISTENT: o->persistent = true; break;
  case CONFIRM: o->confirm = (uint32_t)whole(value, 0, 10000000); break;
  case ACK: o->ack_every = strcmp(value, "auto") ? (uint32_t)whole(value, 1, 65535) : 0; break;
  case PREFETCH: o->prefetch = (uint32_t)whole(value, 0, 65535); break;
  case RATE: o->rate = number(value, 0, 1e9); break;
  case WARMUP: o->warmup = number(value, 0, 600); break;
  case DURATION: o->duration = number(value, 0.1, 3600); break;
  case COUNT: o->count = whole(value, 0, 1ull << 40); break;
  case DRAIN: o->drain = number(value, 0, 3600); break;
  case TIMEOUT: o->timeout = number(value, 1, 7200); break;
  case VERIFY: o->verify = (uint32_t)whole(value, 0, 1u << 30); break;
  case FRAME_MAX: o->frame_max = (uint32_t)whole(value, 4096, 16u << 20); break;
  case OFFSET: o->stream_offset = short_string(value); break;
  case HELP: fputs(USAGE, stdout); exit(0);
  default: refuse("see the options", "");
  }
}

struct options options_parse(int argc, char **argv) {
  struct options o = {
      .host = "127.0.0.1", .port = "5672", .user = "guest", .password = "guest", .vhost = "/",
      .queue = "amqp-load", .queues = 1, .declare = true, .exchange = "", .routing_key = "",
      .publishers = 1, .consumers = 1, .channels = 1, .size = 16, .frame_max = 131072,
      .warmup = 0.5, .duration = 2, .drain = 3, .verify = 64, .publishing = true, .consuming = true,
  };
  for (int option; (option = getopt_long(argc, argv, "", LONG_OPTIONS, NULL)) != -1;) apply(&o, option, optarg);
  if (optind < argc) refuse("not an option: ", argv[optind]);
  if (!o.publishing && !o.consuming) refuse("--publish-only and --consume-only leave nothing to do", "");
  if (o.queues == 0 && (o.consuming || !*o.exchange)) refuse("--queues 0 needs --publish-only and --exchange", "");
  if (!o.binding_key) o.binding_key = o.routing_key;
  // An acknowledgement that waits for more deliveries than the prefetch allows would never be sent.
  if (o.prefetch && o.ack_every > o.prefetch) o.ack_every = o.prefetch;
  if (o.count) o.warmup = 0;
  if (o.timeout == 0) o.timeout = o.count ? 300 : o.warmup + o.duration + o.drain + 20;
  return o;
}
