/* Looking things up inside of a container: see ctr_lookup.h. */
#include "container/ctr_lookup.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The largest passwd file that is read. */
enum { PASSWD_MAX = 1 << 20, FOLDER_MAX = 1024 };

const char *ctr_lookup_variable(const char *const env[], const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; env != NULL && env[i] != NULL; i++) {
        const char *rest = st_after_prefix(env[i], name);
        if (rest != NULL && rest[0] == '=') {
            found = rest + 1;
        }
    }
    return found;
}

/* The n-th field (from 0) of a line of colon-separated ones, with its length; NULL: too few. */
static const char *field_of(const char *line, size_t length, unsigned n, size_t *ret_length)
{
    const char *end = line + length;
    for (; n > 0; n--) {
        const char *colon = memchr(line, ':', (size_t)(end - line));
        if (colon == NULL) {
            return NULL;
        }
        line = colon + 1;
    }
    const char *colon = memchr(line, ':', (size_t)(end - line));
    *ret_length = (size_t)((colon == NULL ? end : colon) - line);
    return line;
}

static bool is_of_user(const char *line, size_t length, uint32_t uid)
{
    char number[16];
    uint64_t value;
    size_t field_length;
    const char *field = field_of(line, length, 2, &field_length);
    if (field == NULL || field_length >= sizeof(number)) {
        return false;
    }
    memcpy(number, field, field_length);
    number[field_length] = '\0';
    return st_parse_u64(number, 10, UINT32_MAX, &value) == 0 && value == uid;
}

void ctr_lookup_passwd(const char *text, uint32_t uid, char *ret_folder, size_t size)
{
    ret_folder[0] = '\0';
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (is_of_user(text, length, uid)) {
            size_t field_length;
            const char *field = field_of(text, length, 5, &field_length);
            if (field != NULL && field_length < size) {
                memcpy(ret_folder, field, field_length);
                ret_folder[field_length] = '\0';
            }
            return;
        }
        text += length;
        text += *text == '\n';
    }
}

char *ctr_lookup_home(uint32_t uid)
{
    char folder[FOLDER_MAX] = "";
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(PASSWD_MAX);
    /* Whatever a container may have put there must not make us wait. */
    st_auto(fd) int fd = os_open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;
    if (fd >= 0 && os_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && os_read_all(fd, &text) == 0) {
        ctr_lookup_passwd(st_buf_string(&text), uid, folder, sizeof(folder));
    }
    st_auto(buf) struct st_buf home = ST_BUF_HEAP(FOLDER_MAX + 16);
    st_buf_printf(&home, "HOME=%s", folder[0] == '/' ? folder : "/");
    return st_buf_steal(&home);
}

/* Can it be executed by the caller? */
static int check_program(const char *path)
{
    struct stat st;
    int r = os_fstatat(AT_FDCWD, path, &st, 0);
    if (r < 0) {
        return r;
    }
    if (S_ISDIR(st.st_mode)) {
        return -ST_EISDIR;
    }
    return os_access(AT_FDCWD, path, X_OK, AT_EACCESS);
}

static int search_program(const char *name, const char *search, char *ret_path, size_t size,
                          struct st_err *err)
{
    int result = -ST_ENOENT;
    while (search != NULL) {
        size_t length = strcspn(search, ":");
        /* An empty entry is the current folder; execvp's rule, but nobody's wish. */
        size_t need = length == 0
                          ? st_snprintf(ret_path, size, "./%s", name)
                          : st_snprintf(ret_path, size, "%.*s/%s", (int)length, search, name);
        int r = need < size ? check_program(ret_path) : -ST_ENAMETOOLONG;
        if (r == 0) {
            return 0;
        }
        if (r == -ST_EACCES) {
            result = r;
        }
        search = search[length] == ':' ? search + length + 1 : NULL;
    }
    if (result == -ST_EACCES) {
        return st_fail(err, ST_EACCES, "exec: \"%s\": permission denied", name);
    }
    return st_fail(err, ST_ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

int ctr_lookup_program(const char *name, const char *search, char *ret_path, size_t size,
                       struct st_err *err)
{
    if (strchr(name, '/') == NULL) {
        return search_program(name, search != NULL ? search : USUAL_PATH, ret_path, size, err);
    }
    int r = check_program(name);
    switch (r) {
    case 0:
        return st_strcopy(ret_path, size, name)
                   ? 0
                   : st_fail(err, ST_ENAMETOOLONG, "exec: \"%.64s...\": file name too long", name);
    case -ST_EACCES:
        return st_fail(err, ST_EACCES, "exec: \"%s\": permission denied", name);
    case -ST_EISDIR:
        /* Engines know 126 by the words "permission denied", which is what execve would say. */
        return st_fail(err, ST_EACCES, "exec: \"%s\": is a directory: permission denied", name);
    default:
        return st_fail_os(err, r, "exec: \"%s\": stat %s", name, name);
    }
}
