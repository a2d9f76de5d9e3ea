// A consuming channel: its subscriptions, its acknowledgements, and the check of what arrives.
#pragma once

#include "connection.h"

struct subscription {
  uint32_t queue;
  uint64_t *next; // by publisher: the smallest number that is still in order
};

struct consumer {
  struct run *run;
  struct channel *channel;
  struct subscription *subscriptions;
  uint32_t subscription_count;
  uint32_t unacked; // since the last acknowledgement
  uint64_t last_tag;
};

/** Sets the prefetch and prepares to consume queues `index`, `index` + step, ... */
struct consumer *consumer_create(struct run *run, struct channel *channel, uint32_t index, uint32_t step);
/** Subscribes without waiting for the answers. */
void consumer_start(struct consumer *consumer);
void consumer_free(struct consumer *consumer);

/** A basic.deliver begins; false when its fields are cut short. */
bool consumer_on_deliver(struct consumer *consumer, const uint8_t *fields, size_t length);
void consumer_on_body(struct consumer *consumer, const uint8_t *octets, size_t length);
/** The message of the last basic.deliver is complete. */
void consumer_on_message(struct consumer *consumer);
/** Acknowledges what waits for more deliveries to be acknowledged with. */
void consumer_ack_rest(struct consumer *consumer);
