/* Reads the "monitor" file: see mon_config.h. */
#include "engine/monitor/mon_config.h"

#include "base/str.h"

static const struct {
    const char *key;
    size_t offset;
    bool number;
} mon_keys[] = {
#define TEXT(name)                                                                                 \
    {                                                                                              \
#name, offsetof(struct mon_config, name), false                                            \
    }
#define NUMBER(name)                                                                               \
    {                                                                                              \
#name, offsetof(struct mon_config, name), true                                             \
    }
    TEXT(id),         TEXT(oci),           TEXT(oci_root),        TEXT(strata),
    TEXT(home),       TEXT(layers),        TEXT(lower),           TEXT(upper),
    TEXT(work),       TEXT(log),           NUMBER(log_max_bytes), NUMBER(log_max_files),
    NUMBER(restart),  NUMBER(restart_max), NUMBER(stop_signal),   NUMBER(stop_timeout_s),
    NUMBER(tty),      NUMBER(open_stdin),  NUMBER(stdin_once),    NUMBER(watch_oom),
    NUMBER(restarts), TEXT(arguments),     NUMBER(workload),
#undef TEXT
#undef NUMBER
};

static int set_entry(struct mon_config *config, const char *entry)
{
    for (size_t i = 0; i < ST_COUNT(mon_keys); i++) {
        const char *rest = st_after_prefix(entry, mon_keys[i].key);

        if (rest == NULL || *rest != '=') {
            continue;
        }
        void *field = (char *)config + mon_keys[i].offset;
        if (mon_keys[i].number) {
            return st_parse_i64(rest + 1, 0, INT64_MAX, field);
        }
        *(const char **)field = rest + 1;
        return 0;
    }
    return -ST_EINVAL;
}

int mon_config_parse(char *text, size_t length, struct mon_config *ret_config)
{
    struct mon_config config = {0};

    if (length == 0 || text[length - 1] != 0) {
        return -ST_EINVAL;
    }
    for (size_t at = 0; at < length;) {
        int r = set_entry(&config, text + at);

        if (r < 0) {
            return r;
        }
        at += st_strlen(text + at) + 1;
    }
    bool complete = config.id != NULL && config.oci != NULL && config.oci_root != NULL &&
                    config.strata != NULL && config.home != NULL;
    bool rooted = config.lower == NULL ||
                  (config.layers != NULL && (config.upper == NULL) == (config.work == NULL));

    if (!complete || !rooted) {
        return -ST_EINVAL;
    }
    *ret_config = config;
    return 0;
}
