/* The length of one well-formed UTF-8 sequence, for the parser and the writer. */
#pragma once

#include <stddef.h>

/* Bytes of the sequence at p (which has `left` > 0 bytes), 0 when it is not well formed: overlong,
 * a surrogate, above U+10FFFF or cut short. */
size_t json_utf8_length(const unsigned char *p, size_t left);
