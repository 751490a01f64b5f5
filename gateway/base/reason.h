/* reason.h - why something could not be done, in words for a person: library code fills it, one place logs or prints
 * it. */
#ifndef HOOKGATE_BASE_REASON_H
#define HOOKGATE_BASE_REASON_H

struct reason {
	char text[256];
};

/* Sets the text, cut to fit. `reason` may be NULL. Never give it a secret. */
void reason_set(struct reason *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
