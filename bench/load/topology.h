// What a run declares before it starts and deletes when it ends.
#pragma once

#include "connection.h"

/** Declares the exchange and the queues and binds them; false and a noted error when the broker refuses. */
bool topology_declare(struct channel *channel);
bool topology_delete(struct channel *channel);
