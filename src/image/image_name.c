/*
 * Names of images, as docker takes and shows them: [DOMAIN/]PATH[:TAG], where a first part without
 * a dot, a colon and "localhost" is no domain but the path's, docker.io is the domain that isn't
 * written, library/ the folder that isn't, and latest the tag.
 */
#include "image/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"

static const char home[] = "docker.io/";
static const char library[] = "docker.io/library/";

enum { MAX_NAME = 255 };

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Runs of lower-case letters and digits, with one of  .  _  __  or any number of  -  between two.
 */
static bool part_is_valid(const char *part, size_t length)
{
    size_t i = 0;
    while (i < length) {
        if (!is_lower_or_digit(part[i])) {
            return false;
        }
        while (i < length && is_lower_or_digit(part[i])) {
            i++;
        }
        if (i == length) {
            return true;
        }
        if (part[i] == '-') {
            while (i < length && part[i] == '-') {
                i++;
            }
        } else if (part[i] == '_' || part[i] == '.') {
            i += part[i] == '_' && i + 1 < length && part[i + 1] == '_' ? 2 : 1;
        }
    }
    return false;
}

static bool path_is_valid(const char *path, size_t length)
{
    size_t at = 0;
    for (;;) {
        const char *slash = memchr(path + at, '/', length - at);
        size_t part = slash == NULL ? length - at : (size_t)(slash - path) - at;
        if (!part_is_valid(path + at, part)) {
            return false;
        }
        if (slash == NULL) {
            return true;
        }
        at += part + 1;
    }
}

/* A host name or an address in brackets, and perhaps a port. */
static bool domain_is_valid(const char *domain, size_t length)
{
    char before = '.';
    for (size_t i = 0; i < length; i++) {
        char c = domain[i];
        bool separates = c == '.' || c == ':' || c == '-';
        bool alphanumeric = is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
        if ((!alphanumeric && !separates && c != '[' && c != ']') || (separates && before == '.')) {
            return false;
        }
        before = c;
    }
    return length > 0 && before != '.' && before != ':' && before != '-';
}

static bool tag_is_valid(const char *tag)
{
    size_t length =
        strspn(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return length > 0 && length <= 128 && tag[length] == '\0' && tag[0] != '.' && tag[0] != '-';
}

/* Bytes of the name's domain, without its slash; 0 if it has none. */
static size_t domain_length(const char *name)
{
    const char *slash = strchr(name, '/');
    if (slash == NULL) {
        return 0;
    }
    size_t length = (size_t)(slash - name);
    bool is_domain = memchr(name, '.', length) != NULL || memchr(name, ':', length) != NULL ||
                     (length == 9 && memcmp(name, "localhost", 9) == 0);
    return is_domain ? length : 0;
}

int image_name_full(const char *name, char **ret_full, struct st_err *err)
{
    struct st_buf full = ST_BUF_HEAP(1024);
    size_t domain = domain_length(name);
    const char *path = domain == 0 ? name : name + domain + 1;
    const char *colon = strrchr(path, ':');
    const char *tag = colon == NULL ? "latest" : colon + 1;
    size_t path_length = colon == NULL ? strlen(path) : (size_t)(colon - path);
    if (domain == strlen("index.docker.io") && st_starts_with(name, "index.docker.io/")) {
        domain = 0;
    }
    bool at_home = domain == 0 || (domain == 9 && st_starts_with(name, home));
    if (path_length == 0 || domain + path_length > MAX_NAME || !tag_is_valid(tag) ||
        !path_is_valid(path, path_length) || (domain > 0 && !domain_is_valid(name, domain))) {
        return st_fail(err, ST_EINVAL, "\"%s\" is not a valid image name", name);
    }
    if (at_home) {
        st_buf_text(&full, memchr(path, '/', path_length) == NULL ? library : home);
    } else {
        st_buf_printf(&full, "%.*s/", (int)domain, name);
    }
    st_buf_printf(&full, "%.*s:%s", (int)path_length, path, tag);
    int r = st_buf_status(&full);
    if (r < 0) {
        st_buf_done(&full);
        return st_fail_os(err, r, "image name");
    }
    *ret_full = st_buf_steal(&full);
    return 0;
}

char *image_name_short(const char *full)
{
    const char *rest = st_after_prefix(full, library);
    if (rest == NULL) {
        rest = st_after_prefix(full, home);
    }
    return strdup(rest == NULL ? full : rest);
}
