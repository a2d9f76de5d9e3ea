// The load generator's process: opens everything, runs one event loop over all sockets, checks, reports.
//
//   open ─▶ fill ─▶ warm-up ─▶ window (counted) ─▶ drain (publishers stopped, the rest arrives) ─▶ delete, close, print
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "churn.h"
#include "load.h"

enum { EVENTS = 256, IDLE_MS = 5 };

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
  while (!load_is_complete(load) && !must_stop(load) && load->run.now < deadline) {
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

// ---- the phases -------------------------------------------------------------------------------------------------

static void watch_all(struct load *load) {
  load->epoll = epoll_create1(EPOLL_CLOEXEC);
  connection_watch(load->control, load->epoll);
  for (uint32_t i = 0; i < load->connection_count; i++) connection_watch(load->connections[i], load->epoll);
}

static void pump_all(struct load *load) {
  for (uint32_t i = load->connection_count; i-- > 0;) connection_pump(load->connections[i]);
}

/** Publishes what lies in the queues when the run begins. */
static void fill(struct load *load) {
  struct run *run = &load->run;
  if (!run->options->fill) return;
  run->publishing = true;
  pump_all(load);
  while ((run->total.published < run->options->fill || load_outstanding(load)) && !must_stop(load)) {
    wait_and_handle(load, IDLE_MS);
  }
  for (uint32_t i = 0; i < load->publisher_count; i++) {
    load->publishers[i]->limit = PUBLISHER_UNLIMITED;
    load->publishers[i]->is_paced = run->options->rate > 0;
  }
}

static void start(struct load *load) {
  struct run *run = &load->run;
  if (run->options->rate > 0) watch_timer(load);
  run->now = load->began = clock_ns();
  run->publishing = run->options->publishing;
  run->consuming = run->options->consuming;
  for (uint32_t i = 0; i < load->consumer_count; i++) consumer_start(load->consumers[i]);
  // Consumers were opened last and are pumped first: the publishers' first messages find them there.
  pump_all(load);
}

static void begin_window(struct load *load) {
  struct run *run = &load->run;
  memset(&run->delivery_latency, 0, sizeof run->delivery_latency);
  memset(&run->confirm_latency, 0, sizeof run->confirm_latency);
  run->measuring = true;
  load_begin_shares(load);
  load->outcome.begin = snapshot_take(run);
}

static void end_window(struct load *load) {
  load->run.measuring = false;
  load_note_shares(load);
  load->outcome.end = snapshot_take(&load->run);
}

/** Nobody publishes or asks any more; what is on its way arrives. */
static void drain(struct load *load, uint64_t give_up) {
  const struct options *o = load->run.options;
  load->run.publishing = load->run.consuming = false;
  uint64_t drained_by = load->run.now + (uint64_t)(o->drain * 1e9);
  if (o->publishing) run_to_end(load, drained_by < give_up ? drained_by : give_up);
  while (o->get && !load_is_answered(load) && !must_stop(load) && load->run.now < drained_by) {
    wait_and_handle(load, IDLE_MS);
  }
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
  drain(load, give_up);
}

static void run_load(struct load *load) {
  if (load->run.options->churn) {
    if (load_open_control(load)) churn_run(load, &interrupted);
    return;
  }
  if (!load_open(load)) return;
  watch_all(load);
  fill(load);
  start(load);
  run_all(load);
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

  run_load(load);
  load_judge(load, interrupted);
  load_close(load);
  load->outcome.ok = !run_has_failed(&load->run);
  report_print(stdout, &load->run, &load->outcome);
  return load->outcome.ok ? 0 : 1;
}
