/* Raw disks: see disk_raw.h. What differs between io_uring and threads is in disk_engine.h. */
#include "disk/disk_raw.h"

#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/heap.h"
#include "base/str.h"
#include "disk/disk_engine.h"
#include "os/os_file.h"

enum { SECTOR = 512 };

struct disk_raw {
    struct plat_block block;
    int fd;
    struct disk_engine *engine;
};

static void submit(struct plat_block *block, struct plat_block_request *request)
{
    struct disk_raw *disk = ST_CONTAINER(block, struct disk_raw, block);

    disk_engine_submit(disk->engine, disk->fd, request);
}

static void kick(struct plat_block *block)
{
    disk_engine_kick(ST_CONTAINER(block, struct disk_raw, block)->engine);
}

static const struct plat_block_ops raw_ops = {.submit = submit, .kick = kick};

static int lock_and_measure(struct disk_raw *disk, const char *path, struct st_err *err)
{
    struct stat info;
    off_t size;
    int r = os_flock(disk->fd, (disk->block.read_only ? LOCK_SH : LOCK_EX) | LOCK_NB);

    if (r == -ST_EAGAIN) {
        r = st_fail(err, ST_EBUSY, "disk %s: in use by another virtual machine", path);
        st_hint(err, "%s",
                disk->block.read_only
                    ? "a disk that is being written cannot be read by others: copy it"
                    : "copy it, or open it read-only everywhere");
        return r;
    }
    if (r < 0) {
        return st_fail_os(err, r, "locking disk %s", path);
    }
    r = os_fstat(disk->fd, &info);
    if (r < 0) {
        return st_fail_os(err, r, "disk %s", path);
    }
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) {
        return st_fail(err, ST_EINVAL, "disk %s: neither a file nor a block device", path);
    }
    size = os_lseek(disk->fd, 0, SEEK_END);
    if (size < 0) {
        return st_fail_os(err, (int)size, "disk %s", path);
    }
    if (size == 0 || size % SECTOR != 0) {
        return st_fail(err, ST_EINVAL,
                       "disk %s: its size, %" PRIi64 " bytes, is not a multiple of 512", path,
                       (int64_t)size);
    }
    disk->block.size_bytes = (uint64_t)size;
    /* A hole behind the end changes nothing, and tells whether there can be holes at all. */
    disk->block.can_discard =
        !disk->block.read_only && S_ISREG(info.st_mode) &&
        os_fallocate(disk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, size, SECTOR) == 0;
    return 0;
}

int disk_raw_open(const struct disk_raw_config *config, struct disk_raw **ret_disk,
                  struct st_err *err)
{
    struct disk_raw *disk = calloc(1, sizeof *disk);
    int r;

    if (disk == NULL) {
        return st_fail(err, ST_ENOMEM, "disk %s: out of memory", config->path);
    }
    disk->block =
        (struct plat_block){.ops = &raw_ops, .block_bytes = SECTOR, .read_only = config->read_only};
    if (!st_strcopy(disk->block.serial, sizeof disk->block.serial,
                    config->serial == NULL ? "" : config->serial)) {
        free(disk);
        return st_fail(err, ST_EINVAL, "disk %s: serial %s is longer than 20 bytes", config->path,
                       config->serial);
    }
    disk->fd = os_open(config->path, config->read_only ? O_RDONLY : O_RDWR, 0);
    if (disk->fd < 0) {
        r = st_fail_os(err, disk->fd, "disk %s", config->path);
    } else {
        r = lock_and_measure(disk, config->path, err);
    }
    if (r == 0) {
        r = disk_engine_new(config->loop, config->no_uring, &disk->engine);
        if (r < 0) {
            (void)st_fail_os(err, r, "disk %s", config->path);
        }
    }
    if (r < 0) {
        disk_raw_close(disk);
        return r;
    }
    *ret_disk = disk;
    return 0;
}

struct plat_block *disk_raw_block(struct disk_raw *disk)
{
    return &disk->block;
}

const char *disk_raw_method(const struct disk_raw *disk)
{
    return disk_engine_method(disk->engine);
}

void disk_raw_close(struct disk_raw *disk)
{
    if (disk == NULL) {
        return;
    }
    disk_engine_free(disk->engine);
    os_close(&disk->fd);
    free(disk);
}
