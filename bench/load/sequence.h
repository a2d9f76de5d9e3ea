// Which numbers of one publisher's messages have come out of one queue: everything below `next`, and a ring of bits for
// what came ahead of it, as happens when several consumers share the queue.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sequence {
  uint64_t next; // the smallest number not seen
  uint64_t end; // one more than the largest seen
  uint64_t ahead; // how many were seen at or above next
  uint64_t *bits;
  uint64_t capacity; // bits in the ring, a power of two, or 0
};

bool sequence_see_ahead(struct sequence *sequence, uint64_t number);

/** Notes a number; false when it was seen before. */
static inline bool sequence_see(struct sequence *sequence, uint64_t number) {
  if (number != sequence->next || sequence->ahead) return sequence_see_ahead(sequence, number);
  sequence->next = sequence->end = number + 1;
  return true;
}

/** How many numbers below the largest seen are missing. */
static inline uint64_t sequence_holes(const struct sequence *sequence) {
  return sequence->end - sequence->next - sequence->ahead;
}
