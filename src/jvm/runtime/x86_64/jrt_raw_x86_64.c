/*
 * Memory outside the heap on x86-64: see jrt_raw.h. Each access is a naked function that uses no
 * stack, so that wherever it faults its caller's return address is on top: the handler lets it go
 * on in `failed`, which returns false. The code is filled up to CODE_BYTES, so that any place in it
 * is told by the function's address.
 */
#include "jvm/runtime/jrt_raw.h"

#include <stdint.h>
#include <string.h>
#include <ucontext.h>

enum { CODE_BYTES = 32, DIRECTION = 1 << 10 };

#define ACCESS(name, parameters, code)                                                             \
    ST_OPAQUE __attribute__((naked)) static bool name parameters                                   \
    {                                                                                              \
        __asm__("1:\t" code "movl $1, %eax\n\tret\n\t.skip 32 - (. - 1b), 0xcc");                  \
    }

ACCESS(load8, (const void *at ST_UNUSED, uint64_t *ret ST_UNUSED),
       "movzbl (%rdi), %eax\n\tmovq %rax, (%rsi)\n\t")
ACCESS(load16, (const void *at ST_UNUSED, uint64_t *ret ST_UNUSED),
       "movzwl (%rdi), %eax\n\tmovq %rax, (%rsi)\n\t")
ACCESS(load32, (const void *at ST_UNUSED, uint64_t *ret ST_UNUSED),
       "movl (%rdi), %eax\n\tmovq %rax, (%rsi)\n\t")
ACCESS(load64, (const void *at ST_UNUSED, uint64_t *ret ST_UNUSED),
       "movq (%rdi), %rax\n\tmovq %rax, (%rsi)\n\t")
ACCESS(store8, (void *at ST_UNUSED, uint64_t value ST_UNUSED), "movb %sil, (%rdi)\n\t")
ACCESS(store16, (void *at ST_UNUSED, uint64_t value ST_UNUSED), "movw %si, (%rdi)\n\t")
ACCESS(store32, (void *at ST_UNUSED, uint64_t value ST_UNUSED), "movl %esi, (%rdi)\n\t")
ACCESS(store64, (void *at ST_UNUSED, uint64_t value ST_UNUSED), "movq %rsi, (%rdi)\n\t")
ACCESS(fill, (void *to ST_UNUSED, int byte ST_UNUSED, size_t bytes ST_UNUSED),
       "movq %rdx, %rcx\n\tmovl %esi, %eax\n\trep stosb\n\t")
ACCESS(copy_up, (void *to ST_UNUSED, const void *from ST_UNUSED, size_t bytes ST_UNUSED),
       "movq %rdx, %rcx\n\trep movsb\n\t")
ACCESS(copy_words_up, (void *to ST_UNUSED, const void *from ST_UNUSED, size_t words ST_UNUSED),
       "movq %rdx, %rcx\n\trep movsq\n\t")
/* From the last byte or word, of which the addresses are. */
ACCESS(copy_down, (void *to ST_UNUSED, const void *from ST_UNUSED, size_t bytes ST_UNUSED),
       "movq %rdx, %rcx\n\tstd\n\trep movsb\n\tcld\n\t")
ACCESS(copy_words_down, (void *to ST_UNUSED, const void *from ST_UNUSED, size_t words ST_UNUSED),
       "movq %rdx, %rcx\n\tstd\n\trep movsq\n\tcld\n\t")

ST_OPAQUE __attribute__((naked)) static bool failed(void)
{
    __asm__("xorl %eax, %eax\n\tret");
}

bool jrt_raw_load(const void *at, size_t size, void *ret_value)
{
    uint64_t value = 0;
    bool good = size == 1   ? load8(at, &value)
                : size == 2 ? load16(at, &value)
                : size == 4 ? load32(at, &value)
                            : load64(at, &value);
    memcpy(ret_value, &value, size);
    return good;
}

bool jrt_raw_store(void *at, size_t size, const void *value)
{
    uint64_t word = 0;
    memcpy(&word, value, size);
    return size == 1   ? store8(at, word)
           : size == 2 ? store16(at, word)
           : size == 4 ? store32(at, word)
                       : store64(at, word);
}

bool jrt_raw_copy(void *to, const void *from, size_t bytes)
{
    uintptr_t distance = (uintptr_t)to - (uintptr_t)from;
    bool words = (((uintptr_t)to | (uintptr_t)from | bytes) & 7) == 0;
    if (bytes == 0) {
        return true;
    }
    if (distance >= bytes) {
        return words ? copy_words_up(to, from, bytes / 8) : copy_up(to, from, bytes);
    }
    char *last = (char *)to + bytes;
    const char *last_from = (const char *)from + bytes;
    return words ? copy_words_down(last - 8, last_from - 8, bytes / 8)
                 : copy_down(last - 1, last_from - 1, bytes);
}

bool jrt_raw_fill(void *to, int byte, size_t bytes)
{
    return fill(to, byte, bytes);
}

bool jrt_raw_leave(void *context)
{
    static const uintptr_t accesses[] = {
        (uintptr_t)load8,          (uintptr_t)load16,        (uintptr_t)load32,
        (uintptr_t)load64,         (uintptr_t)store8,        (uintptr_t)store16,
        (uintptr_t)store32,        (uintptr_t)store64,       (uintptr_t)fill,
        (uintptr_t)copy_up,        (uintptr_t)copy_words_up, (uintptr_t)copy_down,
        (uintptr_t)copy_words_down};
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    for (unsigned i = 0; i < sizeof accesses / sizeof accesses[0]; i++) {
        if ((uintptr_t)registers[REG_RIP] - accesses[i] < CODE_BYTES) {
            registers[REG_RIP] = (greg_t)(uintptr_t)failed;
            registers[REG_EFL] &= ~(greg_t)DIRECTION;
            return true;
        }
    }
    return false;
}
