/* Mappings: see os_memory.h. */
#include "os/os_memory.h"

#include <stdint.h>
#include <unistd.h>

#include "os/os_priv.h"

int os_mmap(void *wish, size_t size, int protection, int flags, int fd, off_t at,
            void **ret_address)
{
    void *address = MAP_FAILED;
    int r = OS_CALL((address = mmap(wish, size, protection, flags, fd, at)) == MAP_FAILED ? -1 : 0);
    if (r == 0) {
        *ret_address = address;
    }
    return r;
}

int os_munmap(void *address, size_t size)
{
    return OS_CALL(munmap(address, size));
}

int os_mprotect(void *address, size_t size, int protection)
{
    return OS_CALL(mprotect(address, size, protection));
}

int os_madvise(void *address, size_t size, int advice)
{
    return OS_CALL(madvise(address, size, advice));
}

int os_mremap_again(void *from, size_t size, void **ret_address)
{
    void *address = MAP_FAILED;
    int r = OS_CALL((address = mremap(from, 0, size, MREMAP_MAYMOVE)) == MAP_FAILED ? -1 : 0);
    if (r == 0) {
        *ret_address = address;
    }
    return r;
}

int os_mremap_to(void *from, size_t size, void *to)
{
    return OS_CALL(mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED ? -1
                                                                                             : 0);
}

void *os_heap_end(void)
{
    return sbrk(0);
}
