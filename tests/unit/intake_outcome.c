/* Unit tests of intake/outcome: the contract's table of outcomes, written down a second time, so that a slip in
 * outcome.def does not change what providers and dashboards are told. */
#include "intake/outcome.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static const struct {
	enum intake_outcome outcome;
	const char *name;
	unsigned status;
	enum log_level level;
	const char *body;
} contract[] = {
	{ INTAKE_accepted, "accepted", 200, LOG_INFO, "{\"status\":\"accepted\"}" },
	{ INTAKE_duplicate, "duplicate", 200, LOG_INFO, "{\"status\":\"duplicate\"}" },
	{ INTAKE_ignored, "ignored", 200, LOG_INFO, "{\"status\":\"ignored\"}" },
	{ INTAKE_challenge, "challenge", 200, LOG_INFO, "{\"status\":\"challenge\"}" },
	{ INTAKE_not_found, "not_found", 404, LOG_INFO, "{\"status\":\"not_found\"}" },
	{ INTAKE_method_not_allowed, "method_not_allowed", 405, LOG_INFO, "{\"status\":\"method_not_allowed\"}" },
	{ INTAKE_signature_missing, "signature_missing", 401, LOG_WARNING, "{\"status\":\"signature_missing\"}" },
	{ INTAKE_signature_mismatch, "signature_mismatch", 401, LOG_WARNING, "{\"status\":\"signature_mismatch\"}" },
	{ INTAKE_timestamp_out_of_tolerance, "timestamp_out_of_tolerance", 401, LOG_WARNING,
	  "{\"status\":\"timestamp_out_of_tolerance\"}" },
	{ INTAKE_body_too_large, "body_too_large", 413, LOG_WARNING, "{\"status\":\"body_too_large\"}" },
	{ INTAKE_malformed_request, "malformed_request", 400, LOG_WARNING, "{\"status\":\"malformed_request\"}" },
	{ INTAKE_malformed_body, "malformed_body", 400, LOG_WARNING, "{\"status\":\"malformed_body\"}" },
	{ INTAKE_event_id_missing, "event_id_missing", 400, LOG_WARNING, "{\"status\":\"event_id_missing\"}" },
	{ INTAKE_address_refused, "address_refused", 403, LOG_WARNING, "{\"status\":\"address_refused\"}" },
	{ INTAKE_rate_limited, "rate_limited", 429, LOG_WARNING, "{\"status\":\"rate_limited\"}" },
	{ INTAKE_overloaded, "overloaded", 503, LOG_WARNING, "{\"status\":\"overloaded\"}" },
	{ INTAKE_store_unavailable, "store_unavailable", 503, LOG_WARNING, "{\"status\":\"store_unavailable\"}" },
	{ INTAKE_internal_error, "internal_error", 500, LOG_ERROR, "{\"status\":\"internal_error\"}" },
};

static void as_the_contract_has_it(void **state)
{
	for (size_t i = 0; i < sizeof contract / sizeof contract[0]; i++) {
		enum intake_outcome outcome = contract[i].outcome;

		if (!slice_eq(intake_outcome_name(outcome), slice_str(contract[i].name)))
			fail_msg("%s is called %.*s", contract[i].name, SLICE_ARGS(intake_outcome_name(outcome)));
		if (intake_outcome_status(outcome) != contract[i].status)
			fail_msg("%s has status %u", contract[i].name, intake_outcome_status(outcome));
		if (intake_outcome_level(outcome) != contract[i].level)
			fail_msg("%s has level %d", contract[i].name, (int)intake_outcome_level(outcome));
		if (!slice_eq(intake_outcome_body(outcome), slice_str(contract[i].body)))
			fail_msg("%s has body %.*s", contract[i].name, SLICE_ARGS(intake_outcome_body(outcome)));
	}
}

/* An outcome that is added without a word in the contract is found here. */
static void none_beside_the_contract(void **state)
{
	size_t times[INTAKE_OUTCOME_COUNT] = { 0 };

	assert_int_equal(sizeof contract / sizeof contract[0], INTAKE_OUTCOME_COUNT);
	for (size_t i = 0; i < sizeof contract / sizeof contract[0]; i++)
		times[contract[i].outcome]++;
	for (size_t i = 0; i < INTAKE_OUTCOME_COUNT; i++)
		assert_int_equal(times[i], 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_contract_has_it),
		cmocka_unit_test(none_beside_the_contract),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
