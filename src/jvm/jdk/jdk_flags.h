/*
 * -XX flags: HotSpot's names are known (jdk_flags.def), those that mean something here are set in
 * struct jdk_options, others are ignored with one warning.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "jvm/jdk/jdk_options.h"

/* What the flags before one say about it. */
struct jdk_flag_reader {
    struct jdk_options *to;
    bool lenient;                  /* -XX:+IgnoreUnrecognizedVMOptions, or the embedder's wish */
    bool diagnostic, experimental; /* unlocked */
    bool warned;
    unsigned collectors; /* a bit for each that was chosen */
};

/* A size with k, m, g or t behind it; false: it is none. */
bool jdk_parse_size(const char *text, uint64_t *ret_number);

/* How alike two names are, from 0: the share of pairs of letters in the one that are in the other.
 */
double jdk_likeness(const char *one, size_t length, const char *other, size_t other_length);

/* Takes what follows -XX:. A failure's message is HotSpot's, the hint is "Did you mean", which
 * HotSpot ends without a new line. */
int jdk_flag_take(struct jdk_flag_reader *reader, const char *text,
                  struct st_err *err) ST_MUST_CHECK;

/* Notes that a flag was given by another option, as MaxHeapSize by -Xmx. */
void jdk_flag_given(struct jdk_options *options, const char *name);
bool jdk_flag_is_given(const struct jdk_options *options, const char *name);

/* -XX:+PrintFlagsFinal and -XX:+PrintCommandLineFlags, in HotSpot's form: what is honoured here. */
void jdk_flags_print(const struct jdk_options *options);
void jdk_flags_print_given(const struct jdk_options *options);

/* The flags that are honoured here, for the management interface; by number from 0. */
struct jdk_flag {
    const char *name;
    enum jdk_flag_kind { JDK_FLAG_BOOL, JDK_FLAG_NUMBER, JDK_FLAG_DOUBLE, JDK_FLAG_TEXT } kind;
    bool given;
    bool truth;
    int64_t number;
    bool is_unsigned; /* the number */
    double real;
    const char *text; /* NULL: not set */
};
uint32_t jdk_flag_count(void);
void jdk_flag_get(const struct jdk_options *options, uint32_t which, struct jdk_flag *ret_flag);
