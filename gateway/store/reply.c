/* reply.c - a reply of Redis without hiredis' types: who includes client.h sees only this. Its difficulty is to have an
 * answer for types that a newer hiredis may add. */
#include "store/client.h"

#include <hiredis/hiredis.h>

/* A store_reply is a redisReply by another name. */
static const redisReply *inside(const struct store_reply *reply)
{
	return (const redisReply *)(const void *)reply;
}

enum store_reply_type store_reply_type(const struct store_reply *reply)
{
	const redisReply *r = inside(reply);
	switch (r->type) {
	case REDIS_REPLY_NIL:
		return STORE_REPLY_NIL;
	case REDIS_REPLY_ERROR:
		return STORE_REPLY_ERROR;
	case REDIS_REPLY_INTEGER:
		return STORE_REPLY_NUMBER;
	case REDIS_REPLY_ARRAY:
		return STORE_REPLY_LIST;
	default:
		break;
	}
	return r->str ? STORE_REPLY_STRING : r->element ? STORE_REPLY_LIST : STORE_REPLY_NIL;
}

struct slice store_reply_text(const struct store_reply *reply)
{
	return inside(reply)->str ? slice_of(inside(reply)->str, inside(reply)->len) : SLICE_NONE;
}

int64_t store_reply_number(const struct store_reply *reply)
{
	return inside(reply)->type == REDIS_REPLY_INTEGER ? inside(reply)->integer : 0;
}

size_t store_reply_count(const struct store_reply *reply)
{
	return store_reply_type(reply) == STORE_REPLY_LIST ? inside(reply)->elements : 0;
}

const struct store_reply *store_reply_at(const struct store_reply *reply, size_t i)
{
	return i < store_reply_count(reply) ? (const struct store_reply *)(const void *)inside(reply)->element[i]
					    : NULL;
}

void store_reply_free(struct store_reply *reply)
{
	freeReplyObject(reply);
}
