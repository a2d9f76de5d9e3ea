// What a run declares before it starts and deletes when it ends.
#pragma once

#include "connection.h"

/** Declares the exchange and the queues and binds them; false and a noted error when the broker refuses. */
bool topology_declare(struct channel *channel);
bool topology_delete(struct channel *channel);

/** Waits up to two seconds until the queues hold so many ready messages; answers how many they held last. */
uint64_t topology_await_ready(struct channel *channel, uint64_t expected);

/** One queue of its own, for whoever declares queues while a run is under way. */
bool topology_declare_queue(struct channel *channel, const char *name);
bool topology_bind_queue(struct channel *channel, const char *name, const char *exchange, const char *key);
bool topology_delete_queue(struct channel *channel, const char *name);
