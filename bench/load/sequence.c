#include "sequence.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t *word(struct sequence *sequence, uint64_t number) {
  return &sequence->bits[(number & (sequence->capacity - 1)) / 64];
}

static bool is_set(struct sequence *sequence, uint64_t number) {
  return *word(sequence, number) >> (number & 63) & 1;
}

static void flip(struct sequence *sequence, uint64_t number) { *word(sequence, number) ^= 1ull << (number & 63); }

/** Makes the ring reach from `next` to `number`. */
static void grow(struct sequence *sequence, uint64_t number) {
  struct sequence larger = *sequence;
  if (!larger.capacity) larger.capacity = 1024;
  while (number - sequence->next >= larger.capacity) larger.capacity *= 2;
  larger.bits = calloc(larger.capacity / 64, sizeof(uint64_t));
  if (!larger.bits) {
    fprintf(stderr, "amqp-load: out of memory for sequence numbers\n");
    exit(3);
  }
  for (uint64_t n = sequence->next; n < sequence->end; n++) {
    if (is_set(sequence, n)) flip(&larger, n);
  }
  free(sequence->bits);
  *sequence = larger;
}

bool sequence_see_ahead(struct sequence *sequence, uint64_t number) {
  if (number < sequence->next) return false;
  if (number - sequence->next >= sequence->capacity) grow(sequence, number);
  if (is_set(sequence, number)) return false;
  flip(sequence, number);
  sequence->ahead++;
  if (number >= sequence->end) sequence->end = number + 1;
  while (sequence->ahead && is_set(sequence, sequence->next)) {
    flip(sequence, sequence->next++);
    sequence->ahead--;
  }
  return true;
}
