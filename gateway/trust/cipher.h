/* cipher.h - AES-256-CBC, for providers that encrypt what they send with a key that the route has. */
#ifndef HOOKGATE_TRUST_CIPHER_H
#define HOOKGATE_TRUST_CIPHER_H

#include "base/slice.h"

#include <stdbool.h>

enum { TRUST_CIPHER_KEY = 32, TRUST_CIPHER_BLOCK = 16 };

/* Decrypts, or encrypts (NIST SP 800-38A, 6.2); padding stays where it is. The text's length is a multiple of 16 and not 0, `out` has
 * room for as much. False where a length is another, or the library fails. Whoever can change the text can change what
 * comes out: it proves nothing of who wrote it. */
bool trust_cipher_decrypt(struct slice key, struct slice iv, struct slice text, unsigned char *out)
	__attribute__((warn_unused_result));
bool trust_cipher_encrypt(struct slice key, struct slice iv, struct slice text, unsigned char *out)
	__attribute__((warn_unused_result));

#endif
