/*
 * Writing tar archives: ustar headers, with a pax extended header before them for what ustar cannot
 * say (long names, large numbers, extended attributes). The text goes into a buffer; the caller
 * sends it and the file data on. Same input, same bytes. Pure.
 */
#pragma once

#include "base/buf.h"
#include "format/fmt_tar.h"

/* Appends the entry's header blocks; its `sparse` is ignored. Data of entry->size bytes and
 * fmt_tar_write_padding come after it. Returns 0 or the buffer's failure. */
int fmt_tar_write_header(struct st_buf *to, const struct fmt_tar_entry *entry);

/* Appends the zeros that follow `size` bytes of data. */
int fmt_tar_write_padding(struct st_buf *to, uint64_t size);

/* Appends the archive's end. */
int fmt_tar_write_end(struct st_buf *to);
