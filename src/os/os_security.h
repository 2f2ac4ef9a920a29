/* seccomp, keyrings and BPF. Wrappers follow the rules of os_file.h. */
#pragma once

#include <stddef.h>

#include "base/err.h"

union bpf_attr;

int os_seccomp(unsigned operation, unsigned flags, void *args);

long os_keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int os_bpf(int command, union bpf_attr *attr, size_t size);
