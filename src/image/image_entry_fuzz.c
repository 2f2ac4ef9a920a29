/* Any path and link target of an entry: what is not refused stays below the layer's root. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "image/image_entry.h"

static void check_path(const char *path)
{
    const char *at = path;
    while (*at != '\0') {
        size_t part = strcspn(at, "/");
        ST_CHECK(part > 0);
        ST_CHECK(!(part == 1 && at[0] == '.') && !(part == 2 && at[0] == '.' && at[1] == '.'));
        at += part;
        ST_CHECK(at[0] == '\0' || at[1] != '\0');
        at += at[0] == '/';
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the entry's type, a zero byte parts the path from the link. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[IMAGE_PATH_SIZE];
    char link[IMAGE_PATH_SIZE];
    struct image_entry entry;
    if (size < 2 || size > 2 * (size_t)FMT_TAR_MAX_NAME) {
        return 0;
    }
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = text[size] = '\0';
    size_t length = strlen(text);
    const struct fmt_tar_entry tar = {
        .type = (enum fmt_tar_type)(data[0] % (FMT_TAR_FIFO + 1)),
        .path = text,
        .link = length + 1 < size ? text + length + 1 : "",
    };
    if (image_entry_read(&tar, path, link, &entry, NULL) == 1) {
        check_path(entry.path);
        ST_CHECK(entry.path[0] != '\0' || entry.kind != IMAGE_ENTRY_WHITEOUT);
        if (entry.kind == IMAGE_ENTRY_NODE && tar.type == FMT_TAR_HARD_LINK) {
            ST_CHECK(entry.link[0] != '\0');
            check_path(entry.link);
        }
    }
    free(text);
    return 0;
}
