/* plugin_found.c - what a plugin tells the host: signatures, the signed text and time, its reasons; answers of handshakes and
 * headers of drafts. See plugin.h, which is the contract, and plugin_host.c. */
#include "trust/plugin_call.h"

#include <stdint.h>

/* ---- what the plugin found ---- */

/* Copied: a plugin that was unloaded takes its literals along. */
void trust_plugin_reason(struct plugin_call *call, const char *why)
{
	enum { REASON_MAX = 200 };

	if (!trust_plugin_asked(call, why))
		return;
	call->reason = arena_cstring(call->arena, slice_of(why, strnlen(why, REASON_MAX)));
}

void trust_plugin_signature(struct plugin_call *call, struct plugin_bytes text)
{
	struct trust_evidence *evidence;

	if (!trust_plugin_pieces(call, &text, 1))
		return;
	evidence = call->evidence;
	if (evidence && evidence->candidate_count < TRUST_CANDIDATES_MAX)
		evidence->candidates[evidence->candidate_count++] = trust_plugin_slice(text);
}

void trust_plugin_signed_text(struct plugin_call *call, const struct plugin_bytes *pieces, size_t count)
{
	struct plugin_bytes joined;

	if (!trust_plugin_pieces(call, pieces, count) || !call->evidence)
		return;
	if (count > TRUST_PARTS_MAX) {
		if (trust_plugin_join(call, pieces, count, &joined) != PLUGIN_OK)
			return;
		pieces = &joined;
		count = 1;
	}
	for (size_t i = 0; i < count; i++)
		call->evidence->parts.p[i] = trust_plugin_slice(pieces[i]);
	call->evidence->parts.n = count;
}

void trust_plugin_signed_at(struct plugin_call *call, int64_t wall_ms)
{
	/* From 1970 to the year 9999: nothing that is added or taken off runs over. */
	static const int64_t LATEST = 253402300799999;

	if (!trust_plugin_asked(call, call))
		return;
	if (wall_ms < 0 || wall_ms > LATEST) {
		(void)trust_plugin_wrong(call);
		return;
	}
	if (!call->evidence)
		return;
	call->evidence->timestamp_ms = wall_ms;
	call->evidence->has_timestamp = true;
}

void trust_plugin_covers(struct plugin_call *call, enum plugin_cover cover)
{
	if (!trust_plugin_asked(call, call))
		return;
	if (cover == PLUGIN_COVER_NONE)
		call->covered = TRUST_COVER_NONE;
	else if (cover == PLUGIN_COVER_PARTIAL && call->covered == TRUST_COVER_FULL)
		call->covered = TRUST_COVER_PARTIAL;
	else if (cover != PLUGIN_COVER_PARTIAL && cover != PLUGIN_COVER_FULL)
		(void)trust_plugin_wrong(call);
}

/* ---- answers and drafts ---- */

enum plugin_result trust_plugin_answer(struct plugin_call *call, unsigned status, struct plugin_bytes content_type,
				       struct plugin_bytes body)
{
	struct plugin_bytes both[2] = { content_type, body };

	if (!trust_plugin_pieces(call, both, 2))
		return PLUGIN_WRONG;
	if (!call->answer || status < 200 || status > 499 || slice_has_control(trust_plugin_slice(content_type)))
		return trust_plugin_wrong(call);
	*call->answer = (struct answer){ .status = status, .body = trust_plugin_slice(body) };
	if (content_type.n > 0)
		message_add(call->answer, SLICE("Content-Type"), trust_plugin_slice(content_type));
	return PLUGIN_OK;
}

enum plugin_result trust_plugin_add_header(struct plugin_call *call, const char *name, struct plugin_bytes value)
{
	struct trust_plugin_draft *draft;

	if (!trust_plugin_named(call, name) || !trust_plugin_pieces(call, &value, 1))
		return PLUGIN_WRONG;
	draft = call->draft;
	if (!draft || slice_has_control(slice_str(name)) || slice_has_control(trust_plugin_slice(value)))
		return trust_plugin_wrong(call);
	if (draft->count == draft->room) {
		draft->full = true;
		return PLUGIN_OK;
	}
	draft->headers[draft->count++] =
		(struct header){ arena_copy(call->arena, slice_str(name)), trust_plugin_slice(value) };
	return PLUGIN_OK;
}

enum plugin_result trust_plugin_set_body(struct plugin_call *call, struct plugin_bytes body)
{
	if (!trust_plugin_pieces(call, &body, 1))
		return PLUGIN_WRONG;
	if (!call->draft)
		return trust_plugin_wrong(call);
	call->draft->body = trust_plugin_slice(body);
	return PLUGIN_OK;
}

enum plugin_result trust_plugin_set_target(struct plugin_call *call, struct plugin_bytes target)
{
	if (!trust_plugin_pieces(call, &target, 1))
		return PLUGIN_WRONG;
	if (!call->draft || target.n == 0 || slice_has_control(trust_plugin_slice(target)))
		return trust_plugin_wrong(call);
	call->draft->target = trust_plugin_slice(target);
	return PLUGIN_OK;
}
