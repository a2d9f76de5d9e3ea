#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t processor_ns(uint32_t pid) {
  clockid_t clock;
  struct timespec t;
  if (!pid || clock_getcpuclockid((pid_t)pid, &clock) || clock_gettime(clock, &t)) return 0;
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void run_fail(struct run *run, const char *format, ...) {
  int index = run->error_count++;
  if (index >= (int)(sizeof run->errors / sizeof run->errors[0])) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(run->errors[index], sizeof run->errors[index], format, arguments);
  va_end(arguments);
}

void *allocate(size_t count, size_t size) {
  void *memory = calloc(count ? count : 1, size);
  if (!memory) {
    fprintf(stderr, "amqp-load: out of memory\n");
    exit(3);
  }
  return memory;
}
