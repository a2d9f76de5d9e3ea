// What a run should have seen, and whether it did.
#include "load.h"

typedef unsigned long long ull;

uint64_t load_outstanding(const struct load *load) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < load->publisher_count; i++) sum += load->publishers[i]->outstanding;
  return sum;
}

static uint64_t prepared(const struct load *load) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < load->publisher_count; i++) sum += load->publishers[i]->prepared;
  return sum;
}

uint64_t load_expected_deliveries(const struct load *load) {
  const struct options *o = load->run.options;
  if (!o->consuming || o->requeue_every) return 0;
  if (!o->publishing && !o->fill) return o->count;
  return *o->exchange && !options_are_keyed(o) ? prepared(load) * o->queues : prepared(load);
}

static bool is_published(const struct load *load) {
  uint64_t sum = prepared(load);
  return load->run.total.published == sum && (load->run.publishing ? sum == load->run.options->count : true);
}

bool load_is_complete(const struct load *load) {
  if (!is_published(load) || load_outstanding(load)) return false;
  return load->run.total.delivered >= load_expected_deliveries(load);
}

bool load_is_answered(const struct load *load) {
  for (uint32_t i = 0; i < load->consumer_count; i++) {
    if (load->consumers[i]->asked != load->consumers[i]->answered) return false;
  }
  return true;
}

void load_begin_shares(struct load *load) {
  for (uint32_t i = 0; i < load->consumer_count; i++) load->consumers[i]->delivered = 0;
}

void load_note_shares(struct load *load) {
  struct outcome *outcome = &load->outcome;
  outcome->least_share = UINT64_MAX;
  for (uint32_t i = 0; i < load->consumer_count; i++) {
    if (load->consumers[i]->role == REPLIES) continue;
    uint64_t share = load->consumers[i]->delivered;
    if (share < outcome->least_share) outcome->least_share = share;
    if (share > outcome->most_share) outcome->most_share = share;
  }
}

/** Where nobody publishes beside, what is left in the queues at the end is what was not taken. */
static void note_rest(struct load *load) {
  const struct options *o = load->run.options;
  if (!o->fill || o->publishing || !(o->get || o->requeue_every)) return;
  load->outcome.is_rest_known = true;
  load->outcome.left = prepared(load) - (o->requeue_every ? 0 : load->run.total.delivered);
}

static void judge_deliveries(struct load *load) {
  struct run *run = &load->run;
  const struct outcome *outcome = &load->outcome;
  const struct options *o = run->options;
  if (outcome->is_drained && run->total.delivered > outcome->expected && outcome->expected) {
    run_fail(run, "more deliveries than messages");
  }
  // With one consumer a queue, a number jumped over will not come: with more, it may be on its way to another.
  bool is_certain = outcome->is_drained || (o->publishing && o->consuming && o->consumers <= o->queues);
  if (outcome->holes && is_certain) run_fail(run, "%llu messages lost", (ull)outcome->holes);
  bool is_waited_for = o->publishing || !o->fill;
  if (run->now - run->last_delivered > SECOND / 2 && is_waited_for && run->total.delivered < outcome->expected) {
    run_fail(run, "deliveries stopped at %llu of %llu", (ull)run->total.delivered, (ull)outcome->expected);
  }
}

void load_judge(struct load *load, int signal_number) {
  struct run *run = &load->run;
  struct outcome *outcome = &load->outcome;
  const struct options *o = run->options;
  size_t sequences = run->sequences ? (size_t)o->queues * o->publishers : 0;
  for (size_t i = 0; i < sequences; i++) outcome->holes += sequence_holes(&run->sequences[i]);
  if (o->churn) outcome->expected = o->churn == CHURN_QUEUES ? run->total.churned : 0;
  else outcome->expected = load_expected_deliveries(load);
  outcome->unconfirmed = o->rpc ? 0 : load_outstanding(load);
  outcome->is_drained = o->churn || load_is_complete(load);
  if (run_has_failed(run)) return;
  if (signal_number) run_fail(run, "stopped by signal %d", signal_number);
  judge_deliveries(load);
  note_rest(load);
  if (outcome->unconfirmed) run_fail(run, "%llu publishes were not confirmed", (ull)outcome->unconfirmed);
  if (run->total.nacked) run_fail(run, "%llu publishes were refused", (ull)run->total.nacked);
  if (run->duplicates) run_fail(run, "%llu messages came twice", (ull)run->duplicates);
  if (run->reorders) run_fail(run, "%llu messages came out of order", (ull)run->reorders);
  if (run->corrupt) run_fail(run, "%llu messages came changed", (ull)run->corrupt);
  if (run->strangers) run_fail(run, "%llu messages are of nobody's", (ull)run->strangers);
}
