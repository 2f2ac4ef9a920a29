/* One layer into the store's form: see image_layer.h. */
#include "image/image_layer.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/statfs.h>

#include "base/heap.h"
#include "base/str.h"
#include "image/image_record.h"
#include "image/image_unpack.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_thread.h"
#include "store/store_digest.h"

enum {
    RING_BUFFER = 1 << 20,
    INPUT_BUFFER = 256 << 10,
};

#define RATIO_FREE_BYTES ((uint64_t)256 << 20) /* below this no ratio is too large */

struct pipeline {
    struct image_layer_job *job;
    struct os_ring ring;
    struct os_thread thread;
    struct image_unpack *unpack;
    int result; /* of the second thread */
    struct st_err thread_err;
    int blob_fd;
    uint8_t *input;
    struct store_digest *digest;  /* of the input */
    struct store_digest *diff_id; /* of the tar, when it is not the input itself */
    struct image_inflate *inflate;
};

ssize_t image_range_read(void *context, void *to, size_t size)
{
    struct image_range *range = context;
    size_t part = (size_t)ST_MIN((uint64_t)size, range->left);
    if (part == 0) {
        return 0;
    }
    ssize_t got = os_pread(range->fd, to, part, (off_t)range->offset);
    if (got > 0) {
        range->offset += (uint64_t)got;
        range->left -= (uint64_t)got;
    }
    return got;
}

int image_limits_complete(struct image_limits *limits, int dir_fd, struct st_err *err)
{
    struct statfs st;
    int r = os_fstatfs(dir_fd, &st);
    if (r < 0) {
        return st_fail_os(err, r, "looking how much the disk has free");
    }
    if (limits->max_layer_bytes == 0) {
        uint64_t free_bytes = (uint64_t)st.f_bavail * (uint64_t)st.f_bsize;
        uint64_t spare =
            ST_MIN((uint64_t)st.f_blocks * (uint64_t)st.f_bsize / 20, (uint64_t)1 << 30);
        limits->max_layer_bytes = free_bytes > spare ? free_bytes - spare : 0;
    }
    if (limits->max_layer_entries == 0) {
        limits->max_layer_entries = (uint64_t)4 << 20;
        if (st.f_files > 0 && limits->max_layer_entries > st.f_ffree) {
            limits->max_layer_entries = st.f_ffree;
        }
    }
    if (limits->max_ratio == 0) {
        limits->max_ratio = 250;
    }
    return 0;
}

/* The second thread: bytes of the tar from the ring into the form. */
static int use_ring(struct pipeline *p)
{
    const unsigned char *bytes;
    size_t size;
    int r = os_unshare(CLONE_FS); /* so that the umask is this thread's alone */
    if (r < 0) {
        return st_fail_os(&p->thread_err, r, "unpacking a layer");
    }
    os_umask(0);
    while ((bytes = os_ring_full(&p->ring, &size)) != NULL) {
        r = image_unpack_feed(p->unpack, bytes, size, &p->thread_err);
        if (r < 0) {
            return r;
        }
        os_ring_release(&p->ring);
    }
    return image_unpack_finish(p->unpack, &p->job->file_bytes, &p->job->entries, &p->thread_err);
}

static void *second_thread(void *argument)
{
    struct pipeline *p = argument;
    p->result = use_ring(p);
    if (p->result < 0) {
        os_ring_stop(&p->ring);
    }
    return NULL;
}

/* Reads the next bytes of the input, digests and keeps them. Returns their number, 0 at the end. */
static ssize_t read_input(struct pipeline *p, uint8_t *to, size_t size, struct st_err *err)
{
    struct image_layer_job *job = p->job;
    ssize_t got = job->read(job->read_context, to, size);
    if (got < 0) {
        return st_fail_os(err, (int)got, "reading %s", job->label);
    }
    if (got == 0) {
        return 0;
    }
    store_digest_add(p->digest, to, (size_t)got);
    int r = os_write_all(p->blob_fd, to, (size_t)got);
    if (r < 0) {
        return st_fail_os(err, r, "keeping %s", job->label);
    }
    job->blob_bytes += (uint64_t)got;
    return got;
}

/* Reads until the buffer is full or the input over. */
static ssize_t read_full(struct pipeline *p, uint8_t *to, size_t size, struct st_err *err)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = read_input(p, to + have, size - have, err);
        if (got < 0) {
            return got;
        }
        if (got == 0) {
            break;
        }
        have += (size_t)got;
    }
    return (ssize_t)have;
}

/* What an os_ring_empty of NULL means: the second thread has failed and says why. */
static int stopped(void)
{
    return -ST_EINTR;
}

static int pump_plain(struct pipeline *p, size_t have, struct st_err *err)
{
    uint8_t *buffer = os_ring_empty(&p->ring);
    if (buffer == NULL) {
        return stopped();
    }
    __builtin_memcpy(buffer, p->input, have);
    ssize_t got = read_full(p, buffer + have, RING_BUFFER - have, err);
    while (got >= 0 && (size_t)got + have > 0) {
        os_ring_fill(&p->ring, (size_t)got + have);
        p->job->tar_bytes += (size_t)got + have;
        have = 0;
        buffer = os_ring_empty(&p->ring);
        if (buffer == NULL) {
            return stopped();
        }
        got = read_full(p, buffer, RING_BUFFER, err);
    }
    return (int)got;
}

static int check_ratio(const struct pipeline *p, struct st_err *err)
{
    const struct image_layer_job *job = p->job;
    if (job->tar_bytes > RATIO_FREE_BYTES &&
        job->tar_bytes / job->limits.max_ratio > job->blob_bytes) {
        st_fail(err, ST_ELIMIT,
                "%s is refused: it unpacks to more than %u times its size, as decompression bombs "
                "do",
                job->label, job->limits.max_ratio);
        st_hint(err, "if it is to be trusted, load it with a higher --max-ratio");
        return -ST_ELIMIT;
    }
    return 0;
}

/* Fills one buffer of the ring; *have and *at say which bytes of p->input are waiting. Returns the
 * bytes made, 0 at the end of the stream. */
static ssize_t inflate_buffer(struct pipeline *p, uint8_t *buffer, size_t *at, size_t *have,
                              struct st_err *err)
{
    size_t made = 0;
    while (made < RING_BUFFER) {
        size_t used = 0;
        size_t part = 0;
        int r = image_inflate_feed(p->inflate, p->input + *at, *have - *at, buffer + made,
                                   RING_BUFFER - made, &used, &part);
        if (r < 0) {
            return st_fail(err, -r, "%s is damaged: it does not decompress", p->job->label);
        }
        *at += used;
        made += part;
        if (used > 0 || part > 0) {
            continue;
        }
        ssize_t got = read_input(p, p->input, INPUT_BUFFER, err);
        if (got < 0) {
            return got;
        }
        if (got == 0 && !image_inflate_ended(p->inflate)) {
            return st_fail(err, ST_ECORRUPT, "%s is torn: its compressed data ends too early",
                           p->job->label);
        }
        if (got == 0) {
            break;
        }
        *at = 0;
        *have = (size_t)got;
    }
    return (ssize_t)made;
}

static int pump_compressed(struct pipeline *p, size_t have, struct st_err *err)
{
    size_t at = 0;
    for (;;) {
        uint8_t *buffer = os_ring_empty(&p->ring);
        if (buffer == NULL) {
            return stopped();
        }
        ssize_t made = inflate_buffer(p, buffer, &at, &have, err);
        if (made <= 0) {
            return (int)made;
        }
        store_digest_add(p->diff_id, buffer, (size_t)made);
        p->job->tar_bytes += (uint64_t)made;
        os_ring_fill(&p->ring, (size_t)made);
        int r = check_ratio(p, err);
        if (r < 0) {
            return r;
        }
    }
}

static int pump(struct pipeline *p, struct st_err *err)
{
    ssize_t have = read_full(p, p->input, INPUT_BUFFER, err);
    if (have < 0) {
        return (int)have;
    }
    p->job->compression = image_compression_of(p->input, (size_t)have);
    if (p->job->compression == IMAGE_PLAIN) {
        return pump_plain(p, (size_t)have, err);
    }
    int r = image_inflate_new(p->job->compression, &p->inflate);
    if (r == 0) {
        r = store_digest_new(&p->diff_id);
    }
    return r < 0 ? st_fail_os(err, r, "reading %s", p->job->label)
                 : pump_compressed(p, (size_t)have, err);
}

static int check_digests(struct pipeline *p, struct st_err *err)
{
    struct image_layer_job *job = p->job;
    int r = store_digest_end(p->digest, job->digest);
    if (r == 0 && p->diff_id != NULL) {
        r = store_digest_end(p->diff_id, job->diff_id);
    } else if (r == 0) {
        st_strcopy(job->diff_id, sizeof(job->diff_id), job->digest);
    }
    if (r < 0) {
        return st_fail_os(err, r, "digesting %s", job->label);
    }
    if (job->wanted_digest != NULL && !st_streq(job->wanted_digest, job->digest)) {
        return st_fail(err, ST_ECORRUPT, "%s is damaged: its digest is %s, but should be %s",
                       job->label, job->digest, job->wanted_digest);
    }
    if (job->wanted_diff_id != NULL && !st_streq(job->wanted_diff_id, job->diff_id)) {
        return st_fail(err, ST_ECORRUPT,
                       "%s is not the layer that the image wants: its diff ID is %s, but should "
                       "be %s",
                       job->label, job->diff_id, job->wanted_diff_id);
    }
    return 0;
}

static int run(struct pipeline *p, struct st_err *err)
{
    int r = os_thread_start(&p->thread, second_thread, p);
    if (r < 0) {
        return st_fail_os(err, r, "starting a thread");
    }
    r = pump(p, err);
    os_ring_end(&p->ring);
    os_thread_join(&p->thread);
    if (r == stopped() || (r >= 0 && p->result < 0)) {
        if (err != NULL) {
            *err = p->thread_err;
        }
        return st_wrap(err, p->result, "%s", p->job->label);
    }
    return r;
}

static int prepare(struct pipeline *p, int layer_fd, struct st_err *err)
{
    const struct image_layer_job *job = p->job;
    const struct image_unpack_limits limits = {
        .max_bytes = job->limits.max_layer_bytes,
        .max_entries = job->limits.max_layer_entries,
    };
    p->input = malloc(INPUT_BUFFER);
    int r = p->input == NULL ? -ST_ENOMEM : os_ring_init(&p->ring, RING_BUFFER);
    if (r == 0) {
        r = store_digest_new(&p->digest);
    }
    if (r == 0) {
        p->blob_fd = os_openat(job->work_fd, job->blob_name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        r = p->blob_fd < 0 ? p->blob_fd : 0;
    }
    if (r < 0) {
        return st_fail_os(err, r, "unpacking %s", job->label);
    }
    return image_unpack_new(&image_form_folder, layer_fd, &limits, &p->unpack, err);
}

int image_layer_make(struct image_layer_job *job, struct st_err *err)
{
    struct pipeline p = {.job = job, .blob_fd = -1};
    int r = os_mkdirat(job->work_fd, job->name, 0700);
    st_auto(fd) int layer_fd =
        r < 0 ? r : os_openat(job->work_fd, job->name, O_RDONLY | O_DIRECTORY, 0);
    if (layer_fd < 0) {
        return st_fail_os(err, layer_fd, "unpacking %s", job->label);
    }
    r = prepare(&p, layer_fd, err);
    if (r == 0) {
        r = run(&p, err);
    }
    if (r >= 0) {
        r = check_digests(&p, err);
    }
    if (r == 0) {
        const struct image_record record = {
            .form = image_form_folder.name, .bytes = job->file_bytes, .entries = job->entries};
        r = image_record_write(&record, job->diff_id, layer_fd, err);
    }
    os_close(&p.blob_fd);
    image_unpack_free(p.unpack);
    image_inflate_free(p.inflate);
    store_digest_free(p.digest);
    store_digest_free(p.diff_id);
    os_ring_done(&p.ring);
    free(p.input);
    return r;
}
