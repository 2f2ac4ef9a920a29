/* How much an instance's writable layer holds, for inspect --size. */
#include "base/str.h"
#include "engine/engine_priv.h"

enum { BLOCK_BYTES = 512 }; /* of st_blocks */

int64_t engine_own_bytes(const struct engine_instance *instance)
{
    struct stat disk;
    int64_t own = engine_tree_bytes(instance->home_fd, "rootfs/upper", 0);

    if (os_fstatat(instance->home_fd, ENGINE_DISK, &disk, AT_SYMLINK_NOFOLLOW) == 0) {
        own += (int64_t)disk.st_blocks * BLOCK_BYTES;
    }
    return own;
}

int engine_size(struct engine_instance *instance, int64_t *ret_own_bytes, int64_t *ret_all_bytes,
                struct st_err *err)
{
    st_auto(image_list) struct image_list images = {0};
    struct image_store *store;
    int64_t own = engine_own_bytes(instance);
    int64_t all = own;
    int r = engine_images(instance->engine, &store, err);

    r = r < 0 ? r : image_list_all(store, &images, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < images.count; i++) {
        if (st_streq(images.items[i].id, instance->config->image_id)) {
            all += (int64_t)images.items[i].size_bytes;
            break;
        }
    }
    *ret_own_bytes = own;
    *ret_all_bytes = all;
    return 0;
}
