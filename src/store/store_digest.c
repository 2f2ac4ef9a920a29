/* SHA-256 of streams: see store_digest.h. */
#include "store/store_digest.h"

#include <stdlib.h>
#include <string.h>

/* SHA256_* instead of EVP: linked statically they are a few kilobytes without initialisation, where
 * EVP is all of libcrypto, whose relocation alone costs each command a millisecond. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "base/heap.h"
#include "base/str.h"
#include "hash/sha256.h"

static const char prefix[] = "sha256:";

struct store_digest {
    SHA256_CTX context;
    bool failed;
};

int store_digest_new(struct store_digest **ret_digest)
{
    struct store_digest *digest = calloc(1, sizeof(*digest));
    if (digest == NULL) {
        return -ST_ENOMEM;
    }
    digest->failed = SHA256_Init(&digest->context) != 1;
    *ret_digest = digest;
    return 0;
}

struct store_digest *store_digest_free(struct store_digest *digest)
{
    free(digest);
    return NULL;
}

void store_digest_add(struct store_digest *digest, const void *bytes, size_t size)
{
    if (SHA256_Update(&digest->context, bytes, size) != 1) {
        digest->failed = true;
    }
}

static void write_digest(const uint8_t bytes[HASH_SHA256_SIZE], char ret_text[STORE_DIGEST_SIZE])
{
    memcpy(ret_text, prefix, sizeof(prefix) - 1);
    hash_sha256_hex(bytes, ret_text + sizeof(prefix) - 1);
}

int store_digest_end(struct store_digest *digest, char ret_text[STORE_DIGEST_SIZE])
{
    uint8_t bytes[HASH_SHA256_SIZE];
    if (digest->failed || SHA256_Final(bytes, &digest->context) != 1) {
        return -ST_EIO;
    }
    write_digest(bytes, ret_text);
    return 0;
}

int store_digest_of(const void *bytes, size_t size, char ret_text[STORE_DIGEST_SIZE])
{
    st_auto(store_digest) struct store_digest *digest = NULL;
    int r = store_digest_new(&digest);
    if (r < 0) {
        return r;
    }
    store_digest_add(digest, bytes, size);
    return store_digest_end(digest, ret_text);
}

bool store_digest_valid(const char *text)
{
    const char *hex = st_after_prefix(text, prefix);
    if (hex == NULL) {
        return false;
    }
    size_t length = strspn(hex, "0123456789abcdef");
    return length == STORE_HEX_SIZE - 1 && hex[length] == '\0';
}

const char *store_digest_hex(const char *digest)
{
    return digest + sizeof(prefix) - 1;
}
