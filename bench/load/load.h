// Everything that one run holds open, and how that is opened, judged and closed.
#pragma once

#include "connection.h"
#include "consumer.h"
#include "publisher.h"
#include "report.h"

static const uint64_t SECOND = 1000000000u;

struct load {
  struct run run;
  struct connection *control; // declares, publishes nothing
  struct channel *control_channel;
  struct connection **connections; // of publishers and consumers
  struct publisher **publishers;
  struct consumer **consumers;
  uint32_t connection_count, publisher_count, consumer_count;
  int epoll, timer; // timer: -1 unless paced
  uint64_t began; // the first publish or consume
  uint64_t issued; // paced: messages handed out to publishers
  uint64_t told_at; // when the last line of progress was printed
  struct outcome outcome;
};

/** Declares what the run needs and opens its connections and channels; false and a noted error when that fails. */
bool load_open(struct load *load);
/** Deletes what was declared and says goodbye on each connection. */
void load_close(struct load *load);

/** The control connection alone, for runs that open the rest themselves. */
bool load_open_control(struct load *load);

uint64_t load_outstanding(const struct load *load);
uint64_t load_expected_deliveries(const struct load *load);
/** Each basic.get has its answer. */
bool load_is_answered(const struct load *load);
/** All is published, and has been delivered and answered as far as that is asked for. */
bool load_is_complete(const struct load *load);
/** Loss and late answers become errors; a backlog that is merely not yet delivered does not. */
void load_judge(struct load *load, int signal_number);
/** Notes the share that each consumer had of the window; `load_note_shares` ends what `load_begin_shares` began. */
void load_begin_shares(struct load *load);
void load_note_shares(struct load *load);
