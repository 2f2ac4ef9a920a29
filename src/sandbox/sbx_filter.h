/*
 * seccomp filters that the compiler makes: constant tables of BPF, from questions about arguments
 * and a list of calls that are let through. For programs of ours, whose calls are known;
 * containers' profiles are compiled by sbx_seccomp.h. x86-64 calls alone.
 *
 *     #define CALLS(X) X(read) X(write)
 *     #define my_filter_PLACE(call) SBX_PLACE(my_filter, call)
 *     #define my_filter_TEST(call)  SBX_TEST(my_filter, call)
 *     SBX_FILTER(my_filter, SBX_START, CALLS);
 *
 * A list is a run of comparisons and then the two outcomes; a comparison jumps over those that
 * follow it, which its place in an enumeration tells. What is not in it fails with EPERM.
 */
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "base/err.h"

#define SBX_LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Its low half. */
#define SBX_LOAD_ARGUMENT(number) SBX_LOAD(args[number])
/* Skips `yes` instructions where the value is that, else `no`. */
#define SBX_IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define SBX_ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define SBX_REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

/* First in each filter: leaves the call's number loaded. */
#define SBX_START                                                                                  \
    SBX_LOAD(arch), SBX_IF(AUDIT_ARCH_X86_64, 1, 0),                                               \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), SBX_LOAD(nr)

#define SBX_PLACE(name, call) name##_at_##call,
#define SBX_TEST(name, call)                                                                       \
    SBX_IF(SYS_##call, (unsigned char)(name##_calls - name##_at_##call), 0),

/* At most 255 calls. */
#define SBX_FILTER(name, questions, calls)                                                         \
    enum { calls(name##_PLACE) name##_calls };                                                     \
    static const struct sock_filter name[] = {questions, calls(name##_TEST) SBX_REFUSE(ST_EPERM),  \
                                              SBX_ALLOW};                                          \
    _Static_assert(name##_calls <= 255, "jumps are that long")
