/*
 * What OpenJDK's libraries, its launcher and native code see of the machine: JNI, the JVM_
 * functions, the natives of the class library, options, the start and end of the machine. Its
 * parts, for each other.
 */
#pragma once

#include <stdio.h>

#include "jvm/jdk/jdk_options.h"
#include "jvm/runtime/jrt_thread.h"

/* What only the program that the machine is part of does: it prints and ends the process. */
struct jdk_host {
    int (*print)(FILE *stream, const char *format, va_list list);
    void (*exit)(int code); /* do not return, as the next */
    void (*abort)(void);
};
/* Set before anything else of this module is called. */
extern const struct jdk_host *jdk_host;

/* Prints by the embedder's hook or the host. */
void jdk_print(FILE *stream, const char *format, ...) ST_PRINTF(2, 3);
void jdk_vprint(FILE *stream, const char *format, va_list list) ST_PRINTF(2, 0);
/* Ends the process by the embedder's hook or the host. */
ST_NORETURN void jdk_exit(jint code);

/* What JNI_CreateJavaVM, JNI_GetDefaultJavaVMInitArgs and JNI_GetCreatedJavaVMs do. */
jint jdk_create(JavaVM **ret_vm, void **ret_env, const JavaVMInitArgs *arguments);
jint jdk_default_arguments(void *arguments);
jint jdk_created(JavaVM **ret_vms, jsize room, jsize *ret_count);

/* What the machine was started with; constant from then on. */
extern struct jdk_options jdk_options;

/* The system class loader's object; NULL before initPhase3. */
struct job_object *jdk_system_loader(void);

/* Processors that the machine may use: of its affinity and its cgroup's quota, or as the options
 * say. */
int jdk_processors(void);
/* Notes when the machine was made; time since. */
void jdk_started(void);
uint64_t jdk_uptime_ns(void);
uint64_t jdk_uptime_at(uint64_t monotonic_ns);
/* Whether assertions are on in a class (-ea, -da, -esa, -dsa). */
bool jdk_assertions_of(const struct jrt_class *class);
/* Prints a throwable's message and trace without running Java code. */
void jdk_describe_plainly(const struct job_object *throwable);

/* Prints the pending exception as ExceptionDescribe does and clears it. In VM. */
void jdk_describe_exception(struct jrt_thread *thread);
/* From now on a fault ends the process with a crash report (docs/jvm.md), unless somebody handles
 * its signal already. */
void jdk_crash_watch(void);
/* Ends the process with a crash report for which there was no signal. */
ST_NORETURN void jdk_crash(const char *what);
/* Ends the process with a message, as JNI's FatalError does. */
ST_NORETURN void jdk_fatal(const char *message);

/* java.lang.reflect objects: what one stands for; one made anew. In VM. NULL: an exception is
 * pending. */
struct jrt_method *jdk_reflected_method(const struct job_object *reflected);
struct jrt_field *jdk_reflected_field(const struct job_object *reflected);
struct job_object *jdk_reflect_method(struct jrt_thread *thread, struct jrt_method *method);
struct job_object *jdk_reflect_field(struct jrt_thread *thread, struct jrt_field *field);

/* "void Foo.bar(int)": a method as messages name it, cut to `size`. */
void jdk_describe_method(const struct jrt_method *method, char *text, size_t size);

/* Libraries of the JDK: libjava, open since the start; libverify, opened now (NULL: could not). */
void *jdk_java_library(void);
void *jdk_verify_library(struct st_err *err);

/* The hooks of jrt_options. */
bool jdk_find_native(struct jrt_thread *thread, struct jrt_method *method);
/* -verbose:jni: a line about a native method that was found. */
void jdk_log_native(const char *what, const struct jrt_method *method, const char *after);
bool jdk_verify_old(struct jrt_thread *thread, struct jrt_class *class, const char *reason);
void jdk_collected(const struct jgc_pause *pause);
void jdk_reached(const struct jgc_usage *usage);
void jdk_collection_finished(const struct jgc_pause *pause);
void jdk_handler_threw(const struct jrt_thread *thread, const struct job_object *thrown);
/* The first OutOfMemoryError: does what -XX:OnOutOfMemoryError, CrashOnOutOfMemoryError and
 * ExitOnOutOfMemoryError (code 3, without shutdown hooks) say. In VM. */
void jdk_out_of_memory(struct jrt_thread *thread, const char *message);

/* Whether JNI_OnLoad and its like may ask for that version. */
bool jdk_is_jni_version(jint version);

/* Starts the thread "Signal Dispatcher". false: an exception is pending. */
bool jdk_signals_start(struct jrt_thread *thread) ST_MUST_CHECK;

/* Stops every other thread for good: the process is about to end. Returns with the caller in native
 * state. */
void jdk_stop_for_good(struct jrt_thread *thread);

/* A java.nio.DirectByteBuffer over memory of the caller's; NULL: an exception is pending. In VM. */
struct job_object *jdk_direct_buffer(struct jrt_thread *thread, void *address, int64_t capacity);
/* Writes bytes to its start. True. */
bool jdk_fill_buffer(const struct job_object *buffer, const void *bytes, size_t count);

/* SIGQUIT's thread dump, handed to `write` in pieces. In VM. */
void jdk_thread_dump(struct jrt_thread *thread,
                     void (*write)(void *to, const char *text, size_t length), void *to);

/* "java.lang.Thread.run(Thread.java:840)": a place in a method as stack traces have it, cut to
 * `size`. */
void jdk_describe_place(const struct jrt_method *method, uint32_t bytecode_index, char *text,
                        size_t size);
/* NoClassDefFoundError for a class name longer than a symbol; true: it is none, or NULL. */
bool jdk_check_class_name(struct jrt_thread *thread, const char *name);
/* A class's SourceFile; false: it has none. */
bool jdk_source_file(const struct jrt_class *class, char *text, size_t size);
