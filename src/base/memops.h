/* The four operations on memory that compilers call by themselves and bare code may call too. A C
 * library supplies them to a process, boot/ to an image without one. As in C, any thread. */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
