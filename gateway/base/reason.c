/* reason.c - see reason.h. The special difficulty: a text that is cut should not look whole, so it ends in "...". */
#include "base/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reason_set(struct reason *reason, const char *format, ...)
{
	if (!reason)
		return;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(reason->text, sizeof reason->text, format, args);
	va_end(args);
	if (n < 0)
		reason->text[0] = '\0';
	else if ((size_t)n >= sizeof reason->text)
		memcpy(reason->text + sizeof reason->text - sizeof "...", "...", sizeof "...");
}
