/* Where the JDK is, its libraries, and the system properties that the machine delivers
 * (jvm-interface.md 1.2, 4.2). */
#pragma once

#include "base/err.h"
#include "jvm/jdk/jdk_options.h"

/* Finds java.home: beside the library that this is part of, or the launcher's libjli. Before all
 * else here. */
int jdk_home_find(struct st_err *err) ST_MUST_CHECK;
const char *jdk_modules_path(void); /* lib/modules */

/* Adds the properties that are the machine's to say; those of the command line stay. -ST_ENOMEM. */
int jdk_properties_fill(struct jdk_options *options) ST_MUST_CHECK;

/* Opens libjava. libverify, libzip follow when they are first needed. */
int jdk_libraries_open(struct st_err *err) ST_MUST_CHECK;
