/*
 * Which options were given: the words of the image, the variables, the command line and options
 * files, in the order in which they count.
 */
#pragma once

#include "base/err.h"
#include "jvm/jdk/jdk_options.h"

/* Notes them in options->arguments: those of lib/modules (jlink --add-options), of
 * JAVA_TOOL_OPTIONS, of the embedder, of _JAVA_OPTIONS;
 * -XX:VMOptionsFile gives way to what is in the file. Says which variables were picked up. Those
 * that pass functions are left out. -ST_EINVAL, -ST_ENOENT, -ST_ENOMEM. */
int jdk_options_gather(const JavaVMInitArgs *arguments, struct jdk_options *options,
                       struct st_err *err) ST_MUST_CHECK;

/* Appends a copy of a text to a list that ends with NULL. -ST_ENOMEM. */
int jdk_list_append(char ***list, uint32_t count, const char *text) ST_MUST_CHECK;
/* Frees a list of copies; NULL is one. */
void jdk_list_free(char **list);
