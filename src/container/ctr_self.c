/*
 * Protecting our own file (CVE-2019-5736): see ctr_protect_self in ctr.h.
 *
 * What a container may get hold of is the file that /proc/PID/exe of a process of ours names, and
 * that the kernel finds when a program of the container's says /proc/self/exe. So before anything
 * of a container exists, this process is made one whose file is seen through a mount of its own,
 * attached nowhere and read-only: each part of the program is mapped again from there, in place,
 * and the process is told that this is its file. That costs a tenth of executing the program once
 * more, which is what happens where it isn't permitted.
 */
#include <elf.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/arith.h"
#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "container/ctr.h"
#include "os/os_file.h"
#include "os/os_memory.h"
#include "os/os_mount.h"
#include "os/os_process.h"

#define SELF "/proc/self/exe"

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, PAGE = 4096 };

/* Where the program's file was mapped; the linker's. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

/* Whoever opens our file by our process can't write to it: its mount is read-only, or it is sealed
 * memory. */
static bool is_protected(void)
{
    struct statfs fs;
    if (os_statfs(SELF, &fs) < 0) {
        return false;
    }
    if ((fs.f_flags & ST_RDONLY) != 0) {
        return true;
    }
    if (fs.f_type != TMPFS_MAGIC) {
        return false;
    }
    st_auto(fd) int self = os_open(SELF, O_RDONLY, 0);
    return self >= 0 && os_get_seals(self) == SEALS;
}

/* Our file by a mount of its own that is attached nowhere and read-only. */
static int read_only_view(void)
{
    const struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    st_auto(fd) int tree = os_open_tree(AT_FDCWD, SELF, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) {
        return tree;
    }
    int r = os_mount_setattr(tree, "", AT_EMPTY_PATH, &attr);
    return r < 0 ? r : os_take_fd(tree);
}

/* Private memory in place of [from, to): the same bytes, none of the file's. */
static int detach_range(uintptr_t from, uintptr_t to, int protection)
{
    void *copy;
    size_t size = to - from;
    if (size == 0) {
        return 0;
    }
    int r = os_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                    -1, 0, &copy);
    if (r < 0) {
        return r;
    }
    memcpy(copy, (const void *)from, size);
    if (protection != (PROT_READ | PROT_WRITE)) {
        r = os_mprotect(copy, size, protection);
    }
    return r < 0 ? r : os_mremap_to(copy, size, (void *)from);
}

static int protection_of(const Elf64_Phdr *segment)
{
    return ((segment->p_flags & PF_R) != 0 ? PROT_READ : 0) |
           ((segment->p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
           ((segment->p_flags & PF_X) != 0 ? PROT_EXEC : 0);
}

/* Maps a segment again: the constant ones from the file's view, data as private memory (relocated
 * read-only data apart, since that has another protection). */
static int remap_segment(const Elf64_Phdr *segment, uintptr_t relro_end, int view)
{
    uintptr_t base = (uintptr_t)__ehdr_start;
    uintptr_t from = ST_ALIGN_DOWN(base + segment->p_vaddr, PAGE);
    uintptr_t to = ST_ALIGN_UP(base + segment->p_vaddr + segment->p_filesz, PAGE);
    void *address;
    if ((segment->p_flags & PF_W) == 0) {
        return os_mmap((void *)from, to - from, protection_of(segment), MAP_PRIVATE | MAP_FIXED,
                       view, (off_t)ST_ALIGN_DOWN(segment->p_offset, PAGE), &address);
    }
    uintptr_t middle = relro_end > from && relro_end <= to ? relro_end : from;
    int r = detach_range(from, middle, PROT_READ);
    return r < 0 ? r : detach_range(middle, to, PROT_READ | PROT_WRITE);
}

static int remap_program(int view)
{
    const Elf64_Phdr *segments = (const Elf64_Phdr *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    uintptr_t relro_end = 0;
    int r = segments == NULL ? -ST_ENODATA : 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (segments[i].p_type == PT_GNU_RELRO) {
            relro_end = ST_ALIGN_DOWN(
                (uintptr_t)__ehdr_start + segments[i].p_vaddr + segments[i].p_memsz, PAGE);
        }
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (segments[i].p_type == PT_LOAD) {
            r = remap_segment(&segments[i], relro_end, view);
        }
    }
    return r;
}

/* Tells the kernel which file is ours. What else it wants to hear stays as it is, but for the
 * heap's beginning, which is where the heap ends now. */
static int set_own_file(int view, char **argv)
{
    char **last = argv;
    char **end = environ;
    while (last[1] != NULL) {
        last++;
    }
    while (end[0] != NULL && end[1] != NULL) {
        end++;
    }
    uintptr_t heap = (uintptr_t)os_heap_end();
    uintptr_t args_end = (uintptr_t)*last + st_strlen(*last) + 1;
    struct prctl_mm_map map = {
        .start_code = (uintptr_t)__ehdr_start,
        .end_code = (uintptr_t)__ehdr_start + PAGE,
        .start_data = heap - PAGE,
        .end_data = heap - PAGE,
        .start_brk = heap,
        .brk = heap,
        .start_stack = (uintptr_t)argv,
        .arg_start = (uintptr_t)argv[0],
        .arg_end = args_end,
        .env_start = environ[0] == NULL ? args_end : (uintptr_t)environ[0],
        .env_end = environ[0] == NULL ? args_end : (uintptr_t)*end + st_strlen(*end) + 1,
        .exe_fd = (uint32_t)view,
    };
    return os_prctl(PR_SET_MM, PR_SET_MM_MAP, (unsigned long)(uintptr_t)&map, sizeof(map), 0);
}

/* A sanitizer does not let the program's data be copied as a whole. */
#if defined(__SANITIZE_ADDRESS__)
#define CAN_MOVE 0
#elif defined(__has_feature)
#define CAN_MOVE !__has_feature(address_sanitizer)
#else
#define CAN_MOVE 1
#endif

/* Makes the running program one of the read-only view. */
static int move_to_view(char **argv)
{
    char path[32];
    unsigned size = 0;
    if (!CAN_MOVE) {
        return -ST_EOPNOTSUPP;
    }
    /* Ask whether the kernel knows the call before anything is changed. */
    int r = os_prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, (unsigned long)(uintptr_t)&size, 0, 0);
    if (r < 0 || size != sizeof(struct prctl_mm_map)) {
        return -ST_ENOSYS;
    }
    st_auto(fd) int tree = read_only_view();
    if (tree < 0) {
        return tree;
    }
    st_snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
    st_auto(fd) int view = os_open(path, O_RDONLY, 0);
    if (view < 0) {
        return view;
    }
    r = remap_program(view);
    return r < 0 ? r : set_own_file(view, argv);
}

/* A copy in memory, for those who may not mount. */
static int sealed_copy(void)
{
    struct stat st;
    st_auto(fd) int self = os_open(SELF, O_RDONLY, 0);
    if (self < 0) {
        return self;
    }
    st_auto(fd) int copy = os_memfd("strata-oci", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    int r = copy < 0 ? copy : os_fstat(self, &st);
    for (off_t left = r < 0 ? 0 : st.st_size; r >= 0 && left > 0; left -= r) {
        r = (int)os_sendfile(copy, self, (size_t)left);
        if (r == 0) {
            r = -ST_ENODATA;
        }
    }
    if (r >= 0) {
        r = os_add_seals(copy, SEALS);
    }
    return r < 0 ? r : os_take_fd(copy);
}

/* Executes the program once more, from where it cannot be written to. */
static int execute_again(char **argv, struct st_err *err)
{
    st_auto(fd) int view = read_only_view();
    if (view < 0) {
        view = sealed_copy();
    }
    if (view < 0) {
        return st_fail_os(err, view, "making a read-only view of the runtime's own file");
    }
    int r = os_execveat(view, "", (const char *const *)argv, os_environ(), AT_EMPTY_PATH);
    return st_fail_os(err, r, "running again from a read-only view of the runtime's own file");
}

int ctr_protect_self(char **argv, struct st_err *err)
{
    if (is_protected()) {
        return 0;
    }
    if (move_to_view(argv) == 0 && is_protected()) {
        return 0;
    }
    return execute_again(argv, err);
}
