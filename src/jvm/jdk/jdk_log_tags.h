/*
 * Tags of log lines (-Xlog): HotSpot 17's names, and the sets of them that it writes under.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { JDK_LOG_TAGS_MAX = 5 };
#define JDK_LOG_ALIKE 0.5 /* names that are at least so alike may have been meant */

/* What a selection names. */
struct jdk_log_tags {
    const char *of[JDK_LOG_TAGS_MAX]; /* each ends with a separator or the text's end */
    unsigned count;                   /* 0: all lines */
    bool wildcard;                    /* others may stand beside them */
};

/* All names, with a space between. */
extern const char jdk_log_tag_names[];

/* A tag by its name in letters of either case; NULL: there is none. */
const char *jdk_log_tag(const char *name);
/* Adds " Did you mean 'gc'?" if a tag's name is like that one. */
void jdk_log_tag_alike(const char *name, struct st_buf *to);

/* "gc+heap*" */
void jdk_log_tags_text(const struct jdk_log_tags *tags, struct st_buf *to);
bool jdk_log_tags_have(const struct jdk_log_tags *tags, const char *tag);
/* Whether lines of a set are selected; a set's text has + or a comma between the tags. */
bool jdk_log_tags_select(const struct jdk_log_tags *selection, const char *set);
/* Whether lines of any of HotSpot's sets are. */
bool jdk_log_tags_select_any(const struct jdk_log_tags *selection);
/* Adds up to five selections that are like one and select something. */
void jdk_log_tags_alike(const struct jdk_log_tags *selection, struct st_buf *to);
