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
 * needs bits of CR4 that the CPU has not got), ignore=xcr0 (which is no part of the state then),
 * skip=ROW.MODE,... (not these), behind=ROW.MODE.CASE (goes on behind that case; those of its
 * group before it are "-"), and
 * tell=ROW.MODE.CASE,...: these cases alone, with all of their state. With brief it is that after
 * alone, and what is as after the case told before is ".", or the whole line is not there.
 */
#include "bare/bare.h"
#include "base/attr.h"
#include "base/memops.h"
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
    const char *skip;
    const char *behind; /* NULL: it has been passed */
    unsigned without;   /* enum cases_about */
    bool ignores_xcr0, brief;
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
        } else if ((value = st_after_prefix(text, "skip=")) != NULL) {
            options->skip = value;
        } else if ((value = st_after_prefix(text, "behind=")) != NULL) {
            options->behind = value;
        } else if (st_after_prefix(text, "ignore=xcr0") != NULL) {
            options->ignores_xcr0 = true;
        } else if (st_after_prefix(text, "brief") != NULL) {
            options->brief = true;
        }
        while (*text > ' ') {
            text++;
        }
        while (*text != '\0' && *text <= ' ') {
            text++;
        }
    }
}

/* Whether the case of that name is in the list, or any case of the row and mode of that name. */
static bool lists(const char *list, const char *name)
{
    const char *at = list;

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

static void tell_name(const struct cases_case *c, unsigned number)
{
    bare_print("\nC %u %s %s %u:", c->row, x86_op_name(x86_rows[c->row].op),
               cases_mode_name(c->mode), number);
    for (unsigned i = 0; i < c->length; i++) {
        bare_print(" %02x", c->bytes[i]);
    }
    bare_print("\n");
}

static void tell_before(const struct cases_case *c)
{
    bare_print("  before ip %llx flags %llx cr0 %x cr4 %x paging %u fs %llx gs %llx sce %u\n",
               ull(c->ip), ull(c->rflags), c->cr0, c->cr4, c->paging, ull(c->fs_base),
               ull(c->gs_base), !c->no_syscall);
    bare_print("  registers");
    for (unsigned i = 0; i < 16; i++) {
        bare_print(" %llx", ull(c->gpr[i]));
    }
    bare_print("\n  segments");
    for (unsigned i = 0; i < 6; i++) {
        bare_print(" %x", c->segments[i]);
    }
    bare_print("\n");
    for (unsigned i = 0; i < c->pokes_count; i++) {
        bare_print("  memory %x: %u bytes of %llx\n", c->pokes[i].at, c->pokes[i].size,
                   ull(c->pokes[i].value));
    }
}

static void tell_after(const struct cases_after *after, bool brief)
{
    static const struct {
        const char *name;
        unsigned words;
    } parts[] = {
        {"registers", 16},
        {"rip, flags, vector, error", 4},
        {"segments", 6},
        {"control", 4},
        {"table registers", 6},
        {"debug", 6},
        {"xcr0, cr8", 2},
        {"msrs", CASES_MSRS},
        {"memory, stack, tables", 3},
    };
    static uint64_t told[sizeof *after / 8];
    const uint64_t *words = (const uint64_t *)after, *last = told;

    for (unsigned i = 0; i < ST_COUNT(parts); words += parts[i].words, last += parts[i++].words) {
        if (brief && memcmp(words, last, parts[i].words * 8) == 0) {
            continue;
        }
        bare_print("  after %s", parts[i].name);
        for (unsigned k = 0; k < parts[i].words; k++) {
            if (brief && words[k] == last[k]) {
                bare_print(" .");
            } else {
                bare_print(" %llx", ull(words[k]));
            }
        }
        bare_print("\n");
    }
    memcpy(told, after, sizeof told);
}

/* ---- the cases ---- */

static uint32_t run_case(const struct options *options, const struct cases_case *c, unsigned number)
{
    bool told = options->tell != NULL;
    struct cases_after after;
    uint64_t digest;

    if (told) {
        tell_name(c, number);
    }
    if (told && !options->brief) {
        tell_before(c);
    }
    cases_run(c, &after);
    cases_mask(c, &after);
    after.xcr0 = options->ignores_xcr0 ? 0 : after.xcr0;
    if (told) {
        tell_after(&after, options->brief);
    }
    digest = cases_digest(0, &after, sizeof after);
    return (uint32_t)(digest ^ digest >> 32);
}

/* Whether the case comes behind the one where the run goes on. */
static bool has_begun(struct options *options, const char *name)
{
    bool begun = options->behind == NULL;

    if (!begun && lists(options->behind, name)) {
        options->behind = NULL;
    }
    return begun;
}

static unsigned run_group(struct options *options, uint16_t row, enum cases_mode mode)
{
    static struct cases_case c;
    unsigned wanted = cases_wanted(row, mode, options->share);
    char name[40];

    bare_print("G %u %s %s %u\n", row, x86_op_name(x86_rows[row].op), cases_mode_name(mode),
               wanted);
    for (unsigned i = 0; i < wanted; i++) {
        st_snprintf(name, sizeof name, "%u.%s.%u", row, cases_mode_name(mode), i);
        if (options->tell != NULL && !lists(options->tell, name)) {
            continue;
        }
        bool begun = has_begun(options, name);
        if (begun && !cases_make(row, mode, options->seed, i, &c)) {
            bare_print("none");
        } else if (!begun || (c.about & options->without) != 0 ||
                   (c.needs & ~cases_cr4_supported()) != 0) {
            bare_print("-");
        } else {
            bare_print("%08x", run_case(options, &c, i));
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
           (options->tell == NULL || lists(options->tell, name)) &&
           (options->skip == NULL || !lists(options->skip, name)) &&
           (options->behind == NULL || lists(options->behind, name));
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
