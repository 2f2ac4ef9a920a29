/* Writing cpio archives: see fmt_cpio.h. */
#include "format/fmt_cpio.h"

#include "base/print.h"
#include "base/str.h"

enum { ALIGN = 4, HEADER_BYTES = 110 };

void fmt_cpio_begin(struct fmt_cpio *cpio, struct st_buf *to)
{
    *cpio = (struct fmt_cpio){.to = to};
}

static int pad(struct st_buf *to)
{
    static const char zeros[ALIGN];

    return st_buf_append(to, zeros, (ALIGN - to->length % ALIGN) % ALIGN);
}

static int add(struct fmt_cpio *cpio, const char *name, uint32_t mode, uint32_t major,
               uint32_t minor, const void *bytes, size_t size)
{
    size_t name_size = st_strlen(name) + 1;
    /* Rounded up, so that st_snprintf's zero fits. */
    char header[HEADER_BYTES + 2];
    int r;

    if (name[0] == '\0' || name[0] == '/' || name_size > UINT32_MAX) {
        return -ST_EINVAL;
    }
    if (size > UINT32_MAX) {
        return -ST_E2BIG;
    }
    (void)st_snprintf(header, sizeof header,
                      "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ++cpio->inode,
                      mode, 0u, 0u, 1u, 0u, (uint32_t)size, 0u, 0u, major, minor,
                      (uint32_t)name_size, 0u);
    r = st_buf_append(cpio->to, header, HEADER_BYTES);
    if (r == 0) {
        r = st_buf_append(cpio->to, name, name_size);
    }
    if (r == 0) {
        r = pad(cpio->to);
    }
    if (r == 0) {
        r = st_buf_append(cpio->to, bytes, size);
    }
    return r == 0 ? pad(cpio->to) : r;
}

int fmt_cpio_add(struct fmt_cpio *cpio, const char *name, uint32_t mode, const void *bytes,
                 size_t size)
{
    return add(cpio, name, mode, 0, 0, bytes, size);
}

int fmt_cpio_add_device(struct fmt_cpio *cpio, const char *name, uint32_t mode, uint32_t major,
                        uint32_t minor)
{
    return add(cpio, name, mode, major, minor, "", 0);
}

int fmt_cpio_end(struct fmt_cpio *cpio)
{
    return add(cpio, "TRAILER!!!", 0, 0, 0, "", 0);
}
