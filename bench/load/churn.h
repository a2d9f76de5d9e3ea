// Loads that open and close things all the time: worker processes, each doing one step after the other and waiting for
// each answer, as programs do that live for one request.
#pragma once

#include <signal.h>

#include "load.h"

/** Runs `options.churn` through warm-up and window and notes the outcome; the control connection is open. */
void churn_run(struct load *load, const volatile sig_atomic_t *interrupted);
