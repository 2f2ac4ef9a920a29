/* SHA-256 of streams: see store_digest.h. */
#include "store/store_digest.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/heap.h"
#include "base/str.h"
#include "hash/sha256.h"

static const char prefix[] = "sha256:";

/* Up to here our own code is done before libcrypto has initialised itself. */
enum { SMALL_BYTES = 64 << 10 };

struct store_digest {
    EVP_MD_CTX *context;
    bool failed;
};

int store_digest_new(struct store_digest **ret_digest)
{
    struct store_digest *digest = calloc(1, sizeof(*digest));
    if (digest == NULL) {
        return -ST_ENOMEM;
    }
    digest->context = EVP_MD_CTX_new();
    if (digest->context == NULL || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1) {
        store_digest_free(digest);
        return -ST_ENOMEM;
    }
    *ret_digest = digest;
    return 0;
}

struct store_digest *store_digest_free(struct store_digest *digest)
{
    if (digest != NULL) {
        EVP_MD_CTX_free(digest->context);
        free(digest);
    }
    return NULL;
}

void store_digest_add(struct store_digest *digest, const void *bytes, size_t size)
{
    if (EVP_DigestUpdate(digest->context, bytes, size) != 1) {
        digest->failed = true;
    }
}

int store_digest_end(struct store_digest *digest, char ret_text[STORE_DIGEST_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (digest->failed || EVP_DigestFinal_ex(digest->context, bytes, &size) != 1 || size != 32) {
        return -ST_EIO;
    }
    memcpy(ret_text, prefix, sizeof(prefix) - 1);
    char *at = ret_text + sizeof(prefix) - 1;
    for (unsigned i = 0; i < size; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    *at = '\0';
    return 0;
}

int store_digest_of(const void *bytes, size_t size, char ret_text[STORE_DIGEST_SIZE])
{
    if (size <= SMALL_BYTES) {
        uint8_t digest[HASH_SHA256_SIZE];
        hash_sha256_of(bytes, size, digest);
        memcpy(ret_text, prefix, sizeof(prefix) - 1);
        hash_sha256_hex(digest, ret_text + sizeof(prefix) - 1);
        return 0;
    }
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
