/*
 * The class-file parser: bytes in, struct jcf_class out, one pass, with the format checks that
 * HotSpot 17 makes (JVMS 17 chapter 4), for versions 45.0 to 61.0, and 61.65535 with preview.
 * What is said about other classes (does the superclass exist, is it final) is the caller's.
 */
#pragma once

#include "base/arena.h"
#include "jvm/classfile/jcf_class.h"
#include "jvm/classfile/jcf_error.h"

enum {
    JCF_MAJOR_MIN = 45,
    JCF_MAJOR_MAX = 61,
    JCF_MAJOR_TYPED = 50, /* first with StackMapTable; what fails there may use the old verifier */
    JCF_MINOR_PREVIEW = 65535,
};

struct jcf_parse_config {
    /* Of the boot loader: the checks that HotSpot leaves out for it are left out (UTF-8, names,
     * descriptors' syntax, flags, duplicates). What readers rely on is still checked. */
    bool trusted;
    bool any_names; /* of the platform loader: all checks but those of names (4.2) */
    bool preview;   /* --enable-preview */
    bool
        vm_annotations; /* annotations that the VM knows count: boot, platform, privileged hidden */
    /* The name asked for ("p/C"), NULL data: any. A class of another name is NoClassDefFoundError.
     */
    struct jcf_text name;
    /* Called for each superinterface when its name has been read, which is when HotSpot loads it
     * and checks that it is an interface: before what follows in the file is looked at. NULL:
     * nobody is called. Negative: it has failed with an exception of its own, and parsing ends with
     * JCF_ERROR_PENDING. */
    int (*load_interface)(void *context, struct jcf_text class_name, struct jcf_text interface);
    void *context;
};

/* Parses. Returns 0; or -ST_ECORRUPT (-ST_ENOMEM) with *ret_error filled and *ret_class undefined.
 * Memory of the arena that a failure took stays taken: rewind it. Messages lie in the arena too. */
int jcf_parse(const void *bytes, size_t size, const struct jcf_parse_config *config,
              struct st_arena *arena, struct jcf_class *ret_class,
              struct jcf_error *ret_error) ST_MUST_CHECK;
