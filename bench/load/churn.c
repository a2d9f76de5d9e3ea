#include "churn.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "topology.h"

enum { STARTING, MEASURING, ENDING };

/** What the workers and their parent share. */
struct workshop {
  _Atomic int phase;
  pid_t pids[256];
  struct run runs[]; // one for each worker, written by that worker only
};

struct worker {
  struct workshop *workshop;
  struct run *run;
  uint32_t index;
  struct connection *connection; // when queues churn
  struct channel *channel;
  struct consumer *consumer;
};

// ---- the steps --------------------------------------------------------------------------------------------------

/** Publishes one message, stamped as publishers stamp theirs. */
static void put_stamped(struct worker *w, struct channel *channel, const char *exchange, const char *key) {
  struct buffer *control = &channel->connection->control;
  size_t body_at = block_put_message(control, channel, &(struct message){exchange, key, 0, 0});
  uint64_t size = w->run->options->size, stamp = clock_ns(), number = w->run->total.published++;
  if (size >= 8) memcpy(control->bytes + body_at, &stamp, 8);
  if (size >= 16) memcpy(control->bytes + body_at + 8, &number, 8);
}

static bool visit(struct worker *w, struct connection *connection) {
  char queue[256];
  options_queue_name(w->run->options, w->index % w->run->options->queues, queue, sizeof queue);
  struct channel *channel = connection_open_channel(connection);
  if (!channel || !topology_declare_queue(channel, queue)) return false;
  put_stamped(w, channel, "", queue);
  connection_close(connection);
  return !run_has_failed(w->run);
}

static bool churn_connection(struct worker *w) {
  struct connection *connection = connection_open(w->run);
  if (!connection) return false;
  bool ok = visit(w, connection);
  connection_free(connection);
  return ok;
}

static bool get_one(struct worker *w, const char *queue) {
  struct buffer *control = &w->connection->control;
  w->consumer->asked++;
  size_t frame = method_begin(control, w->channel->number, BASIC_GET);
  put16(control, 0);
  put_short_string(control, queue);
  put8(control, 1);
  frame_end(control, frame);
  return connection_request(w->connection, BASIC_GET_OK);
}

static bool churn_queue(struct worker *w) {
  char queue[256];
  snprintf(queue, sizeof queue, "%s-%u-%llu", w->run->options->queue, w->index,
           (unsigned long long)w->run->total.churned);
  if (!topology_declare_queue(w->channel, queue)) return false;
  if (!topology_bind_queue(w->channel, queue, "amq.direct", queue)) return false;
  put_stamped(w, w->channel, "amq.direct", queue);
  return get_one(w, queue) && topology_delete_queue(w->channel, queue);
}

// ---- a worker ---------------------------------------------------------------------------------------------------

static bool prepare(struct worker *w) {
  const struct options *o = w->run->options;
  w->run->sequences = allocate((size_t)o->queues * o->publishers, sizeof *w->run->sequences);
  if (o->churn == CHURN_CONNECTIONS) return true;
  w->connection = connection_open(w->run);
  w->channel = w->connection ? connection_open_channel(w->connection) : NULL;
  if (!w->channel) return false;
  w->consumer = consumer_create(w->channel, GETS, 0, 1);
  return true;
}

static void work(struct worker *w) {
  struct run *run = w->run;
  bool ok = prepare(w);
  while (ok && atomic_load(&w->workshop->phase) != ENDING) {
    uint64_t since = clock_ns();
    ok = run->options->churn == CHURN_CONNECTIONS ? churn_connection(w) : churn_queue(w);
    if (!ok) break;
    run->total.churned++;
    if (atomic_load(&w->workshop->phase) == MEASURING) histogram_record(&run->churn_latency, clock_ns() - since);
  }
  if (!ok && !run_has_failed(run)) run_fail(run, "a worker had no answer");
  run->leaving = true;
  if (w->connection) connection_close(w->connection);
}

static bool start_worker(struct workshop *workshop, const struct run *run, uint32_t index) {
  workshop->runs[index] = *run;
  pid_t pid = fork();
  workshop->pids[index] = pid;
  if (pid) return pid > 0;
  work(&(struct worker){.workshop = workshop, .run = &workshop->runs[index], .index = index});
  _exit(0);
}

// ---- all of them ------------------------------------------------------------------------------------------------

static void sum_up(struct run *run, const struct workshop *workshop) {
  run->total = (struct counters){0};
  for (uint32_t i = 0; i < run->options->workers; i++) {
    const struct counters *c = &workshop->runs[i].total;
    run->total.published += c->published;
    run->total.delivered += c->delivered;
    run->total.churned += c->churned;
  }
  run->now = clock_ns();
}

static struct snapshot take_snapshot(struct run *run, const struct workshop *workshop) {
  sum_up(run, workshop);
  struct snapshot snapshot = snapshot_take(run);
  for (uint32_t i = 0; i < run->options->workers; i++) snapshot.workers_ns += processor_ns((uint32_t)workshop->pids[i]);
  return snapshot;
}

static void merge_checks(struct run *run, const struct workshop *workshop) {
  for (uint32_t i = 0; i < run->options->workers; i++) {
    const struct run *one = &workshop->runs[i];
    run->duplicates += one->duplicates;
    run->reorders += one->reorders;
    run->corrupt += one->corrupt;
    run->strangers += one->strangers;
    run->verified += one->verified;
    if (one->error_count) run_fail(run, "%s", one->errors[0]);
    histogram_add(&run->churn_latency, &one->churn_latency);
  }
}

static void pause_for(double seconds, const struct workshop *workshop, uint32_t workers,
                      const volatile sig_atomic_t *interrupted) {
  uint64_t until = clock_ns() + (uint64_t)(seconds * 1e9);
  const struct timespec slice = {.tv_nsec = 5 * 1000 * 1000};
  while (clock_ns() < until && !*interrupted) {
    for (uint32_t i = 0; i < workers; i++) {
      if (workshop->runs[i].error_count) return;
    }
    nanosleep(&slice, NULL);
  }
}

void churn_run(struct load *load, const volatile sig_atomic_t *interrupted) {
  struct run *run = &load->run;
  const struct options *o = run->options;
  size_t octets = sizeof(struct workshop) + o->workers * sizeof(struct run);
  struct workshop *workshop = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (workshop == MAP_FAILED) return run_fail(run, "no memory to share");
  uint32_t started = 0;
  while (started < o->workers && start_worker(workshop, run, started)) started++;
  if (started < o->workers) run_fail(run, "cannot start more than %u workers", started);
  pause_for(o->warmup, workshop, o->workers, interrupted);
  load->outcome.begin = take_snapshot(run, workshop);
  atomic_store(&workshop->phase, MEASURING);
  pause_for(o->duration, workshop, o->workers, interrupted);
  load->outcome.end = take_snapshot(run, workshop);
  atomic_store(&workshop->phase, ENDING);
  while (waitpid(-1, NULL, 0) > 0) continue;
  sum_up(run, workshop);
  merge_checks(run, workshop);
  load->outcome.is_drained = true;
  if (o->churn == CHURN_QUEUES) return;
  load->outcome.is_rest_known = true; // each visit left one message
  load->outcome.left = run->total.published;
}
