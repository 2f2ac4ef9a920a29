/* CPUID (Intel SDM volume 2A, "CPUID"). */
#include <cpuid.h>
#include <stdint.h>

#include "jvm/intrinsic/jis_cpu.h"

enum {
    LEAF1_ECX_PCLMULQDQ = 1 << 1,
    LEAF1_ECX_SSSE3 = 1 << 9,
    LEAF1_ECX_FMA = 1 << 12,
    LEAF1_ECX_SSE41 = 1 << 19,
    LEAF1_ECX_SSE42 = 1 << 20,
    LEAF1_ECX_AES = 1 << 25,
    LEAF7_EBX_SHA = 1 << 29
};

static struct jis_cpu ask(void)
{
    unsigned a;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d;
    struct jis_cpu cpu = {.sha = false};
    if (__get_cpuid(1, &a, &b, &c, &d) != 0) {
        bool bytes = (c & LEAF1_ECX_SSSE3) != 0 && (c & LEAF1_ECX_SSE41) != 0;
        cpu.aes = bytes && (c & LEAF1_ECX_AES) != 0;
        cpu.clmul = bytes && (c & LEAF1_ECX_PCLMULQDQ) != 0;
        cpu.crc32c = (c & LEAF1_ECX_SSE42) != 0;
        cpu.fma = (c & LEAF1_ECX_FMA) != 0 && __builtin_cpu_supports("fma");
        if (bytes && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) {
            cpu.sha = (b & (unsigned)LEAF7_EBX_SHA) != 0;
        }
    }
    return cpu;
}

const struct jis_cpu *jis_cpu(void)
{
    static struct jis_cpu cpu; /* the same whoever writes it */
    static bool asked;
    if (!__atomic_load_n(&asked, __ATOMIC_ACQUIRE)) {
        cpu = ask();
        __atomic_store_n(&asked, true, __ATOMIC_RELEASE);
    }
    return &cpu;
}
