/* SHA-256 of streams, by libcrypto, and the digests of OCI's image-spec ("sha256:" and 64
 * lower-case hexadecimal digits). A stream belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
    STORE_HEX_SIZE = 65,    /* the hexadecimal digits and a zero */
    STORE_DIGEST_SIZE = 72, /* "sha256:", the digits and a zero */
};

struct store_digest;

int store_digest_new(struct store_digest **ret_digest);
/* Returns NULL; takes NULL. */
struct store_digest *store_digest_free(struct store_digest *digest);
void store_digest_add(struct store_digest *digest, const void *bytes, size_t size);
/* Nothing may be added afterwards. -ST_EIO when libcrypto failed at any step. */
int store_digest_end(struct store_digest *digest, char ret_text[STORE_DIGEST_SIZE]);

static inline void st_cleanup_store_digest(struct store_digest **digest)
{
    store_digest_free(*digest);
}

/* All in one. */
int store_digest_of(const void *bytes, size_t size, char ret_text[STORE_DIGEST_SIZE]);

/* Is it a SHA-256 digest in its one right spelling? */
bool store_digest_valid(const char *text);

/* The digits of a valid digest. */
const char *store_digest_hex(const char *digest);
