/*
 * Stubs that call native methods: one for each shape of arguments, made when first needed and kept.
 *
 * A stub is called as jin_stub_function: function, JNIEnv, class or receiver's handle, and the
 * slots of the arguments. It moves them to where the System V ABI wants them (AMD64
 * supplement 3.2.3): up to four more integers in rdx, rcx, r8, r9, up to eight floats in xmm0 to 7,
 * the rest on the stack. A reference is passed as the address of its slot, null as 0. What a float
 * or double function returns is moved to rax.
 *
 * Code is written through one mapping and run through another of the same pages, so that no page is
 * ever both.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/classfile/jcf_flags.h"
#include "jvm/interpreter/jin_priv.h"
#include "jvm/runtime/jrt_symbol.h"
#include "os/os_memory.h"
#include "x86/x86_emit.h"
#include "x86/x86_ops.gen.h"

enum {
    AREA = 1 << 20, /* bytes of stubs; tens of thousands of shapes */
    ARGUMENTS = 255,
    BUCKETS = 512,
    STUB_MAX = 64 + ARGUMENTS * 24,
    INTEGERS = 4,
    FLOATS = 8,
    R8 = 8, /* the upper registers' numbers */
    R9 = 9,
    R10 = 10,
    R11 = 11
};

/* A shape: the kind of each argument, then of the result. I int, J long, L reference, F, D, V. */
struct shape {
    uint16_t count;
    char kinds[ARGUMENTS + 1];
};

struct entry {
    struct entry *next;
    uint32_t at; /* in the area */
    struct shape shape;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *buckets[BUCKETS]; /* [lock] */
static uint8_t *writable, *executable; /* [lock] the two mappings */
static uint32_t used;                  /* [lock] */

static char kind_of(uint8_t letter)
{
    switch (letter) {
    case 'L':
    case '[':
        return 'L';
    case 'J':
    case 'F':
    case 'D':
    case 'V':
        return (char)letter;
    default:
        return 'I';
    }
}

static void shape_of(const struct jrt_method *method, struct shape *ret_shape)
{
    const struct jrt_symbol *symbol = jrt_symbol_at(method->descriptor);
    struct jcf_type_cursor cursor =
        jcf_types_of((struct jcf_text){(const uint8_t *)symbol->text, symbol->length});
    struct jcf_type type;
    ret_shape->count = 0;
    while (ret_shape->count < ARGUMENTS && jcf_next_argument(&cursor, &type)) {
        ret_shape->kinds[ret_shape->count++] = kind_of(type.kind);
    }
    jcf_result(&cursor, &type);
    ret_shape->kinds[ret_shape->count] = kind_of(type.kind);
}

static uint32_t bucket_of(const struct shape *shape)
{
    uint32_t hash = shape->count;
    for (uint32_t i = 0; i <= shape->count; i++) {
        hash = hash * 31 + (uint8_t)shape->kinds[i];
    }
    return hash % BUCKETS;
}

static struct entry *find(const struct shape *shape)
{
    struct entry *entry = buckets[bucket_of(shape)];
    while (entry != NULL && (entry->shape.count != shape->count ||
                             memcmp(entry->shape.kinds, shape->kinds, shape->count + 1u) != 0)) {
        entry = entry->next;
    }
    return entry;
}

/* ---- the code ---- */

static void op2(struct x86_buffer *to, uint16_t op, struct x86_arg a, struct x86_arg b)
{
    const struct x86_arg args[] = {a, b};
    int r = x86_emit_op(to, op, args, 2);
    ST_CHECK(r > 0);
}

static struct x86_arg gpr(unsigned reg, unsigned width)
{
    return x86_arg_gpr(reg, width);
}

/* Puts argument i's value into a register. */
static void load(struct x86_buffer *to, char kind, unsigned reg, int64_t slot_at)
{
    switch (kind) {
    case 'L':
        op2(to, X86_OP_XOR, gpr(X86_RAX, 4), gpr(X86_RAX, 4));
        op2(to, X86_OP_LEA, gpr(reg, 8), x86_arg_mem(R10, slot_at, 0));
        op2(to, X86_OP_CMP, x86_arg_mem(R10, slot_at, 4), x86_arg_imm(0));
        op2(to, X86_OP_CMOVZ, gpr(reg, 8), gpr(X86_RAX, 8));
        break;
    case 'I':
        op2(to, X86_OP_MOVSXD, gpr(reg, 8), x86_arg_mem(R10, slot_at, 4));
        break;
    default:
        op2(to, X86_OP_MOV, gpr(reg, 8), x86_arg_mem(R10, slot_at, 8));
        break;
    }
}

static bool is_float(char kind)
{
    return kind == 'F' || kind == 'D';
}

static unsigned slots_of(char kind)
{
    return kind == 'J' || kind == 'D' ? 2 : 1;
}

/* Bytes of arguments on the stack, a multiple of 16. */
static uint32_t stack_bytes(const struct shape *shape)
{
    uint32_t integers = 0;
    uint32_t floats = 0;
    for (uint32_t i = 0; i < shape->count; i++) {
        *(is_float(shape->kinds[i]) ? &floats : &integers) += 1;
    }
    uint32_t words =
        (integers > INTEGERS ? integers - INTEGERS : 0) + (floats > FLOATS ? floats - FLOATS : 0);
    return (words * 8 + 15) & ~15u;
}

static void write_arguments(struct x86_buffer *to, const struct shape *shape, bool on_stack)
{
    static const uint8_t registers[INTEGERS] = {X86_RDX, X86_RCX, R8, R9};
    uint32_t integers = 0;
    uint32_t floats = 0;
    int64_t stack_at = 0;
    int64_t slot_at = 0;
    for (uint32_t i = 0; i < shape->count; i++) {
        char kind = shape->kinds[i];
        uint32_t number = is_float(kind) ? floats++ : integers++;
        bool in_register = number < (is_float(kind) ? (uint32_t)FLOATS : (uint32_t)INTEGERS);
        if (!in_register && on_stack) {
            load(to, kind, X86_RDX, slot_at);
            op2(to, X86_OP_MOV, x86_arg_mem(X86_RSP, stack_at, 8), gpr(X86_RDX, 8));
        } else if (in_register && !on_stack && is_float(kind)) {
            op2(to, X86_OP_MOVSD, x86_arg_reg(X86_XMM, number, 16), x86_arg_mem(R10, slot_at, 8));
        } else if (in_register && !on_stack) {
            load(to, kind, registers[number], slot_at);
        }
        stack_at += in_register ? 0 : 8;
        slot_at += slots_of(kind) * 8;
    }
}

static void write_stub(struct x86_buffer *to, const struct shape *shape)
{
    const struct x86_arg rbp[] = {gpr(X86_RBP, 8)};
    const struct x86_arg r11[] = {gpr(R11, 8)};
    uint32_t bytes = stack_bytes(shape);
    (void)x86_emit_op(to, X86_OP_PUSH, rbp, 1);
    op2(to, X86_OP_MOV, gpr(X86_RBP, 8), gpr(X86_RSP, 8));
    if (bytes != 0) {
        op2(to, X86_OP_SUB, gpr(X86_RSP, 8), x86_arg_imm(bytes));
    }
    op2(to, X86_OP_MOV, gpr(R11, 8), gpr(X86_RDI, 8));
    op2(to, X86_OP_MOV, gpr(R10, 8), gpr(X86_RCX, 8));
    op2(to, X86_OP_MOV, gpr(X86_RDI, 8), gpr(X86_RSI, 8));
    op2(to, X86_OP_MOV, gpr(X86_RSI, 8), gpr(X86_RDX, 8));
    write_arguments(to, shape, true);
    write_arguments(to, shape, false);
    (void)x86_emit_op(to, X86_OP_CALL, r11, 1);
    if (is_float(shape->kinds[shape->count])) {
        op2(to, X86_OP_MOVQ, gpr(X86_RAX, 8), x86_arg_reg(X86_XMM, 0, 8));
    }
    (void)x86_emit_op(to, X86_OP_LEAVE, NULL, 0);
    (void)x86_emit_op(to, X86_OP_RET, NULL, 0);
}

/* ---- the area ---- */

/* Two mappings of the same memory, of no file: RLIMIT_FSIZE limits a memfd too. */
static bool map_area(void)
{
    void *write_at = NULL;
    void *run_at = NULL;
    if (executable != NULL) {
        return true;
    }
    int flags = MAP_SHARED | MAP_ANONYMOUS;
    if (os_mmap(NULL, AREA, PROT_READ | PROT_WRITE, flags, -1, 0, &write_at) < 0) {
        return false;
    }
    bool again = os_mremap_again(write_at, AREA, &run_at) >= 0;
    if (again && os_mprotect(run_at, AREA, PROT_READ | PROT_EXEC) >= 0) {
        writable = write_at;
        executable = run_at;
        return true;
    }
    (void)os_munmap(write_at, AREA);
    if (again) {
        (void)os_munmap(run_at, AREA);
    }
    return false;
}

static struct entry *make(const struct shape *shape)
{
    if (!map_area() || used + STUB_MAX > AREA) {
        return NULL;
    }
    struct entry *entry = malloc(sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    struct x86_buffer to = {.bytes = writable + used, .size = AREA - used};
    write_stub(&to, shape);
    *entry = (struct entry){.next = buckets[bucket_of(shape)], .at = used, .shape = *shape};
    buckets[bucket_of(shape)] = entry;
    used = (used + to.used + 15) & ~15u;
    return entry;
}

jin_stub_function jin_stub(struct jrt_method *method)
{
    struct shape shape;
    job_offset_t known = __atomic_load_n(&method->code, __ATOMIC_ACQUIRE);
    if (known != 0) {
        return (jin_stub_function)(uintptr_t)(executable + known - 1);
    }
    shape_of(method, &shape);
    pthread_mutex_lock(&lock);
    const struct entry *entry = find(&shape);
    if (entry == NULL) {
        entry = make(&shape);
    }
    uint8_t *at = entry != NULL ? executable + entry->at : NULL;
    pthread_mutex_unlock(&lock);
    if (at != NULL) {
        __atomic_store_n(&method->code, entry->at + 1, __ATOMIC_RELEASE);
    }
    return (jin_stub_function)(uintptr_t)at;
}
