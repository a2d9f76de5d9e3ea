// The serving side of remote calls: each request goes back where its reply-to says, with its correlation id and body.
#pragma once

#include "connection.h"

struct replier;

struct replier *replier_create(struct channel *channel);
void replier_free(struct replier *replier);

/** Reads the properties of a request; false when it does not say where the reply goes. */
bool replier_on_header(struct replier *replier, const uint8_t *payload, size_t length);
void replier_on_body(struct replier *replier, const uint8_t *octets, size_t length);
/** The request is complete: publishes the reply. */
void replier_reply(struct replier *replier);
