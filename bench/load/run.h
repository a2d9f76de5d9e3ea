// What a run counts and how it stands: shared by the connections, publishers and consumers of one run.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "options.h"
#include "sequence.h"

struct counters {
  uint64_t published, delivered, confirmed, nacked, returned, churned;
};

struct run {
  const struct options *options;
  uint64_t now; // nanoseconds of a clock that never jumps, read once for each wait and each chunk received
  bool measuring; // inside the window: latencies are recorded
  bool publishing; // publishers may start new blocks
  bool consuming; // consumers may ask for more
  bool leaving; // what arrives no longer counts

  struct counters total;
  uint64_t last_published, last_confirmed, last_delivered; // when

  struct histogram delivery_latency, confirm_latency, churn_latency;

  struct sequence *sequences; // one for each (queue, publisher): see run_sequence
  uint64_t duplicates, reorders, corrupt, strangers, redelivered, verified;
  uint64_t blocked; // times the broker sent connection.blocked

  const uint8_t *pattern; // what octets 16 and on of each body are
  char errors[8][320];
  int error_count; // may exceed the errors kept
};

uint64_t clock_ns(void);

/** Notes an error: the run stops and fails. */
__attribute__((format(printf, 2, 3))) void run_fail(struct run *run, const char *format, ...);

static inline bool run_has_failed(const struct run *run) { return run->error_count > 0; }

static inline struct sequence *run_sequence(struct run *run, uint32_t queue, uint32_t publisher) {
  return &run->sequences[(size_t)queue * run->options->publishers + publisher];
}

/** Processor time that a process has used, in nanoseconds; 0 when that cannot be told. */
uint64_t processor_ns(uint32_t pid);

/** Allocates zeroed memory or ends the program. */
void *allocate(size_t count, size_t size);
