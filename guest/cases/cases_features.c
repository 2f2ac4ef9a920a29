/* What the CPU says of itself. */
#include "bare/bare.h"
#include "cases/cases.h"
#include "x86/x86_regs.h"

struct words {
    uint32_t a, b, c, d;
};

static struct words cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct words w;

    __asm__ volatile("cpuid"
                     : "=a"(w.a), "=b"(w.b), "=c"(w.c), "=d"(w.d)
                     : "a"(leaf), "c"(subleaf));
    return w;
}

uint32_t cases_cr4_supported(void)
{
    const struct words one = cpuid(1, 0), seven = cpuid(7, 0);
    const struct {
        uint32_t bit;
        bool there;
    } bits[] = {
        {X86_CR4_UMIP, (seven.c & 1u << 2) != 0},   {X86_CR4_PCIDE, (one.c & 1u << 17) != 0},
        {X86_CR4_OSXSAVE, (one.c & 1u << 26) != 0}, {X86_CR4_SMEP, (seven.b & 1u << 7) != 0},
        {X86_CR4_SMAP, (seven.b & 1u << 20) != 0},  {X86_CR4_FSGSBASE, (seven.b & 1) != 0},
    };
    uint32_t supported = ~0u;

    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        supported &= bits[i].there ? ~0u : ~bits[i].bit;
    }
    return supported;
}

void cases_print_features(void)
{
    const struct words one = cpuid(1, 0), seven = cpuid(7, 0), thirteen = cpuid(13, 1);
    const struct words extended = cpuid(0x80000001, 0), eight = cpuid(0x80000008, 0);

    bare_print("F 1_EDX %x\nF 1_ECX %x\nF 7_EBX %x\nF 7_ECX %x\nF 7_EDX %x\n", one.d, one.c,
               seven.b, seven.c, seven.d);
    bare_print("F D1_EAX %x\nF E1_EDX %x\nF E1_ECX %x\nF E8_EBX %x\n", thirteen.a, extended.d,
               extended.c, eight.b);
}
