// A consuming channel: its subscriptions, its acknowledgements, and the check of what arrives.
#pragma once

#include "connection.h"

struct replier;

struct subscription {
  uint32_t queue;
  uint64_t *next; // by publisher: the smallest number that is still in order
};

enum consumer_role {
  SUBSCRIBES,
  GETS, // by basic.get
  REPLIES, // sends each request back where it wants to be replied to; counts nothing
  AWAITS_REPLIES, // shares the channel of the publisher whose requests are replied to
};

struct consumer {
  struct run *run;
  struct channel *channel;
  enum consumer_role role;
  struct subscription *subscriptions;
  uint32_t subscription_count;
  uint64_t delivered;
  uint32_t unacked; // since the last acknowledgement
  uint64_t last_tag;
  uint64_t handed_back; // how often
  uint64_t asked, answered; // basic.get
  struct replier *replier; // or NULL
};

/** Sets the prefetch and prepares to consume queues `index`, `index` + step, ... */
struct consumer *consumer_create(struct channel *channel, enum consumer_role role, uint32_t index, uint32_t step);
/** Subscribes, or asks for the first messages, without waiting for the answers. */
void consumer_start(struct consumer *consumer);
void consumer_free(struct consumer *consumer);

/** A basic.deliver begins; false when its fields are cut short. */
bool consumer_on_deliver(struct consumer *consumer, const uint8_t *fields, size_t length);
/** A basic.get-ok begins. */
bool consumer_on_get_ok(struct consumer *consumer, const uint8_t *fields, size_t length);
void consumer_on_get_empty(struct consumer *consumer);
void consumer_on_header(struct consumer *consumer, const uint8_t *payload, size_t length);
void consumer_on_body(struct consumer *consumer, const uint8_t *octets, size_t length);
/** The message that began last is complete. */
void consumer_on_message(struct consumer *consumer);
/** Acknowledges what waits for more deliveries to be acknowledged with. */
void consumer_ack_rest(struct consumer *consumer);
