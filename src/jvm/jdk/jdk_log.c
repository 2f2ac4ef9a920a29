/*
 * Log lines: see jdk_log.h. Outputs are made while the options are read and are constant from then
 * on, but for what the management beans switch; the lock is for columns and files that change.
 */
#include "jvm/jdk/jdk_log.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_flags.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_thread.h"
#include "os/os_time.h"

enum { KINDS = 8, OUTPUTS_MAX = 16, PREFIX_BYTES = 2048 };

/* The level at which the machine writes them. */
static const struct {
    const char *tags;
    enum jdk_log_level level;
} kinds[KINDS] = {
    {"gc", JDK_LOG_INFO},           {"class,load", JDK_LOG_INFO},   {"class,unload", JDK_LOG_INFO},
    {"class,init", JDK_LOG_INFO},   {"jni,resolve", JDK_LOG_DEBUG}, {"init", JDK_LOG_DEBUG},
    {"os,thread", JDK_LOG_WARNING}, {"logging", JDK_LOG_WARNING}, /* the last: what stands for tags
                                                                     that are none of these */
};

const char *const jdk_log_levels[] = {"off", "error", "warning", "info", "debug", "trace"};

enum {
    TIME,
    UTC,
    UPTIME,
    TIME_MS,
    UPTIME_MS,
    TIME_NS,
    UPTIME_NS,
    HOST,
    PROCESS,
    THREAD,
    LEVEL,
    TAGS
};
const struct jdk_log_decorator jdk_log_decorators[JDK_LOG_DECORATORS] = {
    {"time", "t"},          {"utctime", "utc"},  {"uptime", "u"},       {"timemillis", "tm"},
    {"uptimemillis", "um"}, {"timenanos", "tn"}, {"uptimenanos", "un"}, {"hostname", "hn"},
    {"pid", "p"},           {"tid", "ti"},       {"level", "l"},        {"tags", "tg"},
};
static_assert(JDK_LOG_USUAL == (1u << UPTIME | 1u << LEVEL | 1u << TAGS), "as they are numbered");

struct output {
    const char *name;
    uint8_t levels[KINDS]; /* [a] */
    uint32_t decorators;
    uint32_t width[JDK_LOG_DECORATORS]; /* [l] columns grow with what stood in them */
    char *path;                         /* NULL: a stream */
    int file;
    uint64_t written; /* [l] */
    uint64_t rotate_bytes;
    uint32_t rotate_count; /* 0: it stays one file */
    bool count_given;
    uint32_t next; /* [l] the number that the present file gets */
};
static struct output outputs[OUTPUTS_MAX] = {
    {.name = "stdout",
     .decorators = JDK_LOG_USUAL,
     .levels = {[0 ... KINDS - 1] = JDK_LOG_WARNING}},
    {.name = "stderr", .decorators = JDK_LOG_USUAL},
};
static unsigned output_count = 2;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

uint32_t jdk_log_kinds(void)
{
    return KINDS;
}

const char *jdk_log_kind_tags(uint32_t kind)
{
    return kinds[kind].tags;
}

static uint32_t kind_of(const char *tags)
{
    uint32_t kind = 0;
    while (kind < KINDS - 1 && strcmp(kinds[kind].tags, tags) != 0) {
        kind++;
    }
    return kind;
}

static bool takes(const struct output *output, uint32_t kind, enum jdk_log_level level)
{
    return __atomic_load_n(&output->levels[kind], __ATOMIC_RELAXED) >= level;
}

bool jdk_log_wants(const char *tags)
{
    uint32_t kind = kind_of(tags);
    for (unsigned i = 0; i < output_count; i++) {
        if (takes(&outputs[i], kind, kinds[kind].level)) {
            return true;
        }
    }
    return false;
}

void jdk_log_take(unsigned output, uint32_t kind, enum jdk_log_level level)
{
    __atomic_store_n(&outputs[output].levels[kind], (uint8_t)level, __ATOMIC_RELAXED);
}

void jdk_log_set(const char *tags, bool on)
{
    uint32_t kind = kind_of(tags);
    for (unsigned i = 0; !on && i < output_count; i++) {
        if (takes(&outputs[i], kind, JDK_LOG_INFO)) {
            jdk_log_take(i, kind, JDK_LOG_WARNING);
        }
    }
    if (on && !jdk_log_wants(tags)) {
        jdk_log_take(0, kind, kinds[kind].level);
    }
}

void jdk_log_decorate(unsigned output, uint32_t decorators)
{
    outputs[output].decorators = decorators;
}

void jdk_log_disable(void)
{
    for (unsigned i = 0; i < output_count; i++) {
        for (uint32_t kind = 0; kind < KINDS; kind++) {
            jdk_log_take(i, kind, JDK_LOG_OFF);
        }
    }
}

/* ---- what stands before a line ---- */

static void date_text(bool utc, char *text, size_t size)
{
    struct timespec now;
    struct tm parts;
    char day[32];
    char zone[8];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)(utc ? gmtime_r(&now.tv_sec, &parts) : localtime_r(&now.tv_sec, &parts));
    (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)strftime(zone, sizeof zone, "%z", &parts);
    (void)snprintf(text, size, "%s.%03u%s", day, (unsigned)(now.tv_nsec / 1000000), zone);
}

static void decorator_text(unsigned which, enum jdk_log_level level, const char *tags, char *text,
                           size_t size)
{
    struct timespec now;
    uint64_t up = jdk_uptime_ns();
    (void)clock_gettime(CLOCK_REALTIME, &now);
    unsigned long long ns =
        (unsigned long long)now.tv_sec * 1000000000 + (unsigned long long)now.tv_nsec;
    switch (which) {
    case TIME:
    case UTC:
        date_text(which == UTC, text, size);
        break;
    case UPTIME:
        (void)snprintf(text, size, "%llu.%03llus", (unsigned long long)(up / 1000000000),
                       (unsigned long long)(up / 1000000 % 1000));
        break;
    case TIME_MS:
    case UPTIME_MS:
        (void)snprintf(text, size, "%llums",
                       (which == TIME_MS ? ns : (unsigned long long)up) / 1000000);
        break;
    case TIME_NS:
    case UPTIME_NS:
        (void)snprintf(text, size, "%lluns", which == TIME_NS ? ns : (unsigned long long)up);
        break;
    case HOST:
        text[0] = '\0';
        (void)gethostname(text, size);
        break;
    case PROCESS:
        (void)snprintf(text, size, "%d", os_getpid());
        break;
    case THREAD:
        (void)snprintf(text, size, "%d", os_thread_id());
        break;
    case LEVEL:
        (void)snprintf(text, size, "%s", jdk_log_levels[level]);
        break;
    default:
        (void)snprintf(text, size, "%s", tags);
        break;
    }
}

static void prefix(struct output *output, enum jdk_log_level level, const char *tags, char *text,
                   size_t size)
{
    size_t length = 0;
    for (unsigned i = 0; i < JDK_LOG_DECORATORS; i++) {
        char part[128];
        if ((output->decorators >> i & 1) == 0) {
            continue;
        }
        decorator_text(i, level, tags, part, sizeof part);
        output->width[i] = ST_MAX(output->width[i], (uint32_t)strlen(part));
        int n = snprintf(text + length, size - length, "[%-*s]", (int)output->width[i], part);
        length = ST_MIN(length + (size_t)n, size - 1);
    }
    if (length != 0 && length < size - 1) {
        text[length++] = ' ';
    }
    text[length] = '\0';
}

/* ---- files ---- */

/* "NAME.3", in as many digits as the last one has; NULL: no memory. */
static char *archive_path(const struct output *output, uint32_t number)
{
    char *path = NULL;
    int digits = snprintf(NULL, 0, "%u", output->rotate_count - 1);
    return asprintf(&path, "%s.%0*u", output->path, digits, number) >= 0 ? path : NULL;
}

/* The number that what is in the file gets: the first free one, or that of the oldest file. */
static int choose_archive(struct output *output, struct st_buf *said)
{
    struct timespec oldest = {0};
    for (uint32_t i = 0; i < output->rotate_count; i++) {
        struct stat found;
        char *path = archive_path(output, i);
        int r = path != NULL ? os_fstatat(AT_FDCWD, path, &found, 0) : -ST_ENOMEM;
        if (r >= 0 && !S_ISREG(found.st_mode)) {
            (void)st_buf_printf(said,
                                "Possible rotation target file '%s' already exists but is not a "
                                "regular file.\n",
                                path);
            r = -ST_EINVAL;
        } else if (r == -ST_ENOENT) {
            output->next = i;
        } else if (r >= 0 && (i == 0 || found.st_mtim.tv_sec < oldest.tv_sec ||
                              (found.st_mtim.tv_sec == oldest.tv_sec &&
                               found.st_mtim.tv_nsec < oldest.tv_nsec))) {
            output->next = i;
            oldest = found.st_mtim;
        }
        free(path);
        if (r < 0) {
            return r == -ST_ENOENT ? 0 : r;
        }
    }
    return 0;
}

static void archive(struct output *output)
{
    char *path = archive_path(output, output->next);
    if (path != NULL) {
        (void)os_renameat2(AT_FDCWD, output->path, AT_FDCWD, path, 0);
    }
    output->next = (output->next + 1) % output->rotate_count;
    free(path);
}

static int begin_file(struct output *output)
{
    output->written = 0;
    output->file = os_open(output->path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    return output->file;
}

/* Opens the file; one that is there is kept under a number, unless there is to be one file only. */
static int open_file(struct output *output, struct st_buf *said)
{
    struct stat found;
    bool there = os_fstatat(AT_FDCWD, output->path, &found, 0) >= 0;
    if (there && S_ISFIFO(found.st_mode) && !output->count_given) {
        output->rotate_count = 0;
    }
    if (there && output->rotate_count != 0) {
        if (!S_ISREG(found.st_mode)) {
            (void)st_buf_printf(
                said, "Unable to log to file %s with log file rotation: %s is not a regular file\n",
                output->path, output->path);
            return -ST_EINVAL;
        }
        int r = choose_archive(output, said);
        if (r < 0) {
            return r;
        }
        archive(output);
    }
    int r = begin_file(output);
    if (r < 0) {
        (void)st_buf_printf(said, "Error opening log file '%s': %s\n", output->path,
                            st_strerror(r));
    }
    return r;
}

static void write_file(struct output *output, const char *text, size_t length)
{
    if (output->file >= 0) {
        (void)os_write_all(output->file, text, length);
        output->written += length;
    }
    if (output->file >= 0 && output->rotate_bytes != 0 && output->rotate_count != 0 &&
        output->written >= output->rotate_bytes) {
        os_close(&output->file);
        archive(output);
        (void)begin_file(output);
    }
}

/* ---- lines ---- */

static void write_line(struct output *output, enum jdk_log_level level, const char *tags,
                       const char *line)
{
    char before[PREFIX_BYTES];
    char *text = NULL;
    prefix(output, level, tags, before, sizeof before);
    int length = asprintf(&text, "%s%s\n", before, line);
    if (length < 0) {
        return; /* no memory for it */
    }
    if (output->path != NULL) {
        write_file(output, text, (size_t)length);
    } else {
        FILE *stream = output == &outputs[0] ? stdout : stderr;
        jdk_print(stream, "%s", text);
        (void)fflush(stream);
    }
    free(text);
}

void jdk_log_at(enum jdk_log_level level, const char *tags, const char *line)
{
    uint32_t kind = kind_of(tags);
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < output_count; i++) {
        if (takes(&outputs[i], kind, level)) {
            write_line(&outputs[i], level, tags, line);
        }
    }
    pthread_mutex_unlock(&lock);
}

void jdk_log_line(const char *tags, const char *line)
{
    jdk_log_at(kinds[kind_of(tags)].level, tags, line);
}

void jdk_log_print(enum jdk_log_level level, const char *tags, const char *format, ...)
{
    char *line = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&line, format, list);
    va_end(list);
    if (length >= 0) {
        jdk_log_at(level, tags, line);
        free(line);
    }
}

/* ---- outputs ---- */

static bool parse_count(const char *text, uint64_t *ret_count)
{
    enum { COUNT_MAX = 1000 };
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0' &&
           jdk_parse_size(text, ret_count) && *ret_count <= COUNT_MAX;
}

/* "filecount=3" or "filesize=20m", cut in two. `value` NULL: there is none. */
static int file_option(struct output *output, const char *key, const char *value,
                       struct st_buf *said)
{
    uint64_t number;
    bool count = strcmp(key, "filecount") == 0;
    if (value == NULL || (!count && strcmp(key, "filesize") != 0)) {
        (void)st_buf_printf(said, "Invalid option '%s' for log file output.\n", key);
        return -ST_EINVAL;
    }
    if (!(count ? parse_count(value, &number) : jdk_parse_size(value, &number))) {
        (void)st_buf_printf(said, "Invalid option: %s must be in range [0, %s]\n", key,
                            count ? "1000" : "18446744073709551615");
        return -ST_EINVAL;
    }
    if (count) {
        output->rotate_count = (uint32_t)number;
        output->count_given = true;
    } else {
        output->rotate_bytes = number;
    }
    return 0;
}

/* key=value,key=value */
static int file_options(struct output *output, const char *options, struct st_buf *said)
{
    char *text = strdup(options);
    char *rest = text;
    int r = text != NULL ? 0 : -ST_ENOMEM;
    for (char *key; r >= 0 && (key = strsep(&rest, ",")) != NULL;) {
        char *value = strchr(key, '=');
        if (value != NULL) {
            *value++ = '\0';
        }
        r = file_option(output, key, value, said);
    }
    free(text);
    return r;
}

/* %p is the process, %t the time. NULL: no memory. */
static char *expand_path(const char *path)
{
    enum { PATH_BYTES = 64 << 10 };
    st_auto(buf) struct st_buf to = ST_BUF_HEAP(PATH_BYTES);
    char now[32];
    time_t seconds = time(NULL);
    struct tm parts;
    (void)strftime(now, sizeof now, "%Y-%m-%d_%H-%M-%S", localtime_r(&seconds, &parts));
    for (; *path != '\0'; path++) {
        if (path[0] == '%' && path[1] == 'p') {
            (void)st_buf_printf(&to, "%d", os_getpid());
            path++;
        } else if (path[0] == '%' && path[1] == 't') {
            (void)st_buf_text(&to, now);
            path++;
        } else {
            (void)st_buf_char(&to, *path);
        }
    }
    return st_buf_status(&to) >= 0 ? st_buf_steal(&to) : NULL;
}

static int open_output(struct output *output, const char *name, const char *path,
                       const char *options, struct st_buf *said)
{
    *output =
        (struct output){.decorators = JDK_LOG_USUAL, .rotate_bytes = 20 << 20, .rotate_count = 5};
    char *kept = strdup(name);
    output->name = kept;
    output->path = expand_path(path);
    int r = kept != NULL && output->path != NULL ? 0 : -ST_ENOMEM;
    if (r >= 0 && options != NULL && *options != '\0') {
        r = file_options(output, options, said);
    }
    r = r >= 0 ? open_file(output, said) : r;
    if (r < 0) {
        (void)st_buf_printf(said, "Initialization of output '%s' using options '%s' failed.\n",
                            name, options != NULL ? options : "(null)");
        free(kept);
        free(output->path);
    }
    return r;
}

static void use_again(unsigned which, const char *options, unsigned *ret_output,
                      struct st_buf *said)
{
    if (options != NULL && *options != '\0') {
        (void)st_buf_text(said, "Output options for existing outputs are ignored.\n");
    }
    *ret_output = which;
}

int jdk_log_output_at(const char *number, const char *options, unsigned *ret_output,
                      struct st_buf *said)
{
    uint64_t which;
    if (!jdk_parse_size(number + 1, &which) || which >= output_count) {
        (void)st_buf_printf(said, "Invalid output index '%s'\n", number);
        return -ST_EINVAL;
    }
    use_again((unsigned)which, options, ret_output, said);
    return 0;
}

int jdk_log_output(const char *name, const char *options, unsigned *ret_output, struct st_buf *said)
{
    static const char file[] = "file=";
    for (unsigned i = 0; i < output_count; i++) {
        if (strcmp(outputs[i].name, name) == 0) {
            use_again(i, options, ret_output, said);
            return 0;
        }
    }
    if (strncmp(name, file, sizeof file - 1) != 0) {
        (void)st_buf_printf(said, "Unsupported log output type: %s\n", name);
        return -ST_EINVAL;
    }
    if (output_count == OUTPUTS_MAX) {
        (void)st_buf_printf(said, "There are %d log outputs already: %s\n", OUTPUTS_MAX, name);
        return -ST_EINVAL;
    }
    int r = open_output(&outputs[output_count], name, name + sizeof file - 1, options, said);
    if (r >= 0) {
        *ret_output = output_count++;
    }
    return r;
}
