/* outcome.h - the outcomes of a delivery, and what is fixed for each. The list itself is outcome.def. */
#ifndef HOOKGATE_INTAKE_OUTCOME_H
#define HOOKGATE_INTAKE_OUTCOME_H

#include "base/log.h"
#include "base/slice.h"

enum intake_outcome {
#define OUTCOME(name, status, level, meaning) INTAKE_##name,
#include "intake/outcome.def"
#undef OUTCOME
	INTAKE_OUTCOME_COUNT
};

/* "signature_mismatch": in answers, logs and metrics. */
struct slice intake_outcome_name(enum intake_outcome outcome);

/* The answer's status, where neither route nor provider wish another. */
unsigned intake_outcome_status(enum intake_outcome outcome);

enum log_level intake_outcome_level(enum intake_outcome outcome);

/* {"status":"signature_mismatch"} */
struct slice intake_outcome_body(enum intake_outcome outcome);

#endif
