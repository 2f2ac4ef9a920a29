/*
 * The image: runs the cases of all rows of the instruction table that it has, in each mode, and
 * prints a digest of the state after each:
 *
 *     CASES seed N share N
 *     F word value                  what CPUID says, of features
 *     G row mnemonic mode count
 *     d1 d2 ...                     as many, 8 hexadecimal digits each
 *     DONE cases
 *
 * The command line chooses: seed=N (1), share=N (cases for each row and mode, 12), rows=FIRST-LAST,
 * mode=NAME, without=segments,reserved (cases that are about that are left out, "-", as is what
 * needs bits of CR4 that the CPU has not got), and tell=ROW.MODE.CASE,...: these cases alone, with
 * all of their state.
 */
#include "bare/bare.h"
#include "base/print.h"
#include "base/str.h"
#include "cases/cases.h"
#include "cases/cases_tables.h"

struct options {
    uint64_t seed;
    unsigned share, first, last;
    const char *mode;
    unsigned mode_length;
    const char *tell;
    unsigned without; /* enum cases_about */
};

enum { ALL = ~0u };

static unsigned long long ull(uint64_t value)
{
    return value;
}

/* ---- options ---- */

static uint64_t number_at(const char **text)
{
    uint64_t value = 0;

    while (**text >= '0' && **text <= '9') {
        value = value * 10 + (uint64_t)(*(*text)++ - '0');
    }
    return value;
}

static unsigned read_abouts(const char *text)
{
    static const struct {
        const char *name;
        unsigned about;
    } names[] = {{"segments", CASES_ABOUT_SEGMENTS}, {"reserved", CASES_ABOUT_RESERVED}};
    unsigned abouts = 0;

    while (*text > ' ') {
        for (unsigned i = 0; i < 2; i++) {
            abouts |= st_after_prefix(text, names[i].name) != NULL ? names[i].about : 0;
        }
        while (*text > ' ' && *text != ',') {
            text++;
        }
        text += *text == ',';
    }
    return abouts;
}

static void read_options(const char *text, struct options *options)
{
    while (*text != '\0') {
        const char *value;

        if ((value = st_after_prefix(text, "seed=")) != NULL) {
            options->seed = number_at(&value);
        } else if ((value = st_after_prefix(text, "share=")) != NULL) {
            options->share = (unsigned)number_at(&value);
        } else if ((value = st_after_prefix(text, "rows=")) != NULL) {
            options->first = (unsigned)number_at(&value);
            value += *value == '-';
            options->last = (unsigned)number_at(&value);
        } else if ((value = st_after_prefix(text, "mode=")) != NULL) {
            options->mode = value;
            while (value[options->mode_length] > ' ') {
                options->mode_length++;
            }
        } else if ((value = st_after_prefix(text, "tell=")) != NULL) {
            options->tell = value;
        } else if ((value = st_after_prefix(text, "without=")) != NULL) {
            options->without = read_abouts(value);
        }
        while (*text > ' ') {
            text++;
        }
        while (*text != '\0' && *text <= ' ') {
            text++;
        }
    }
}

/* Whether the case of that name is to be told, or any case of the row and mode of that name. */
static bool tells(const struct options *options, const char *name)
{
    const char *at = options->tell;

    while (*at > ' ') {
        const char *behind = st_after_prefix(at, name);

        if (behind != NULL && (*behind == ',' || *behind == '.' || *behind <= ' ')) {
            return true;
        }
        while (*at > ' ' && *at != ',') {
            at++;
        }
        at += *at == ',';
    }
    return false;
}

static bool wants_mode(const struct options *options, const char *name)
{
    unsigned i = 0;

    while (i < options->mode_length && name[i] == options->mode[i]) {
        i++;
    }
    return options->mode_length == 0 || (i == options->mode_length && name[i] == '\0');
}

/* ---- telling ---- */

static void tell_list(const char *name, const uint64_t *values, unsigned count)
{
    bare_print("  %s", name);
    for (unsigned i = 0; i < count; i++) {
        bare_print(" %llx", ull(values[i]));
    }
    bare_print("\n");
}

static void tell_case(const struct cases_case *c, unsigned number)
{
    bare_print("\nC %u %s %s %u:", c->row, x86_op_name(x86_rows[c->row].op),
               cases_mode_name(c->mode), number);
    for (unsigned i = 0; i < c->length; i++) {
        bare_print(" %02x", c->bytes[i]);
    }
    bare_print("\n  before ip %llx flags %llx cr0 %x cr4 %x paging %u fs %llx gs %llx sce %u\n",
               ull(c->ip), ull(c->rflags), c->cr0, c->cr4, c->paging, ull(c->fs_base),
               ull(c->gs_base), !c->no_syscall);
    tell_list("registers", c->gpr, 16);
    bare_print("  segments");
    for (unsigned i = 0; i < 6; i++) {
        bare_print(" %x", c->segments[i]);
    }
    bare_print("\n");
    for (unsigned i = 0; i < c->pokes_count; i++) {
        bare_print("  memory %x: %u bytes of %llx\n", c->pokes[i].at, c->pokes[i].size,
                   ull(c->pokes[i].value));
    }
}

static void tell_after(const struct cases_after *a)
{
    const uint64_t first[] = {a->vector, a->error, a->rip, a->rflags};
    const uint64_t control[] = {a->cr0, a->cr2, a->cr3, a->cr4};
    const uint64_t tables[] = {a->gdt_base,  a->gdt_limit, a->idt_base,
                               a->idt_limit, a->ldtr,      a->tr};
    const uint64_t memory[] = {a->memory, a->stack, a->tables};

    tell_list("after vector, error, rip, flags", first, 4);
    tell_list("after registers", a->gpr, 16);
    tell_list("after segments", a->segments, 6);
    tell_list("after control", control, 4);
    tell_list("after table registers", tables, 6);
    tell_list("after debug", a->dr, 6);
    tell_list("after xcr0, cr8", &a->xcr0, 2);
    tell_list("after msrs", a->msrs, CASES_MSRS);
    tell_list("after memory, stack, tables", memory, 3);
}

/* ---- the cases ---- */

static uint32_t run_case(const struct cases_case *c, unsigned number, bool told)
{
    struct cases_after after;
    uint64_t digest;

    if (told) {
        tell_case(c, number);
    }
    cases_run(c, &after);
    cases_mask(c, &after);
    if (told) {
        tell_after(&after);
    }
    digest = cases_digest(0, &after, sizeof after);
    return (uint32_t)(digest ^ digest >> 32);
}

static unsigned run_group(const struct options *options, uint16_t row, enum cases_mode mode)
{
    static struct cases_case c;
    unsigned wanted = cases_wanted(row, mode, options->share);
    char name[40];

    bare_print("G %u %s %s %u\n", row, x86_op_name(x86_rows[row].op), cases_mode_name(mode),
               wanted);
    for (unsigned i = 0; i < wanted; i++) {
        st_snprintf(name, sizeof name, "%u.%s.%u", row, cases_mode_name(mode), i);
        if (options->tell != NULL && !tells(options, name)) {
            continue;
        }
        if (!cases_make(row, mode, options->seed, i, &c)) {
            bare_print("none");
        } else if ((c.about & options->without) != 0 || (c.needs & ~cases_cr4_supported()) != 0) {
            bare_print("-");
        } else {
            bare_print("%08x", run_case(&c, i, options->tell != NULL));
        }
        bare_print(i % 16 == 15 ? "\n" : " ");
    }
    bare_print("\n");
    return wanted;
}

/* Whether anything of that row and mode is wanted. */
static bool wants(const struct options *options, uint16_t row, enum cases_mode mode)
{
    char name[40];

    st_snprintf(name, sizeof name, "%u.%s", row, cases_mode_name(mode));
    return row >= options->first && row <= options->last &&
           wants_mode(options, cases_mode_name(mode)) &&
           cases_wanted(row, mode, options->share) != 0 &&
           (options->tell == NULL || tells(options, name));
}

void bare_main(void)
{
    static char line[16384];
    struct options options = {.seed = 1, .share = 12, .last = ALL};
    unsigned cases = 0;

    bare_command_line(line, sizeof line);
    read_options(line, &options);
    bare_interrupts_init(); /* until the own tables are there */
    cases_open();
    bare_print("CASES seed %llu share %u\n", ull(options.seed), options.share);
    cases_print_features();
    for (uint16_t row = 1; row < x86_rows_count; row++) {
        for (enum cases_mode mode = CASES_REAL; mode < CASES_MODES; mode++) {
            if (wants(&options, row, mode)) {
                cases += run_group(&options, row, mode);
            }
        }
    }
    bare_print("DONE %u\n", cases);
    bare_exit(0);
}
