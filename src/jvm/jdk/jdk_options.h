/*
 * The machine's command line: the option strings that a launcher or embedder passes to
 * JNI_CreateJavaVM, before them those of lib/modules and JAVA_TOOL_OPTIONS, after them those of
 * _JAVA_OPTIONS (jvm-interface.md 1.3).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "jvm/jdk/jdk_jni.h"

/* The property java.vm.name, which also begins warnings. */
#define JDK_VM_NAME "Strata 64-Bit VM"

struct jdk_property {
    char *key, *value;
};

struct jdk_assertion {
    bool enable;
    bool package; /* a package and what is below it; else a class. Name in slashes */
    char *name;   /* NULL: all */
};

struct jdk_options {
    uint64_t heap_min, heap_max, stack_bytes;
    uint64_t max_ram;                                                  /* -XX:MaxRAM */
    double max_ram_percent, min_ram_percent;                           /* of it */
    double initial_ram_percent;                                        /* 0: not given */
    uint64_t max_ram_fraction, min_ram_fraction, initial_ram_fraction; /* the same, as 1/N */
    bool no_container; /* -XX:-UseContainerSupport */
    uint64_t stress_every;
    bool verify_heap, verify_boot, verify_other;
    bool preview;
    bool print_flags, print_given_flags, print_options; /* -XX:+PrintFlagsFinal and its like */
    uint64_t given_flags;            /* a bit for each flag of jdk_flags.c that was given */
    bool print_gc, print_gc_details; /* the old names of -Xlog:gc */
    bool printed;        /* -Xlog:help, -Xinternalversion: that was it, what follows is not read */
    bool reduce_signals; /* -Xrs */
    bool management_agent;  /* -XX:+ManagementServer, -Dcom.sun.management... */
    bool crash_on_oom;      /* -XX:+CrashOnOutOfMemoryError */
    bool wide_strings;      /* -XX:-CompactStrings */
    bool no_core;           /* -XX:-CreateCoredumpOnCrash: a crash exits with 1 */
    bool no_explicit_gc;    /* -XX:+DisableExplicitGC: System.gc() does nothing */
    char *on_oom;           /* -XX:OnOutOfMemoryError: commands; NULL: none */
    bool exit_on_oom;       /* -XX:+ExitOnOutOfMemoryError */
    bool system_assertions; /* -esa */
    bool show_code_details; /* helpful NullPointerException messages */
    uint32_t trace_depth;
    uint64_t max_direct_bytes;       /* 0: not given */
    int32_t processors;              /* -XX:ActiveProcessorCount; less than 1: ask the host */
    char *error_file;                /* -XX:ErrorFile; NULL: not given */
    struct jdk_property *properties; /* in order; a later one of a key wins */
    uint32_t property_count;
    struct jdk_assertion *assertions; /* in order */
    uint32_t assertion_count;
    char **boot_append, **patches; /* ended by NULL */
    char **arguments; /* what was passed, for the management interface: ended by NULL */
    uint32_t argument_count;
    int (*print)(void *stream, const char *format,
                 va_list list); /* the "vfprintf" hook; NULL: none */
    void (*exit)(jint code);    /* "exit" */
    void (*abort)(void);        /* "abort" */
};

/* Parses all. `arguments` is what JNI_CreateJavaVM got. A failure's message and hint are what is to
 * be printed: on standard error; on standard output where options do not fit together, -ST_ERANGE,
 * and -ST_ELIMIT, which is an error of the machine's initialization. -ST_ENOMEM too. */
int jdk_options_parse(const JavaVMInitArgs *arguments, struct jdk_options *ret_options,
                      struct st_err *err) ST_MUST_CHECK;
void jdk_options_done(struct jdk_options *options);

/* The value of a property; NULL: not set. */
const char *jdk_property_get(const struct jdk_options *options, const char *key);
/* Sets one; `replace` false keeps what is there. -ST_ENOMEM. */
int jdk_property_set(struct jdk_options *options, const char *key, const char *value, bool replace);
