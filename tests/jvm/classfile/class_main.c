/*
 * Checks classes with the parser and the verifier of src/jvm/classfile.
 *
 *   class_checker MODULES all                     every class of lib/modules must pass
 *   class_checker MODULES seeds OUT COUNT         writes small classes that can stand alone
 *   class_checker MODULES mutate IN OUT COUNT SEED  writes COUNT classes, each one of IN with a
 * change class_checker MODULES verdicts IN             tells of each class of IN: "accepted", or
 * the error's class and message
 *
 * Files of classes are records: length of the name, name, length of the bytes, bytes; lengths of
 * four bytes, big-endian.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "class_world.h"

static struct world world;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- all ---- */

static bool is_class(uint32_t place, struct fmt_jimage_entry *ret_entry)
{
    return fmt_jimage_at(&world.image, place, ret_entry) == 0 &&
           strcmp(ret_entry->extension, "class") == 0 &&
           strcmp(ret_entry->base, "module-info") != 0;
}

static int check_all(void)
{
    struct st_arena arena = ST_ARENA_HEAP(256 << 20);
    unsigned count = 0;
    unsigned bad = 0;
    uint64_t bytes = 0;
    double parsing = 0;
    double verifying = 0;
    world.shares_packages = true;
    for (uint32_t place = 0; place < world.image.places; place++) {
        struct fmt_jimage_entry entry;
        if (!is_class(place, &entry)) {
            continue;
        }
        struct jcf_parse_config config = {.vm_annotations = true};
        struct jcf_class class;
        struct jcf_error error;
        double begun = now_ms();
        int r = jcf_parse(entry.data, (size_t)entry.size, &config, &arena, &class, &error);
        double parsed = now_ms();
        if (r == 0 && class.major >= JCF_MAJOR_TYPED) {
            world.own = &class;
            struct jcf_verify_env env = world_env(&world);
            r = jcf_verify(&class, &env, &arena, &error);
        }
        parsing += parsed - begun;
        verifying += now_ms() - parsed;
        count++;
        bytes += entry.size;
        if (r < 0) {
            bad++;
            printf("/%s/%s/%s: %s\n", entry.module, entry.parent, entry.base,
                   error.message != NULL ? error.message : "a class is missing");
        }
        world.own = NULL;
        st_arena_done(&arena);
    }
    printf("%u classes, %u refused, %llu bytes; parsing %.0f ms, verifying %.0f ms\n", count, bad,
           (unsigned long long)bytes, parsing, verifying);
    return bad > 0 || count == 0;
}

/* ---- records ---- */

struct record {
    char *name;
    uint8_t *bytes;
    uint32_t name_length, length;
};

static bool read_part(FILE *file, uint8_t **ret_bytes, uint32_t *ret_length)
{
    uint8_t head[4];
    if (fread(head, 1, 4, file) != 4) {
        return false;
    }
    uint32_t length = jcf_u4(head);
    *ret_bytes = calloc(1, (size_t)length + 1);
    if (*ret_bytes == NULL || fread(*ret_bytes, 1, length, file) != length) {
        die("record");
    }
    *ret_length = length;
    return true;
}

static bool read_record(FILE *file, struct record *ret)
{
    return read_part(file, (uint8_t **)&ret->name, &ret->name_length) &&
           read_part(file, &ret->bytes, &ret->length);
}

static void free_record(struct record *record)
{
    free(record->name);
    free(record->bytes);
}

static void write_part(FILE *file, const void *bytes, uint32_t length)
{
    uint8_t head[4] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                       (uint8_t)length};
    if (fwrite(head, 1, 4, file) != 4 || fwrite(bytes, 1, length, file) != length) {
        die("record");
    }
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        die(path);
    }
    return file;
}

/* ---- seeds ---- */

/* A class that a loader of its own can define and link: of no package of java, with public
 * superclasses, and without a static initializer, which would run. */
static bool can_be_seed(const struct jcf_class *class)
{
    return !class->has_static_initializer && class->size < 8000 && class->major > JCF_MAJOR_TYPED &&
           jcf_text_is(jcf_super_name(class), "java/lang/Object") && class->interface_count < 3;
}

static int write_seeds(const char *out, unsigned wanted)
{
    FILE *file = open_file(out, "wb");
    struct st_arena arena = ST_ARENA_HEAP(64 << 20);
    unsigned count = 0;
    for (uint32_t place = 0; place < world.image.places && count < wanted; place++) {
        struct fmt_jimage_entry entry;
        struct jcf_parse_config config = {0};
        struct jcf_class class;
        struct jcf_error error;
        if (!is_class(place, &entry) || strncmp(entry.parent, "java/", 5) == 0 ||
            jcf_parse(entry.data, (size_t)entry.size, &config, &arena, &class, &error) < 0) {
            continue;
        }
        if (can_be_seed(&class)) {
            struct jcf_text name = jcf_class_name(&class);
            write_part(file, name.data, name.length);
            write_part(file, entry.data, (uint32_t)entry.size);
            count++;
        }
        st_arena_done(&arena);
    }
    printf("%u seeds\n", count);
    return fclose(file) != 0;
}

/* ---- mutations ---- */

static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((random_state >> 33) % below);
}

/* A place to change: half the time in the code, the handlers or the StackMapTable of a method. */
static uint32_t pick_place(const struct jcf_class *class)
{
    if (class->method_count > 0 && pick(4) != 0) {
        const struct jcf_method *method = &class->methods[pick(class->method_count)];
        struct jcf_range ranges[] = {method->code, method->code, method->code, method->stack_map,
                                     method->handlers};
        struct jcf_range range = ranges[pick(ST_COUNT(ranges))];
        if (range.length > 0) {
            return range.at + pick(range.length);
        }
    }
    return pick(class->size);
}

/* Changes bytes[0..*length), which has room for 8 more. */
static void mutate(const struct jcf_class *class, uint8_t *bytes, uint32_t *length)
{
    static const uint8_t telling[] = {0, 1, 2, 3, 4, 7, 8, 16, 0x7F, 0x80, 0xFE, 0xFF};
    uint32_t at = pick_place(class);
    switch (pick(10)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << pick(8));
        break;
    case 1:
        bytes[at] = telling[pick(sizeof(telling))];
        break;
    case 2:
    case 3:
        bytes[at] = (uint8_t)pick(256);
        break;
    case 4: /* an opcode or so */
        bytes[at] = (uint8_t)pick(202);
        break;
    case 5: /* an index of a constant */
        if (at + 1 < *length) {
            uint32_t index = pick(class->constant_count);
            bytes[at] = (uint8_t)(index >> 8);
            bytes[at + 1] = (uint8_t)index;
        }
        break;
    case 6:
        bytes[at] = (uint8_t)(bytes[at] + (pick(2) == 0 ? 1 : 255));
        break;
    case 7: { /* from elsewhere in the same class */
        uint32_t from = pick_place(class);
        uint32_t count = 1 + pick(4);
        count = ST_MIN(count, *length - ST_MAX(at, from));
        memmove(bytes + at, bytes + from, count);
        break;
    }
    case 8:
        if (pick(4) == 0) {
            *length = at;
        } else {
            memmove(bytes + at, bytes + at + 1, *length - at - 1);
            *length -= 1;
        }
        break;
    default:
        if (pick(2) == 0) {
            memmove(bytes + at + 1, bytes + at, *length - at);
            *length += 1;
        } else { /* the flags, the head of a member ... */
            bytes[at] = (uint8_t)pick(64);
        }
        break;
    }
}

static int write_mutants(const char *in, const char *out, unsigned count, unsigned seed)
{
    static struct record seeds[20000];
    unsigned seed_count = 0;
    FILE *from = open_file(in, "rb");
    while (seed_count < ST_COUNT(seeds) && read_record(from, &seeds[seed_count])) {
        seed_count++;
    }
    fclose(from);
    FILE *to = open_file(out, "wb");
    struct st_arena arena = ST_ARENA_HEAP(64 << 20);
    random_state = seed;
    for (unsigned i = 0; i < count && seed_count > 0; i++) {
        const struct record *of = &seeds[pick(seed_count)];
        struct jcf_parse_config config = {0};
        struct jcf_class class;
        struct jcf_error error;
        if (jcf_parse(of->bytes, of->length, &config, &arena, &class, &error) < 0) {
            fprintf(stderr, "seed %s: %s\n", of->name, error.message);
            return 1;
        }
        uint32_t length = of->length;
        uint8_t *bytes = malloc((size_t)length + 8);
        memcpy(bytes, of->bytes, length);
        mutate(&class, bytes, &length);
        write_part(to, of->name, of->name_length);
        write_part(to, bytes, length);
        free(bytes);
        st_arena_done(&arena);
    }
    for (unsigned i = 0; i < seed_count; i++) {
        free_record(&seeds[i]);
    }
    return fclose(to) != 0;
}

/* ---- verdicts ---- */

/* The message on one line. */
static void print_message(const char *message)
{
    for (; *message != 0; message++) {
        if (*message == '\n') {
            fputs("\\n", stdout);
        } else {
            putchar(*message);
        }
    }
}

static int tell_verdicts(const char *in)
{
    FILE *file = open_file(in, "rb");
    struct st_arena arena = ST_ARENA_HEAP(256 << 20);
    struct record record;
    while (read_record(file, &record)) {
        struct jcf_text name = {(const uint8_t *)record.name, record.name_length};
        const char *error = "";
        const char *message = "";
        if (world_check(&world, record.bytes, record.length, name, &arena, &error, &message)) {
            puts("accepted");
        } else {
            printf("%s: ", error);
            print_message(message);
            putchar('\n');
        }
        world.own = NULL;
        st_arena_done(&arena);
        free_record(&record);
    }
    return fclose(file) != 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: class_checker MODULES all|seeds|mutate|verdicts ...\n", stderr);
        return 2;
    }
    world_open(&world, argv[1]);
    int result = 2;
    if (strcmp(argv[2], "all") == 0) {
        result = check_all();
    } else if (strcmp(argv[2], "seeds") == 0 && argc == 5) {
        result = write_seeds(argv[3], (unsigned)strtoul(argv[4], NULL, 10));
    } else if (strcmp(argv[2], "mutate") == 0 && argc == 7) {
        result = write_mutants(argv[3], argv[4], (unsigned)strtoul(argv[5], NULL, 10),
                               (unsigned)strtoul(argv[6], NULL, 10));
    } else if (strcmp(argv[2], "verdicts") == 0 && argc == 4) {
        result = tell_verdicts(argv[3]);
    }
    st_arena_done(&world.arena);
    return result;
}
