/*
 * See native_x86_64.h.
 */
#include "native_x86_64.h"

#include <cpuid.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum {
    FLAT_DATA = 0x2b,
    STACK_BYTES = 65536,
    XSTATE_MAX = 16384,
    XSTATE_HEADER = 512,
    FRAME_SIZE_AT = 464 + 16, /* struct _fpx_sw_bytes.xstate_size */
    FLAGS_TAKEN = 0xcd5,      /* arithmetic ones and DF */
};

static const int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS};
static const int registers[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};

static uint8_t *code;
static struct native_state *state;
static struct native_fault fault;
static volatile enum { IDLE, ENTERING, RUNNING } phase;
static uint64_t start, end;
static gregset_t saved_registers;
static uint8_t saved_xstate[XSTATE_MAX];
static struct sigaction before[sizeof(signals) / sizeof(signals[0])];

static uint32_t xstate_size(const ucontext_t *context)
{
    uint32_t size;

    memcpy(&size, (uint8_t *)context->uc_mcontext.fpregs + FRAME_SIZE_AT, sizeof(size));
    return size < NATIVE_XSAVE ? NATIVE_XSAVE : size > XSTATE_MAX ? XSTATE_MAX : size;
}

static void enter(ucontext_t *context)
{
    uint8_t *xstate = (uint8_t *)context->uc_mcontext.fpregs;
    uint64_t components;

    memcpy(saved_registers, context->uc_mcontext.gregs, sizeof(saved_registers));
    memcpy(saved_xstate, xstate, xstate_size(context));
    for (unsigned i = 0; i < 16; i++) {
        context->uc_mcontext.gregs[registers[i]] = (greg_t)state->gpr[i];
    }
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)start;
    context->uc_mcontext.gregs[REG_EFL] =
        (greg_t)((state->rflags & FLAGS_TAKEN) |
                 ((uint64_t)context->uc_mcontext.gregs[REG_EFL] & ~(uint64_t)FLAGS_TAKEN));
    if (state->cs != 0) {
        /* CS in bits 0-15, SS in 48-63. */
        uint64_t selectors = (uint64_t)context->uc_mcontext.gregs[REG_CSGSFS];

        selectors = (selectors & 0x0000ffffffff0000) | state->cs | (uint64_t)state->ss << 48;
        context->uc_mcontext.gregs[REG_CSGSFS] = (greg_t)selectors;
    }
    /* The frame's own words are in bytes 464 to 511. */
    memcpy(xstate, state->xsave, 416);
    memcpy(&components, xstate + XSTATE_HEADER, sizeof(components));
    components |= 7;
    memcpy(xstate + XSTATE_HEADER, &components, sizeof(components));
    memcpy(xstate + XSTATE_HEADER + 64, state->xsave + XSTATE_HEADER + 64, 256);
    phase = RUNNING;
}

static void leave(ucontext_t *context)
{
    uint8_t *xstate = (uint8_t *)context->uc_mcontext.fpregs;
    uint64_t components, all = 7;

    fault.rip = (uint64_t)context->uc_mcontext.gregs[REG_RIP];
    fault.vector = (uint8_t)context->uc_mcontext.gregs[REG_TRAPNO];
    fault.error = (uint64_t)context->uc_mcontext.gregs[REG_ERR];
    fault.address = (uint64_t)context->uc_mcontext.gregs[REG_CR2];
    if (fault.vector == 3 && fault.rip == end + 1) {
        fault.vector = NATIVE_NO_FAULT;
    }
    for (unsigned i = 0; i < 16; i++) {
        state->gpr[i] = (uint64_t)context->uc_mcontext.gregs[registers[i]];
    }
    state->rflags = (uint64_t)context->uc_mcontext.gregs[REG_EFL];
    memcpy(&components, xstate + XSTATE_HEADER, sizeof(components));
    memcpy(state->xsave, xstate, 416);
    if (!(components & 1)) {
        static const uint8_t initial[6] = {0x7f, 3};

        memset(state->xsave, 0, 24);
        memset(state->xsave + 32, 0, 128);
        memcpy(state->xsave, initial, sizeof(initial));
    }
    if (!(components & 2)) {
        memset(state->xsave + 160, 0, 256);
    }
    if (components & 4) {
        memcpy(state->xsave + XSTATE_HEADER + 64, xstate + XSTATE_HEADER + 64, 256);
    } else {
        memset(state->xsave + XSTATE_HEADER + 64, 0, 256);
    }
    memcpy(state->xsave + XSTATE_HEADER, &all, sizeof(all));
    memcpy(context->uc_mcontext.gregs, saved_registers, sizeof(saved_registers));
    memcpy(xstate, saved_xstate, xstate_size(context));
    phase = IDLE;
}

static void handle(int number, siginfo_t *info, void *argument)
{
    ucontext_t *context = argument;

    if (phase == ENTERING && number == SIGTRAP) {
        enter(context);
        return;
    }
    if (phase == RUNNING) {
        leave(context);
        return;
    }
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (signals[i] == number && (before[i].sa_flags & SA_SIGINFO)) {
            before[i].sa_sigaction(number, info, argument);
            return;
        }
    }
    abort();
}

int native_begin(void)
{
    static uint8_t stack[STACK_BYTES];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = handle,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    code = mmap((void *)(uintptr_t)NATIVE_CODE_ADDRESS, NATIVE_CODE_SIZE,
                PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (code == MAP_FAILED || sigaltstack(&alternate, NULL) < 0) {
        return -1;
    }
    /* 64-bit code has null selectors there; 32-bit code needs flat data. */
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(FLAT_DATA));
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (sigaction(signals[i], &action, &before[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

void native_run(struct native_state *run, const uint8_t *bytes, size_t size, unsigned offset,
                struct native_fault *ret_fault)
{
    memcpy(code + offset, bytes, size);
    code[offset + size] = 0xcc;
    start = NATIVE_CODE_ADDRESS + offset - run->cs_base;
    end = start + size;
    state = run;
    phase = ENTERING;
    __asm__ volatile("int3" : : : "memory");
    *ret_fault = fault;
}

int native_status(bool differs)
{
    enum { SKIPPED = 77 };
    char maker[13] = "";
    unsigned eax, ebx, ecx, edx;
    if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) != 0) {
        memcpy(maker, &ebx, sizeof ebx);
        memcpy(maker + 4, &edx, sizeof edx);
        memcpy(maker + 8, &ecx, sizeof ecx);
    }
    if (!differs || strcmp(maker, "AuthenticAMD") == 0) {
        return differs;
    }
    printf("SKIPPED: what differs is not judged: this CPU says that it is %s, and only what "
           "AuthenticAMD does otherwise is listed\n",
           maker);
    return SKIPPED;
}
