// Opening and closing what a run needs.
#include "load.h"
#include "topology.h"

bool load_open_control(struct load *load) {
  load->control = connection_open(&load->run);
  if (!load->control) return false;
  load->control_channel = connection_open_channel(load->control);
  return load->control_channel && topology_declare(load->control_channel);
}

/** The connection for the n-th publisher or consumer: a new one whenever the last one has enough, or there are too few. */
static struct connection *nth_connection(struct load *load, uint32_t n) {
  const struct options *o = load->run.options;
  if (o->connections && n % o->connections < load->connection_count) return load->connections[n % o->connections];
  if (!o->connections && n % o->channels) return load->connections[load->connection_count - 1];
  struct connection *connection = connection_open(&load->run);
  if (connection) load->connections[load->connection_count++] = connection;
  return connection;
}

static struct channel *next_channel(struct load *load, uint32_t n) {
  struct connection *connection = nth_connection(load, n);
  return connection ? connection_open_channel(connection) : NULL;
}

static bool open_publishers(struct load *load) {
  const struct options *o = load->run.options;
  if (!o->publishing && !o->fill) return true;
  for (uint32_t i = 0; i < o->publishers; i++) {
    struct channel *channel = next_channel(load, i);
    if (!channel) return false;
    load->publishers[load->publisher_count++] = publisher_create(&load->run, channel, i);
    if (run_has_failed(&load->run)) return false;
  }
  return true;
}

static bool open_consumer(struct load *load, struct channel *channel, enum consumer_role role, uint32_t n, uint32_t step) {
  if (!channel) return false;
  load->consumers[load->consumer_count++] = consumer_create(channel, role, n, step);
  return !run_has_failed(&load->run);
}

static bool open_consumers(struct load *load) {
  const struct options *o = load->run.options;
  if (!o->consuming) return true;
  enum consumer_role role = o->rpc ? REPLIES : o->get ? GETS : SUBSCRIBES;
  for (uint32_t i = 0; i < o->consumers; i++) {
    if (!open_consumer(load, next_channel(load, i), role, i, o->consumers)) return false;
  }
  for (uint32_t i = 0; o->rpc && i < load->publisher_count; i++) {
    if (!open_consumer(load, load->publishers[i]->channel, AWAITS_REPLIES, i, o->queues)) return false;
  }
  return true;
}

bool load_open(struct load *load) {
  const struct options *o = load->run.options;
  load->run.sequences = allocate((size_t)o->queues * o->publishers, sizeof *load->run.sequences);
  load->connections = allocate((size_t)o->publishers + o->consumers, sizeof *load->connections);
  load->publishers = allocate(o->publishers, sizeof *load->publishers);
  load->consumers = allocate((size_t)o->publishers + o->consumers, sizeof *load->consumers);
  return load_open_control(load) && open_publishers(load) && open_consumers(load);
}

static void check_rest(struct load *load, struct channel *channel) {
  uint64_t ready = topology_await_ready(channel, load->outcome.left);
  if (ready == load->outcome.left) return;
  run_fail(&load->run, "%llu messages were left where %llu should have been", (unsigned long long)ready,
           (unsigned long long)load->outcome.left);
}

/** On a fresh connection, as the control channel may be closed by the error that ended the run. */
static void clean_up(struct load *load) {
  struct run farewell = {.options = load->run.options};
  struct connection *connection = connection_open(&farewell);
  struct channel *channel = connection ? connection_open_channel(connection) : NULL;
  if (channel && load->outcome.is_rest_known && !run_has_failed(&load->run)) check_rest(load, channel);
  if (!channel || !topology_delete(channel)) {
    run_fail(&load->run, "cannot delete what was declared: %s", farewell.errors[0]);
  }
  if (!connection) return;
  farewell.leaving = true;
  connection_close(connection);
  connection_free(connection);
}

static void close_connections(struct load *load) {
  for (uint32_t i = 0; i < load->connection_count; i++) connection_close(load->connections[i]);
}

void load_close(struct load *load) {
  load->run.leaving = true;
  load->run.publishing = load->run.consuming = false;
  // What consumers hold is counted once they are gone; elsewhere the queues go first, as that ends a flood of deliveries.
  if (load->outcome.is_rest_known) close_connections(load);
  if (load->control && !load->control->is_closed && load->control_channel) clean_up(load);
  close_connections(load);
  if (load->control) connection_close(load->control);
}
