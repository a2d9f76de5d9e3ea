#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
  TEXT,
  SHORT, // a text that fits in a short string, with its {} expanded
  LIST,
  WHOLE, // uint32_t
  LONG, // uint64_t
  REAL,
  SET,
  CLEAR,
  ACK,
  CHURN,
  HELP,
};

struct spec {
  const char *name;
  enum kind kind;
  size_t at; // in struct options
  double least, most;
  const char *help;
};

#define AT(field) offsetof(struct options, field)

enum { MILLION = 1000000, HOUR = 3600 };

static const struct spec SPECS[] = {
    {"host", TEXT, AT(host), 0, 0, "where the broker is (127.0.0.1)"},
    {"port", TEXT, AT(port), 0, 0, "(5672)"},
    {"user", SHORT, AT(user), 0, 0, "(guest)"},
    {"pass", SHORT, AT(password), 0, 0, "(guest)"},
    {"vhost", SHORT, AT(vhost), 0, 0, "(/)"},
    {"publishers", WHOLE, AT(publishers), 1, 60000, "channels that publish (1)"},
    {"consumers", WHOLE, AT(consumers), 1, 60000, "channels that consume (1)"},
    {"publish-only", CLEAR, AT(consuming), 0, 0, "nobody consumes"},
    {"consume-only", CLEAR, AT(publishing), 0, 0, "nobody publishes, save what --fill says"},
    {"channels", WHOLE, AT(channels), 1, 2000, "channels on one connection (1)"},
    {"connections", WHOLE, AT(connections), 0, 60000, "share so many, publisher n and consumer n the same (0: see above)"},
    {"queue", SHORT, AT(queue), 0, 0, "queue to declare (amqp-load)"},
    {"queues", WHOLE, AT(queues), 0, MILLION, "several are NAME-0, NAME-1 ... (1)"},
    {"durable", SET, AT(durable), 0, 0, "queues and exchange are durable"},
    {"auto-delete", SET, AT(auto_delete), 0, 0, "queues are deleted with their last consumer"},
    {"queue-type", SHORT, AT(queue_type), 0, 0, "x-queue-type"},
    {"queue-argument", LIST, AT(queue_arguments), 0, 0, "NAME=VALUE; may be repeated"},
    {"no-declare", CLEAR, AT(declare), 0, 0, "the queues exist already"},
    {"keep", SET, AT(keep), 0, 0, "the queues stay after the run"},
    {"exchange", SHORT, AT(exchange), 0, 0, "publish to it; each queue is bound"},
    {"exchange-type", SHORT, AT(exchange_type), 0, 0, "declare it"},
    {"routing-key", SHORT, AT(routing_key), 0, 0, "of messages; {} is a number below --keys"},
    {"binding-key", LIST, AT(binding_keys), 0, 0, "taken in turn when repeated; {} is the number of the binding"},
    {"binding-argument", LIST, AT(binding_arguments), 0, 0, "NAME=VALUE; may be repeated; {} as above"},
    {"header", LIST, AT(headers), 0, 0, "NAME=VALUE of messages; may be repeated; {} as in --routing-key"},
    {"bindings", WHOLE, AT(bindings), 0, MILLION, "of all queues together (0: one each)"},
    {"keys", WHOLE, AT(keys), 0, MILLION, "that publishers take in turn (0: as many as bindings)"},
    {"mandatory", SET, AT(mandatory), 0, 0, "unroutable messages come back and are counted"},
    {"size", LONG, AT(size), 0, 512 << 20, "octets of a body; from 8 latency, from 16 order and loss are checked (16)"},
    {"persistent", SET, AT(persistent), 0, 0, "delivery mode 2"},
    {"message-ids", SET, AT(message_ids), 0, 0, "each message has a message-id, up to 4096 different ones"},
    {"priorities", WHOLE, AT(priorities), 0, 255, "publisher n publishes with priority n modulo this"},
    {"confirm", WHOLE, AT(confirm), 0, 10 * MILLION, "publisher confirms, at most N outstanding a publisher (0: none)"},
    {"tx", WHOLE, AT(transaction), 0, 4096, "messages of a transaction; then publishers wait for its commit (0: none)"},
    {"rpc", WHOLE, AT(rpc), 0, 4096, "consumers reply by direct reply-to, at most N requests outstanding a publisher"},
    {"ack", ACK, AT(ack_every), 1, 65535, "auto, or one acknowledgement every N deliveries (auto)"},
    {"requeue", WHOLE, AT(requeue_every), 0, 65535, "hand N deliveries back at once, for ever; needs --fill (0: never)"},
    {"get", WHOLE, AT(get), 0, 4096, "basic.get, at most N outstanding a consumer (0: basic.consume)"},
    {"prefetch", WHOLE, AT(prefetch), 0, 65535, "basic.qos of a consumer (0: no limit)"},
    {"offset", SHORT, AT(stream_offset), 0, 0, "x-stream-offset of a consumer: first, last, next, or such as 5m"},
    {"frame-max", WHOLE, AT(frame_max), 4096, 16 << 20, "largest frame to negotiate (131072)"},
    {"rate", REAL, AT(rate), 0, 1e9, "messages a second of all publishers together (0: no limit)"},
    {"fill", LONG, AT(fill), 0, 1ull << 40, "publish so many before the warm-up, when nobody consumes"},
    {"warmup", REAL, AT(warmup), 0, 600, "seconds before the measured window (0.5)"},
    {"duration", REAL, AT(duration), 0.1, HOUR, "seconds of the measured window (2)"},
    {"count", LONG, AT(count), 0, 1ull << 40, "publish or consume so many messages instead"},
    {"drain", REAL, AT(drain), 0, HOUR, "wait so long for the rest after the window (3)"},
    {"timeout", REAL, AT(timeout), 1, 2 * HOUR, "give the whole run up after so long"},
    {"progress", REAL, AT(progress), 0, HOUR, "so often \"progress PUBLISHED DELIVERED\" on standard error (0: never)"},
    {"verify", WHOLE, AT(verify), 0, 1 << 30, "compare every N-th body octet by octet (64; 0: none)"},
    {"churn", CHURN, AT(churn), 0, 0, "connections: connect, declare, publish, close; queues: declare, bind, publish, get, delete"},
    {"workers", WHOLE, AT(workers), 1, 256, "processes that churn (8)"},
    {"broker-pid", WHOLE, AT(broker_pid), 0, 1u << 30, "whose processor time is reported (0: nobody's)"},
    {"help", HELP, 0, 0, 0, "this text"},
};

enum { SPEC_COUNT = sizeof SPECS / sizeof SPECS[0] };

static bool takes_value(enum kind kind) { return kind != SET && kind != CLEAR && kind != HELP; }

static void print_usage(FILE *out) {
  fprintf(out, "amqp-load: load generator for AMQP 0-9-1 brokers; prints one JSON object\n\n");
  for (int i = 0; i < SPEC_COUNT; i++) {
    char option[64];
    snprintf(option, sizeof option, "--%s%s", SPECS[i].name, takes_value(SPECS[i].kind) ? " VALUE" : "");
    fprintf(out, "  %-26s %s\n", option, SPECS[i].help);
  }
}

static _Noreturn void refuse(const char *sentence, const char *what) {
  fprintf(stderr, "amqp-load: %s%s\n\n", sentence, what);
  print_usage(stderr);
  exit(2);
}

static double number(const struct spec *spec, const char *text) {
  char *end;
  errno = 0;
  double value = strtod(text, &end);
  if (errno || end == text || *end || !(value >= spec->least && value <= spec->most)) {
    refuse("not a usable number: ", text);
  }
  if (spec->kind != REAL && value != floor(value)) refuse("not a whole number: ", text);
  return value;
}

static const char *short_string(const char *text) {
  if (strlen(text) > 200) refuse("longer than 200 octets: ", text);
  return text;
}

static void append(struct list *list, const char *name, const char *text) {
  if (list->count == LIST_MAX) refuse("given too often: ", text);
  if (strcmp(name, "binding-key") && !strchr(text, '=')) refuse("not NAME=VALUE: ", text);
  list->items[list->count++] = short_string(text);
}

static enum churn churn_kind(const char *text) {
  if (!strcmp(text, "connections")) return CHURN_CONNECTIONS;
  if (!strcmp(text, "queues")) return CHURN_QUEUES;
  refuse("nothing to churn: ", text);
}

static void apply(struct options *o, const struct spec *spec, const char *value) {
  void *field = (char *)o + spec->at;
  switch (spec->kind) {
  case TEXT: *(const char **)field = value; break;
  case SHORT: *(const char **)field = short_string(value); break;
  case LIST: append(field, spec->name, value); break;
  case WHOLE: *(uint32_t *)field = (uint32_t)number(spec, value); break;
  case LONG: *(uint64_t *)field = (uint64_t)number(spec, value); break;
  case REAL: *(double *)field = number(spec, value); break;
  case SET: *(bool *)field = true; break;
  case CLEAR: *(bool *)field = false; break;
  case ACK: *(uint32_t *)field = strcmp(value, "auto") ? (uint32_t)number(spec, value) : 0; break;
  case CHURN: o->churn = churn_kind(value); break;
  case HELP: print_usage(stdout); exit(0);
  }
}

static void read_all(struct options *o, int argc, char **argv) {
  struct option long_options[SPEC_COUNT + 1] = {0};
  for (int i = 0; i < SPEC_COUNT; i++) {
    int has_value = takes_value(SPECS[i].kind) ? required_argument : no_argument;
    long_options[i] = (struct option){SPECS[i].name, has_value, 0, i + 1};
  }
  for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
    if (option < 1 || option > SPEC_COUNT) refuse("see the options", "");
    apply(o, &SPECS[option - 1], optarg);
  }
  if (optind < argc) refuse("not an option: ", argv[optind]);
}

bool options_are_keyed(const struct options *o) {
  if (!*o->exchange) return false;
  for (uint32_t i = 0; i < o->headers.count; i++) {
    if (strstr(o->headers.items[i], "{}")) return true;
  }
  return strstr(o->routing_key, "{}") != NULL;
}

/** What cannot be counted or checked is not run. */
static void check(const struct options *o) {
  if (!o->publishing && !o->consuming) refuse("--publish-only and --consume-only leave nothing to do", "");
  if (o->queues == 0 && (o->consuming || !*o->exchange)) refuse("--queues 0 needs --publish-only and --exchange", "");
  if (!!o->confirm + !!o->transaction + !!o->rpc > 1) refuse("only one of --confirm, --tx, --rpc", "");
  if (o->rpc && !(o->publishing && o->consuming)) refuse("--rpc needs publishers and consumers", "");
  if (o->rpc && (o->fill || *o->exchange || o->queues > 1 || o->size > 4000)) refuse("--rpc is for one queue and small bodies", "");
  if (o->fill && o->count) refuse("only one of --fill, --count", "");
  if (o->requeue_every && (!o->fill || o->publishing || o->consumers > 1 || o->queues > 1 || o->get)) {
    refuse("--requeue needs --fill, --consume-only, one consumer and one queue", "");
  }
  if (options_are_keyed(o) && (!o->queues || o->queues % o->publishers || o->keys % o->queues || o->keys > o->bindings)) {
    refuse("keys must be a multiple of the queues, they one of the publishers, and there must be a binding for each", "");
  }
}

struct options options_parse(int argc, char **argv) {
  struct options o = {
      .host = "127.0.0.1", .port = "5672", .user = "guest", .password = "guest", .vhost = "/",
      .queue = "amqp-load", .queues = 1, .declare = true, .exchange = "", .routing_key = "",
      .publishers = 1, .consumers = 1, .channels = 1, .size = 16, .frame_max = 131072, .workers = 8,
      .warmup = 0.5, .duration = 2, .drain = 3, .verify = 64, .publishing = true, .consuming = true,
  };
  read_all(&o, argc, argv);
  if (!o.bindings) o.bindings = o.queues;
  if (!o.keys) o.keys = o.bindings;
  if (!o.binding_keys.count) o.binding_keys.items[o.binding_keys.count++] = o.routing_key;
  check(&o);
  if (o.requeue_every) o.prefetch = o.requeue_every;
  // An acknowledgement that waits for more deliveries than the prefetch allows would never be sent.
  if (o.prefetch && o.ack_every > o.prefetch) o.ack_every = o.prefetch;
  if (o.count) o.warmup = 0;
  if (o.timeout == 0) o.timeout = o.count ? 300 : o.warmup + o.duration + o.drain + 20;
  return o;
}

void options_queue_name(const struct options *o, uint32_t index, char *name, size_t capacity) {
  if (o->queues > 1) snprintf(name, capacity, "%s-%u", o->queue, index);
  else snprintf(name, capacity, "%s", o->queue);
}

void options_expand(const char *text, uint32_t number, char *out, size_t capacity) {
  char digits[16];
  size_t length = (size_t)snprintf(digits, sizeof digits, "%u", number);
  size_t at = 0;
  while (*text && at + length + 1 < capacity) {
    if (text[0] == '{' && text[1] == '}') {
      memcpy(out + at, digits, length);
      at += length;
      text += 2;
    } else {
      out[at++] = *text++;
    }
  }
  out[at] = 0;
}
