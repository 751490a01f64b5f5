/* outcome.c - outcome.def as tables. The one rule: nothing about an outcome is written anywhere else. */
#include "intake/outcome.h"

static const struct {
	struct slice name;
	struct slice body;
	unsigned status;
	enum log_level level;
} outcomes[] = {
#define OUTCOME(name_, status_, level_, meaning_)                                                                      \
	[INTAKE_##name_] = { SLICE_LIT(#name_), SLICE_LIT("{\"status\":\"" #name_ "\"}"), status_, level_ },
#include "intake/outcome.def"
#undef OUTCOME
};

struct slice intake_outcome_name(enum intake_outcome outcome)
{
	return outcomes[outcome].name;
}

unsigned intake_outcome_status(enum intake_outcome outcome)
{
	return outcomes[outcome].status;
}

enum log_level intake_outcome_level(enum intake_outcome outcome)
{
	return outcomes[outcome].level;
}

struct slice intake_outcome_body(enum intake_outcome outcome)
{
	return outcomes[outcome].body;
}
