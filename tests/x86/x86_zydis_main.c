/*
 * Usage: x86_zydis sweep FILE...        linear sweep of the code of ELF files, and of other files
 *                                       from end to end, in each of the three modes
 *        x86_zydis random SEED COUNT    random bytes in the three modes
 *        x86_zydis mutate SEED COUNT FILE   pieces of a file with some bits changed
 *        x86_zydis speed FILE           ns for an instruction of a file's bytes, ours and Zydis's
 *        x86_zydis all STEP             every prefix, map, opcode and ModRM; each STEP-th
 * Prints what differs without a known reason, and how often each known reason was met.
 */
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/attr.h"
#include "x86_zydis.h"

enum { SHOWN = 40, KINDS = 128 };

/* What was met so far, by text. */
static struct {
    const char *text;
    uint64_t count;
} met[KINDS];
static uint64_t compared, good, unknown;
static struct {
    unsigned mnemonic, row;
    const char *what;
} shown[SHOWN * 50];
static unsigned shown_count;

static void count(const char *text)
{
    unsigned i = 0;
    for (; i < KINDS - 1 && met[i].text != NULL && strcmp(met[i].text, text) != 0; i++) {
    }
    met[i].text = text;
    met[i].count++;
}

static bool is_new(const struct zy_case *c, const char *what)
{
    unsigned mnemonic = ZYAN_SUCCESS(c->z_status) ? c->z.mnemonic : 0;
    for (unsigned i = 0; i < shown_count; i++) {
        if (shown[i].mnemonic == mnemonic && shown[i].row == c->insn.row && shown[i].what == what) {
            return false;
        }
    }
    if (shown_count < ST_COUNT(shown)) {
        shown[shown_count].mnemonic = mnemonic;
        shown[shown_count].row = c->insn.row;
        shown[shown_count++].what = what;
    }
    return true;
}

/* Returns the length by which a sweep goes on. */
static unsigned check(struct zy_case *c)
{
    compared++;
    const char *what = zy_compare(c);
    good += c->result > 0;
    if (what != NULL) {
        const char *reason = zy_known(c, what);
        if (reason != NULL) {
            count(reason);
        } else {
            unknown++;
            if (is_new(c, what)) {
                zy_print(c, what);
            }
        }
    }
    return c->result > 0 ? (unsigned)c->result : ZYAN_SUCCESS(c->z_status) ? c->z.length : 1;
}

static void sweep(const uint8_t *bytes, size_t size)
{
    struct zy_case c;
    for (c.mode = X86_MODE_16; c.mode <= X86_MODE_64; c.mode++) {
        for (size_t at = 0; at < size;) {
            c.bytes = bytes + at;
            c.size = size - at;
            at += check(&c);
        }
    }
}

/* The whole file, the caller's to free; NULL: not readable or empty. */
static uint8_t *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    uint8_t *bytes = NULL;
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0) {
        *ret_size = (size_t)ftell(file);
        rewind(file);
        bytes = malloc(*ret_size);
        if (bytes != NULL && fread(bytes, 1, *ret_size, file) != *ret_size) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

static void sweep_file(const char *path)
{
    size_t size = 0;
    uint8_t *bytes = read_file(path, &size);
    if (bytes == NULL) {
        return;
    }
    const Elf64_Ehdr *header = (const void *)bytes;
    if (size <= sizeof(*header) || memcmp(bytes, ELFMAG, SELFMAG) != 0) {
        sweep(bytes, size);
    } else if (header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_shoff < size &&
               header->e_shnum <= (size - header->e_shoff) / sizeof(Elf64_Shdr)) {
        const Elf64_Shdr *sections = (const void *)(bytes + header->e_shoff);
        for (unsigned i = 0; i < header->e_shnum; i++) {
            const Elf64_Shdr *s = &sections[i];
            if (s->sh_type == SHT_PROGBITS && (s->sh_flags & SHF_EXECINSTR) &&
                s->sh_offset < size && s->sh_size <= size - s->sh_offset) {
                sweep(bytes + s->sh_offset, s->sh_size);
            }
        }
    }
    free(bytes);
}

static uint64_t state;

static uint64_t draw(void)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Random bytes, with prefixes, escapes and VEX more frequent than by chance. */
static void make_random(uint8_t bytes[32])
{
    static const uint8_t prefixes[] = {0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x2e, 0x36, 0x3e,
                                       0x26, 0x64, 0x65, 0x48, 0x41, 0x4f, 0x40, 0x66};
    for (unsigned i = 0; i < 32; i += 8) {
        uint64_t value = draw();
        memcpy(bytes + i, &value, 8);
    }
    unsigned at = 0;
    uint64_t choice = draw();
    for (unsigned n = choice & 3; n > 0; n--) {
        bytes[at++] = prefixes[draw() & 15];
    }
    switch (choice >> 2 & 7) {
    case 0:
    case 1:
        bytes[at++] = 0x0f;
        break;
    case 2:
        bytes[at++] = 0x0f;
        bytes[at++] = choice & 32 ? 0x38 : 0x3a;
        break;
    case 3:
        bytes[at++] = 0xc5;
        break;
    case 4:
        bytes[at++] = 0xc4;
        bytes[at] = (uint8_t)((bytes[at] & 0xe0) | (1 + draw() % 3));
        if (choice & 64) {
            bytes[at + 1] |= 0x78;
        }
        break;
    default:
        break;
    }
}

static void try_random(uint64_t n)
{
    uint8_t bytes[32];
    struct zy_case c = {.bytes = bytes};
    for (; n > 0; n--) {
        make_random(bytes);
        c.mode = (enum x86_mode)(n % 3);
        c.size = draw() % 16 == 0 ? draw() % 16 : 15;
        if (c.size == 0) {
            c.size = 1;
        }
        check(&c);
    }
}

/* Pieces of a file with one to four bits changed. */
static void try_mutated(uint64_t n, const char *path)
{
    size_t size = 0;
    uint8_t *file = read_file(path, &size);
    uint8_t bytes[32];
    struct zy_case c = {.bytes = bytes, .size = 15};
    for (; file != NULL && size > sizeof(bytes) && n > 0; n--) {
        memcpy(bytes, file + draw() % (size - sizeof(bytes)), sizeof(bytes));
        for (uint64_t flips = draw() % 4 + 1; flips > 0; flips--) {
            uint64_t bit = draw() % 48;
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        c.mode = (enum x86_mode)(n % 3);
        check(&c);
    }
    free(file);
}

/* Every mandatory prefix, REX.W or VEX.W and L, map, opcode and ModRM, each step-th. */
static void try_all(uint64_t step)
{
    static const uint8_t pps[] = {0, 0x66, 0xf3, 0xf2};
    uint8_t bytes[32] = {0};
    struct zy_case c = {.bytes = bytes, .size = 15};
    for (uint64_t n = 0; n < UINT64_C(3) << 26; n += step) {
        uint64_t m = n;
        unsigned at = 0, modrm = m & 255, opcode = m >> 8 & 255, pp = m >> 16 & 3,
                 map = m >> 18 & 3;
        unsigned w = m >> 20 & 1, l = m >> 21 & 1, vex = m >> 22 & 1, v = m >> 23 & 1,
                 b = m >> 24 & 1;
        unsigned asize = m >> 25 & 1;
        c.mode = (enum x86_mode)(m >> 26);
        uint64_t tail = draw();
        if (asize) {
            bytes[at++] = 0x67;
        }
        if (vex) {
            bytes[at++] = 0xc4;
            bytes[at++] = (uint8_t)(0xe0 ^ b << 5 ^ map);
            bytes[at++] = (uint8_t)(w << 7 | (v ? 11 : 15) << 3 | l << 2 | (pp == 2 ? 2 : pp));
        } else {
            if (pp != 0) {
                bytes[at++] = pps[pp];
            }
            if (c.mode == X86_MODE_64 && (w | b | l)) {
                bytes[at++] = (uint8_t)(0x40 | w << 3 | b | l << 2);
            }
            if (map > 0) {
                bytes[at++] = 0x0f;
            }
            if (map > 1) {
                bytes[at++] = map == 2 ? 0x38 : 0x3a;
            }
        }
        bytes[at++] = (uint8_t)opcode;
        bytes[at++] = (uint8_t)modrm;
        memcpy(bytes + at, &tail, 8);
        check(&c);
    }
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void measure(const char *path)
{
    size_t size = 0;
    uint8_t *bytes = read_file(path, &size);
    for (int who = 0; bytes != NULL && who < 6; who++) {
        struct zy_case c = {.mode = X86_MODE_64};
        uint64_t instructions = 0;
        double start = cpu_ns();
        for (size_t at = 0; at < size; instructions++) {
            c.bytes = bytes + at;
            c.size = size - at;
            at += zy_decode_only(&c, who & 1);
        }
        double took = (cpu_ns() - start) / (double)instructions;
        printf("%s %.1f ns each of %" PRIu64 "\n", who & 1 ? "Zydis" : "ours", took, instructions);
    }
    free(bytes);
}

int main(int argc, char **argv)
{
    zy_init();
    if (argc > 2 && strcmp(argv[1], "sweep") == 0) {
        for (int i = 2; i < argc; i++) {
            sweep_file(argv[i]);
        }
    } else if (argc == 4 && strcmp(argv[1], "random") == 0) {
        state = strtoull(argv[2], NULL, 0);
        try_random(strtoull(argv[3], NULL, 0));
    } else if (argc == 3 && strcmp(argv[1], "speed") == 0) {
        measure(argv[2]);
        return 0;
    } else if (argc == 5 && strcmp(argv[1], "mutate") == 0) {
        state = strtoull(argv[2], NULL, 0);
        try_mutated(strtoull(argv[3], NULL, 0), argv[4]);
    } else if (argc == 3 && strcmp(argv[1], "all") == 0) {
        try_all(strtoull(argv[2], NULL, 0));
    } else {
        fprintf(stderr, "usage: x86_zydis sweep FILE... | random SEED COUNT | mutate SEED COUNT "
                        "FILE | all STEP\n");
        return 2;
    }
    for (unsigned i = 0; i < KINDS && met[i].text != NULL; i++) {
        printf("%10" PRIu64 "  %s\n", met[i].count, met[i].text);
    }
    printf("%" PRIu64 " compared, %" PRIu64 " are instructions, %" PRIu64
           " differ for no known reason\n",
           compared, good, unknown);
    return unknown != 0 || compared == 0;
}
