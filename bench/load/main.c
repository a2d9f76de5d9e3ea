// The load generator's process: opens everything, runs one event loop over all sockets, checks, reports.
//
//   open ─▶ warm-up ─▶ window (counted) ─▶ drain (publishers stopped, the rest arrives) ─▶ delete, close, print
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "connection.h"
#include "consumer.h"
#include "publisher.h"
#include "report.h"
#include "topology.h"

enum { EVENTS = 256, IDLE_MS = 5 };

static const uint64_t SECOND = 1000000000u;

/** Everything that is open. */
struct load {
  struct run run;
  struct connection *control; // declares, publishes nothing
  struct channel *control_channel;
  struct connection **connections; // of publishers and consumers
  struct publisher **publishers;
  struct consumer **consumers;
  uint32_t connection_count, publisher_count, consumer_count;
  int epoll, timer; // timer: -1 unless paced
  uint64_t began; // the first publish or consume
  uint64_t issued; // paced: messages handed out to publishers
  uint64_t told_at; // when the last line of progress was printed
  struct outcome outcome;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number) { interrupted = number; }

// ---- opening ----------------------------------------------------------------------------------------------------

static void allow_many_sockets(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void make_pattern(struct run *run) {
  uint8_t *pattern = allocate(run->options->size + 16, 1);
  uint32_t state = 2463534242u; // xorshift: a pattern whose parts cannot be mistaken for one another
  for (uint64_t i = 0; i < run->options->size; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    pattern[i] = (uint8_t)(state >> 24);
  }
  run->pattern = pattern;
}

/** The channel for the n-th publisher or consumer: on a new connection whenever the last one has enough. */
static struct channel *next_channel(struct load *load, uint32_t n) {
  if (n % load->run.options->channels == 0) {
    struct connection *connection = connection_open(&load->run);
    if (!connection) return NULL;
    load->connections[load->connection_count++] = connection;
  }
  return connection_open_channel(load->connections[load->connection_count - 1]);
}

static bool open_control(struct load *load) {
  load->control = connection_open(&load->run);
  if (!load->control) return false;
  load->control_channel = connection_open_channel(load->control);
  return load->control_channel && topology_declare(load->control_channel);
}

static bool open_all(struct load *load) {
  struct run *run = &load->run;
  const struct options *o = run->options;
  run->sequences = allocate((size_t)o->queues * o->publishers, sizeof *run->sequences);
  load->connections = allocate((size_t)o->publishers + o->consumers, sizeof *load->connections);
  load->publishers = allocate(o->publishers, sizeof *load->publishers);
  load->consumers = allocate(o->consumers, sizeof *load->consumers);
  if (!open_control(load)) return false;
  for (uint32_t i = 0; o->publishing && i < o->publishers; i++) {
    struct channel *channel = next_channel(load, i);
    if (!channel) return false;
    load->publishers[load->publisher_count++] = publisher_create(run, channel, i);
    if (run_has_failed(run)) return false;
  }
  for (uint32_t i = 0; o->consuming && i < o->consumers; i++) {
    struct channel *channel = next_channel(load, i);
    if (!channel) return false;
    load->consumers[load->consumer_count++] = consumer_create(run, channel, i, o->consumers);
    if (run_has_failed(run)) return false;
  }
  return true;
}

static void watch_timer(struct load *load) {
  load->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  double interval = 1e9 / load->run.options->rate;
  if (interval < 50e3) interval = 50e3; // above 20 000 a second, several messages a tick
  struct timespec each = {.tv_sec = (time_t)(interval / 1e9), .tv_nsec = (long)interval % (long)SECOND};
  struct itimerspec ticks = {.it_interval = each, .it_value = each};
  timerfd_settime(load->timer, 0, &ticks, NULL);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(load->epoll, EPOLL_CTL_ADD, load->timer, &event);
}

static void start_all(struct load *load) {
  struct run *run = &load->run;
  load->epoll = epoll_create1(EPOLL_CLOEXEC);
  connection_watch(load->control, load->epoll);
  for (uint32_t i = 0; i < load->connection_count; i++) connection_watch(load->connections[i], load->epoll);
  if (run->options->rate > 0) watch_timer(load);
  run->now = load->began = clock_ns();
  run->publishing = run->options->publishing;
  for (uint32_t i = 0; i < load->consumer_count; i++) consumer_start(load->consumers[i]);
  // Consumers first: the publishers' first messages find them there.
  for (uint32_t i = load->connection_count; i-- > 0;) connection_pump(load->connections[i]);
}

// ---- running ----------------------------------------------------------------------------------------------------

/** Hands messages that are due to the publishers in turn. */
static void pace(struct load *load) {
  struct run *run = &load->run;
  if (load->timer < 0 || !run->publishing) return;
  uint64_t due = (uint64_t)((double)(run->now - load->began) * run->options->rate / 1e9);
  for (; load->issued < due; load->issued++) {
    struct publisher *publisher = load->publishers[load->issued % load->publisher_count];
    if (publisher->credit++ == 0) publisher->due_at = run->now;
    connection_pump(publisher->channel->connection);
  }
}

static void tell_progress(struct load *load) {
  const struct run *run = &load->run;
  if (run->options->progress == 0 || (double)(run->now - load->told_at) < run->options->progress * 1e9) return;
  load->told_at = run->now;
  fprintf(stderr, "progress %llu %llu\n", (unsigned long long)run->total.published,
          (unsigned long long)run->total.delivered);
}

static void wait_and_handle(struct load *load, int wait_ms) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(load->epoll, events, EVENTS, wait_ms);
  load->run.now = clock_ns();
  for (int i = 0; i < count; i++) {
    struct connection *connection = events[i].data.ptr;
    if (!connection) {
      uint64_t expirations;
      if (read(load->timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) interrupted = SIGTERM;
      continue;
    }
    if (events[i].events & ~(uint32_t)EPOLLOUT) connection_receive(connection);
    else connection_pump(connection);
  }
  pace(load);
  tell_progress(load);
}

static uint64_t unconfirmed(const struct load *load) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < load->publisher_count; i++) sum += load->publishers[i]->unconfirmed;
  return sum;
}

static uint64_t expected_deliveries(const struct load *load) {
  const struct options *o = load->run.options;
  if (!o->consuming) return 0;
  if (!o->publishing) return o->count;
  uint64_t sum = 0;
  for (uint32_t i = 0; i < load->publisher_count; i++) sum += load->publishers[i]->prepared;
  return *o->exchange ? sum * o->queues : sum;
}

static bool is_published(const struct load *load) {
  uint64_t prepared = 0;
  for (uint32_t i = 0; i < load->publisher_count; i++) prepared += load->publishers[i]->prepared;
  return load->run.total.published == prepared && (load->run.publishing ? prepared == load->run.options->count : true);
}

static bool is_complete(const struct load *load) {
  return is_published(load) && load->run.total.delivered >= expected_deliveries(load) && unconfirmed(load) == 0;
}

static bool must_stop(const struct load *load) { return run_has_failed(&load->run) || interrupted; }

static void run_until(struct load *load, uint64_t deadline) {
  while (load->run.now < deadline && !must_stop(load)) {
    uint64_t left_ms = (deadline - load->run.now) / 1000000;
    wait_and_handle(load, left_ms < IDLE_MS ? (int)left_ms : IDLE_MS);
  }
}

/** Runs until all has arrived, the deadline has passed, or nothing has moved for a second. */
static void run_to_end(struct load *load, uint64_t deadline) {
  struct counters last = load->run.total;
  uint64_t moved_at = load->run.now;
  while (!is_complete(load) && !must_stop(load) && load->run.now < deadline) {
    wait_and_handle(load, IDLE_MS);
    const struct counters *now = &load->run.total;
    if (memcmp(now, &last, sizeof last)) {
      last = *now;
      moved_at = load->run.now;
      continue;
    }
    for (uint32_t i = 0; i < load->consumer_count; i++) {
      consumer_ack_rest(load->consumers[i]);
      connection_pump(load->consumers[i]->channel->connection);
    }
    if (load->run.now - moved_at > (load->run.options->count ? 10 : 1) * SECOND) break;
  }
}

static void begin_window(struct load *load) {
  struct run *run = &load->run;
  memset(&run->delivery_latency, 0, sizeof run->delivery_latency);
  memset(&run->confirm_latency, 0, sizeof run->confirm_latency);
  run->measuring = true;
  load->outcome.begin = snapshot_take(run);
}

static void end_window(struct load *load) {
  load->run.measuring = false;
  load->outcome.end = snapshot_take(&load->run);
}

static void run_all(struct load *load) {
  const struct options *o = load->run.options;
  uint64_t give_up = load->began + (uint64_t)(o->timeout * 1e9);
  if (o->count) {
    begin_window(load);
    run_to_end(load, give_up);
    end_window(load);
    return;
  }
  run_until(load, load->began + (uint64_t)(o->warmup * 1e9));
  begin_window(load);
  run_until(load, load->outcome.begin.at + (uint64_t)(o->duration * 1e9));
  end_window(load);
  load->run.publishing = false;
  uint64_t drained_by = load->run.now + (uint64_t)(o->drain * 1e9);
  if (o->publishing) run_to_end(load, drained_by < give_up ? drained_by : give_up);
}

// ---- ending -----------------------------------------------------------------------------------------------------

/** Loss and late answers become errors; a backlog that is merely not yet delivered does not. */
static void judge(struct load *load) {
  struct run *run = &load->run;
  struct outcome *outcome = &load->outcome;
  const struct options *o = run->options;
  for (size_t i = 0; i < (size_t)o->queues * o->publishers; i++) outcome->holes += sequence_holes(&run->sequences[i]);
  outcome->expected = expected_deliveries(load);
  outcome->unconfirmed = unconfirmed(load);
  outcome->is_drained = is_complete(load);
  if (run_has_failed(run)) return;
  if (interrupted) run_fail(run, "stopped by signal %d", (int)interrupted);
  if (outcome->is_drained && run->total.delivered > outcome->expected && outcome->expected) {
    run_fail(run, "more deliveries than messages");
  }
  // With one consumer a queue, a number jumped over will not come: with more, it may be on its way to another.
  bool is_certain = outcome->is_drained || (o->publishing && o->consuming && o->consumers <= o->queues);
  if (outcome->holes && is_certain) run_fail(run, "%llu messages lost", (unsigned long long)outcome->holes);
  if (run->now - run->last_delivered > SECOND / 2 && o->consuming && run->total.delivered < outcome->expected) {
    run_fail(run, "deliveries stopped at %llu of %llu", (unsigned long long)run->total.delivered,
             (unsigned long long)outcome->expected);
  }
  if (outcome->unconfirmed) {
    run_fail(run, "%llu publishes were not confirmed", (unsigned long long)outcome->unconfirmed);
  }
  if (run->total.nacked) run_fail(run, "%llu publishes were refused", (unsigned long long)run->total.nacked);
  if (run->duplicates) run_fail(run, "%llu messages came twice", (unsigned long long)run->duplicates);
  if (run->reorders) run_fail(run, "%llu messages came out of order", (unsigned long long)run->reorders);
  if (run->corrupt) run_fail(run, "%llu messages came changed", (unsigned long long)run->corrupt);
  if (run->strangers) run_fail(run, "%llu messages are of nobody's", (unsigned long long)run->strangers);
}

static void close_all(struct load *load) {
  load->run.leaving = true;
  load->run.publishing = false;
  if (load->control && !load->control->is_closed && load->control_channel) {
    // A fresh connection, as the control channel may be closed by the error that ended the run.
    struct run farewell = {.options = load->run.options};
    struct connection *connection = connection_open(&farewell);
    struct channel *channel = connection ? connection_open_channel(connection) : NULL;
    if (!channel || !topology_delete(channel)) {
      run_fail(&load->run, "cannot delete what was declared: %s", farewell.errors[0]);
    }
    if (connection) {
      farewell.leaving = true;
      connection_close(connection);
      connection_free(connection);
    }
  }
  for (uint32_t i = 0; i < load->connection_count; i++) connection_close(load->connections[i]);
  if (load->control) connection_close(load->control);
}

int main(int argc, char **argv) {
  struct options options = options_parse(argc, argv);
  struct load *load = allocate(1, sizeof *load);
  load->run.options = &options;
  load->timer = -1;
  signal(SIGPIPE, SIG_IGN);
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  prctl(PR_SET_TIMERSLACK, 1);
  allow_many_sockets();
  make_pattern(&load->run);

  if (open_all(load)) {
    start_all(load);
    run_all(load);
  }
  judge(load);
  close_all(load);
  load->outcome.ok = !run_has_failed(&load->run);
  report_print(stdout, &load->run, &load->outcome);
  return load->outcome.ok ? 0 : 1;
}
