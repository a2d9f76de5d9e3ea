// Latencies, counted in buckets 1/64 of a power of two wide: recording is a shift and an increment, and a percentile is
// at most 1.6 % off.
#pragma once

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 60 * 64 };

struct histogram {
  uint64_t counts[HISTOGRAM_BUCKETS];
  uint64_t count, max;
};

static inline void histogram_record(struct histogram *histogram, uint64_t value) {
  uint32_t shift = value < 64 ? 0 : (uint32_t)(57 - __builtin_clzll(value));
  histogram->counts[shift * 64 + (value >> shift)]++;
  histogram->count++;
  if (value > histogram->max) histogram->max = value;
}

/** The value that `share` (0 to 1) of all recorded ones do not exceed; 0 when nothing was recorded. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);

/** Adds what the other recorded. */
void histogram_add(struct histogram *histogram, const struct histogram *other);
