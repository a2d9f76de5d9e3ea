#include "report.h"

typedef unsigned long long ull;

struct snapshot snapshot_take(const struct run *run) {
  struct snapshot snapshot = {.at = run->now, .counters = run->total};
  snapshot.broker_ns = processor_ns(run->options->broker_pid);
  getrusage(RUSAGE_SELF, &snapshot.usage);
  return snapshot;
}

static double seconds_between(struct timeval from, struct timeval to) {
  return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_usec - from.tv_usec) / 1e6;
}

static void print_text(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') fprintf(out, "\\%c", *text);
    else if ((unsigned char)*text < ' ') fprintf(out, "\\u%04x", (unsigned)*text);
    else fputc(*text, out);
  }
  fputc('"', out);
}

static void print_counters(FILE *out, const char *name, const struct counters *c) {
  fprintf(out, "\"%s\":{\"published\":%llu,\"delivered\":%llu,\"confirmed\":%llu,\"nacked\":%llu,\"returned\":%llu,"
          "\"churned\":%llu}", name, (ull)c->published, (ull)c->delivered, (ull)c->confirmed, (ull)c->nacked,
          (ull)c->returned, (ull)c->churned);
}

static void print_latency(FILE *out, const char *name, const struct histogram *h) {
  if (!h->count) {
    fprintf(out, "\"%s\":null", name);
    return;
  }
  fprintf(out, "\"%s\":{\"count\":%llu,\"p50\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"max\":%.1f}", name, (ull)h->count,
          (double)histogram_percentile(h, 0.5) / 1e3, (double)histogram_percentile(h, 0.99) / 1e3,
          (double)histogram_percentile(h, 0.999) / 1e3, (double)h->max / 1e3);
}

/** Messages a second: over the window, or, when messages are counted, until the last of them. */
static double rate(const struct run *run, const struct outcome *o, uint64_t from, uint64_t to, uint64_t last) {
  uint64_t until = run->options->count ? last : o->end.at;
  return to > from && until > o->begin.at ? (double)(to - from) * 1e9 / (double)(until - o->begin.at) : 0;
}

static void print_window(FILE *out, const struct run *run, const struct outcome *o) {
  const struct counters *from = &o->begin.counters, *to = &o->end.counters;
  struct counters window = {
      .published = to->published - from->published,
      .delivered = to->delivered - from->delivered,
      .confirmed = to->confirmed - from->confirmed,
      .nacked = to->nacked - from->nacked,
      .returned = to->returned - from->returned,
      .churned = to->churned - from->churned,
  };
  fprintf(out, "\"seconds\":%.4f,", (double)(o->end.at - o->begin.at) / 1e9);
  fprintf(out, "\"published_per_s\":%.0f,", rate(run, o, from->published, to->published, run->last_published));
  fprintf(out, "\"delivered_per_s\":%.0f,", rate(run, o, from->delivered, to->delivered, run->last_delivered));
  fprintf(out, "\"confirmed_per_s\":%.0f,", rate(run, o, from->confirmed, to->confirmed, run->last_confirmed));
  fprintf(out, "\"churned_per_s\":%.0f,", rate(run, o, from->churned, to->churned, o->end.at));
  if (o->most_share) fprintf(out, "\"fairness\":%.4f,", (double)o->least_share / (double)o->most_share);
  else fprintf(out, "\"fairness\":null,");
  if (window.published) fprintf(out, "\"balance\":%.4f,", (double)window.delivered / (double)window.published);
  else fprintf(out, "\"balance\":null,");
  print_counters(out, "window", &window);
}

static void print_check(FILE *out, const struct run *run, const struct outcome *o) {
  uint64_t missing = o->expected > run->total.delivered ? o->expected - run->total.delivered : 0;
  fprintf(out,
          "\"check\":{\"ok\":%s,\"order_checked\":%s,\"drained\":%s,\"expected\":%llu,\"undelivered\":%llu,"
          "\"unconfirmed\":%llu,\"holes\":%llu,\"duplicates\":%llu,\"reorders\":%llu,\"redelivered\":%llu,"
          "\"corrupt\":%llu,\"strangers\":%llu,\"bodies_compared\":%llu,\"blocked\":%llu}",
          o->ok ? "true" : "false", run->options->size >= 16 ? "true" : "false", o->is_drained ? "true" : "false",
          (ull)o->expected, (ull)missing, (ull)o->unconfirmed, (ull)o->holes, (ull)run->duplicates, (ull)run->reorders,
          (ull)run->redelivered, (ull)run->corrupt, (ull)run->strangers, (ull)run->verified, (ull)run->blocked);
}

static void print_cpu(FILE *out, const struct outcome *o) {
  double user = seconds_between(o->begin.usage.ru_utime, o->end.usage.ru_utime);
  double system = seconds_between(o->begin.usage.ru_stime, o->end.usage.ru_stime);
  double seconds = (double)(o->end.at - o->begin.at) / 1e9;
  if (o->begin.broker_ns) fprintf(out, "\"broker_seconds\":%.6f,", (double)(o->end.broker_ns - o->begin.broker_ns) / 1e9);
  else fprintf(out, "\"broker_seconds\":null,");
  double workers = (double)(o->end.workers_ns - o->begin.workers_ns) / 1e9;
  fprintf(out, "\"cpu\":{\"user\":%.3f,\"system\":%.3f,\"workers\":%.3f,\"share\":%.3f}", user, system, workers,
          seconds > 0 ? (user + system + workers) / seconds : 0);
}

void report_print(FILE *out, const struct run *run, const struct outcome *o) {
  fputc('{', out);
  print_window(out, run, o);
  fputc(',', out);
  print_counters(out, "total", &run->total);
  fputc(',', out);
  print_latency(out, "latency_us", &run->delivery_latency);
  fputc(',', out);
  print_latency(out, "confirm_latency_us", &run->confirm_latency);
  fputc(',', out);
  print_latency(out, "churn_latency_us", &run->churn_latency);
  fputc(',', out);
  print_check(out, run, o);
  fputc(',', out);
  print_cpu(out, o);
  fprintf(out, ",\"errors\":[");
  int kept = (int)(sizeof run->errors / sizeof run->errors[0]);
  for (int i = 0; i < run->error_count && i < kept; i++) {
    if (i) fputc(',', out);
    print_text(out, run->errors[i]);
  }
  fprintf(out, "]}\n");
}
