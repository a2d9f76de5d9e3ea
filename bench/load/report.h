// The JSON object that a run prints.
#pragma once

#include <stdio.h>
#include <sys/resource.h>

#include "run.h"

/** Where a run stood at one moment. */
struct snapshot {
  uint64_t at; // nanoseconds
  struct counters counters;
  struct rusage usage;
  uint64_t workers_ns; // processor time of the processes that churn
  uint64_t broker_ns; // processor time of the broker, or 0
};

struct outcome {
  struct snapshot begin, end; // of the measured window
  uint64_t least_share, most_share; // deliveries in the window of the consumer that had the fewest, and the most
  bool is_rest_known; // `left` messages must be in the queues at the end
  uint64_t left;
  bool is_drained; // every expected delivery and confirm came
  uint64_t expected, unconfirmed;
  uint64_t holes; // numbers missing below the largest seen
  bool ok; // no error, nothing twice, out of order, lost or changed
};

struct snapshot snapshot_take(const struct run *run);
void report_print(FILE *out, const struct run *run, const struct outcome *outcome);
