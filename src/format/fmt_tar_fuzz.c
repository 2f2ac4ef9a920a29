/*
 * Any bytes, fed in pieces whose size the first byte chooses: the reader must stay within its
 * limits, and must say the same whatever the pieces are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "format/fmt_tar.h"

struct outcome {
    int result;
    uint64_t entries;
    uint64_t sum; /* of all that was reported */
};

static void mix(struct outcome *outcome, uint64_t value)
{
    outcome->sum = (outcome->sum ^ value) * 0x100000001b3;
}

static void mix_text(struct outcome *outcome, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) {
        mix(outcome, at[i]);
    }
}

static void look_at_entry(struct outcome *outcome, const struct fmt_tar_entry *entry)
{
    ST_CHECK(entry->path[0] != '\0' && strlen(entry->path) <= FMT_TAR_MAX_NAME);
    ST_CHECK(strlen(entry->link) <= FMT_TAR_MAX_NAME);
    ST_CHECK(entry->xattr_count <= FMT_TAR_MAX_XATTRS && entry->mode <= 07777);
    ST_CHECK(entry->mtime_ns < 1000000000);
    mix_text(outcome, entry->path, strlen(entry->path));
    mix_text(outcome, entry->link, strlen(entry->link));
    mix(outcome, entry->size);
    mix(outcome, (uint64_t)entry->mtime_s);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        ST_CHECK(entry->xattrs[i].size <= FMT_TAR_MAX_XATTR);
        mix_text(outcome, entry->xattrs[i].name, strlen(entry->xattrs[i].name));
        mix_text(outcome, entry->xattrs[i].value, entry->xattrs[i].size);
    }
    outcome->entries++;
}

static struct outcome run(const uint8_t *bytes, size_t size, size_t piece)
{
    struct fmt_tar tar;
    struct outcome outcome = {0};
    fmt_tar_init(&tar, realloc, free);
    for (size_t at = 0; at < size && outcome.result >= 0 && outcome.result != FMT_TAR_END;) {
        size_t used = 0;
        size_t left = size - at < piece ? size - at : piece;
        outcome.result = fmt_tar_feed(&tar, bytes + at, left, &used, NULL);
        ST_CHECK(used <= left);
        ST_CHECK(outcome.result != FMT_TAR_MORE || used == left);
        if (outcome.result == FMT_TAR_ENTRY) {
            look_at_entry(&outcome, &tar.entry);
        } else if (outcome.result == FMT_TAR_DATA) {
            ST_CHECK(tar.data.size > 0 && tar.data.offset + tar.data.size <= tar.entry.size);
            for (size_t i = 0; i < tar.data.size; i++) {
                mix(&outcome, tar.data.bytes[i] ^ (tar.data.offset + i));
            }
        }
        at += used;
    }
    if (outcome.result >= 0) {
        outcome.result = fmt_tar_finish(&tar, NULL);
    }
    fmt_tar_done(&tar);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct outcome whole = run(data + 1, size - 1, size);
    struct outcome pieces = run(data + 1, size - 1, (size_t)data[0] + 1);
    ST_CHECK(whole.result == pieces.result && whole.entries == pieces.entries);
    ST_CHECK(whole.sum == pieces.sum);
    return 0;
}
