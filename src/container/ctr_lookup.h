/* Looking things up inside of a container, as its user, before its program is executed: what is
 * read there is data from a stranger. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The value of NAME in a list of NAME=value, the last one given; NULL: none. */
const char *ctr_lookup_variable(const char *const env[], const char *name);

/* "HOME=" and the folder that /etc/passwd says for the user, "/" where it says nothing. The caller
 * frees it; NULL: out of memory. */
char *ctr_lookup_home(uint32_t uid);

/* The folder of a user in the text of a passwd file, or "" (pure). */
void ctr_lookup_passwd(const char *text, uint32_t uid, char *ret_folder, size_t size);

/* The path of a program as execvp finds it; search is the PATH to use (NULL: the usual one).
 * -ST_ENOENT, -ST_EACCES, -ST_EISDIR with messages worded as callers of OCI runtimes look for
 * them. */
int ctr_lookup_program(const char *name, const char *search, char *ret_path, size_t size,
                       struct st_err *err);
