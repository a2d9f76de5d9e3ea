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
};

struct outcome {
  struct snapshot begin, end; // of the measured window
  bool is_drained; // every expected delivery and confirm came
  uint64_t expected, unconfirmed;
  uint64_t holes; // numbers missing below the largest seen
  bool ok; // no error, nothing twice, out of order, lost or changed
};

struct snapshot snapshot_take(const struct run *run);
void report_print(FILE *out, const struct run *run, const struct outcome *outcome);
