/*
 * The type-checking verifier (JVMS 17 4.10.1): checks the code of a parsed class of version 50 or
 * later by its StackMapTables. It loads nothing: what it must know of other classes it asks.
 *
 * Older classes are not for it (they may hold jsr and ret: the caller uses the inferring verifier
 * of the library), and one of version 50 that fails here may be tried there. Nor does it check what
 * needs no code: final methods overridden, final superclasses.
 */
#pragma once

#include "base/arena.h"
#include "jvm/classfile/jcf_class.h"
#include "jvm/classfile/jcf_error.h"

/* What is asked. All of them return 1 yes, 0 no, or a negative number when they failed and have
 * recorded an exception (a class could not be loaded): the verifier stops then with
 * JCF_ERROR_PENDING. Names are internal ("java/lang/String", "[I"), the bytes of the class file. */
struct jcf_verify_env {
    void *context;

    /* May a value of class or array `from` be used as `to`, a class that is not java/lang/Object
     * and has another name (where `to` is an array, the verifier asks for its elements)? Yes where
     * `to`, loaded by this class's loader, is an interface, or where `from` is a class and a
     * subclass of it. With `for_protected` (a receiver whose protected member is used) an interface
     * is no such thing for the receiver java/lang/Object. */
    int (*is_assignable)(void *context, struct jcf_text from, struct jcf_text to,
                         bool for_protected);

    /* Is there a class of this name among the superclasses of the class that is verified (itself
     * not)? They are loaded, so nothing is loaded for this. */
    int (*is_superclass)(void *context, struct jcf_text name);

    /* Is the field or method that `member` names (its class is such a superclass), looked up there
     * and above, protected, and declared in a class of another run-time package than the verified
     * one's? No where there is none. */
    int (*is_protected_elsewhere)(void *context, const struct jcf_member *member, bool is_method);

    /* Is the class of this name, loaded by this class's loader, an interface? NULL: no. */
    int (*is_interface)(void *context, struct jcf_text name);
};

/* Verifies all methods. Returns 0; -ST_ECORRUPT with JCF_ERROR_VERIFY (HotSpot's message with its
 * Exception Details), JCF_ERROR_CLASS_FORMAT or JCF_ERROR_PENDING; -ST_ENOMEM. Scratch memory of
 * the arena is rewound; a message stays. */
int jcf_verify(const struct jcf_class *class, const struct jcf_verify_env *env,
               struct st_arena *arena, struct jcf_error *ret_error) ST_MUST_CHECK;
