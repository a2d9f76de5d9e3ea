#include "histogram.h"

#include <math.h>

uint64_t histogram_percentile(const struct histogram *histogram, double share) {
  uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count), seen = 0;
  for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->counts[bucket];
    if (seen < wanted || seen == 0) continue;
    if (bucket < 128) return bucket;
    // Buckets from 128 on hold values of `shift` lost bits: see histogram_record.
    uint32_t shift = bucket / 64 - 1;
    uint64_t least = (uint64_t)(bucket - shift * 64) << shift;
    uint64_t middle = least + (1ull << shift) / 2;
    return middle < histogram->max ? middle : histogram->max;
  }
  return 0;
}

void histogram_add(struct histogram *histogram, const struct histogram *other) {
  for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) histogram->counts[bucket] += other->counts[bucket];
  histogram->count += other->count;
  if (other->max > histogram->max) histogram->max = other->max;
}
