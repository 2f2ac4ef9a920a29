/*
 * Where Java is: a JDK or JRE 17 of the host, whose launcher, class library and native libraries
 * are used as they are, and our libjvm.so, which takes HotSpot's place under them (docs/jvm.md).
 * The launcher finds it by the variable ENGINE_JAVA_VARIABLE, which children inherit.
 */
#pragma once

#include "base/err.h"

#define ENGINE_JAVA_VARIABLE "JDK_ALTERNATE_VM"

struct engine_java {
    char *home;     /* of the JDK or JRE, without links */
    char *launcher; /* <home>/bin/java */
    char *vm;       /* the folder of libjvm.so, without links */
};

/* programs: the folder of our programs; NULL: the one that this process was started from. `home` is
 * $JAVA_HOME where that is a 17, else the first there is in /usr/lib/jvm, Debian's before others.
 * -ST_ENOTFOUND with what to install. */
int engine_java_find(const char *programs, struct engine_java *ret_java, struct st_err *err);
/* The path without links of a file or a folder, which the caller frees; NULL: it cannot be told. */
char *engine_real_path(const char *path);
void engine_java_done(struct engine_java *java);
static inline void st_cleanup_engine_java(struct engine_java *java)
{
    engine_java_done(java);
}
