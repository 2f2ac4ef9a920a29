/* Mappings. Wrappers follow the rules of os_file.h. */
#pragma once

#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "base/err.h"

/* The address is in *ret_address. Returns 0 or -errno. */
int os_mmap(void *wish, size_t size, int protection, int flags, int fd, off_t at,
            void **ret_address);
int os_munmap(void *address, size_t size);
int os_mprotect(void *address, size_t size, int protection);
/* `advice` is madvise(2)'s. */
int os_madvise(void *address, size_t size, int advice);
/* Moves a mapping over what is at `to`, in one step. */
int os_mremap_to(void *from, size_t size, void *to);
/* A second mapping of the same memory, which is MAP_SHARED. */
int os_mremap_again(void *from, size_t size, void **ret_address);

/* Where the heap of brk(2) ends. */
void *os_heap_end(void);
