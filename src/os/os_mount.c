/* Mounts: see os_mount.h. */
#include "os/os_mount.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os_priv.h"

int os_mount(const char *source, const char *target, const char *type, unsigned long flags,
             const void *data)
{
    return (int)OS_CALL(syscall(SYS_mount, source, target, type, flags, data));
}

int os_umount(const char *target, int flags)
{
    return (int)OS_CALL(syscall(SYS_umount2, target, flags));
}

int os_open_tree(int dir, const char *path, unsigned flags)
{
    return (int)OS_CALL(syscall(SYS_open_tree, dir, path, flags | O_CLOEXEC));
}

int os_move_mount(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return (int)OS_CALL(syscall(SYS_move_mount, from_dir, from, to_dir, to, flags));
}

int os_fsopen(const char *type, unsigned flags)
{
    return (int)OS_CALL(syscall(SYS_fsopen, type, flags | FSOPEN_CLOEXEC));
}

int os_fsconfig(int fs_fd, unsigned command, const char *key, const void *value, int aux)
{
    return (int)OS_CALL(syscall(SYS_fsconfig, fs_fd, command, key, value, aux));
}

int os_fsmount(int fs_fd, unsigned flags, unsigned attributes)
{
    return (int)OS_CALL(syscall(SYS_fsmount, fs_fd, flags | FSMOUNT_CLOEXEC, attributes));
}

int os_fspick(int dir, const char *path, unsigned flags)
{
    return (int)OS_CALL(syscall(SYS_fspick, dir, path, flags | FSPICK_CLOEXEC));
}

int os_mount_setattr(int dir, const char *path, unsigned flags, const struct mount_attr *attr)
{
    return (int)OS_CALL(syscall(SYS_mount_setattr, dir, path, flags, attr, sizeof(*attr)));
}

int os_pivot_root(const char *new_root, const char *put_old)
{
    return (int)OS_CALL(syscall(SYS_pivot_root, new_root, put_old));
}

int os_chroot(const char *path)
{
    return OS_CALL(chroot(path));
}
