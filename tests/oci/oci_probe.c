/*
 * What runs inside the containers of the OCI suite: a static program that does the operations given
 * as arguments and prints one JSON list with a result for each.
 *
 *     oci_probe OP ARG... -- OP ARG... -- ...
 *
 * The operations are the rows of the table at the end. Results are numbers, strings, lists or
 * {"error": "ENOENT"}. A program for tests: it prints, exits and makes raw system calls.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char **program_argv;

static int number(const char *text)
{
    return (int)strtol(text, NULL, 0);
}

static void put_text(const char *text, size_t length)
{
    putchar('"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20 || c >= 0x7f) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void put_string(const char *text)
{
    put_text(text, strlen(text));
}

static void put_key(const char *key)
{
    printf("\"%s\":", key);
}

static void put_number(const char *key, long long number)
{
    printf("\"%s\":%lld,", key, number);
}

static void put_error(void)
{
    printf("{\"error\":\"%s\"}", strerrorname_np(errno) != NULL ? strerrorname_np(errno) : "?");
}

/* null for success, the error otherwise. */
static void put_result(long result)
{
    if (result < 0) {
        put_error();
    } else {
        printf("null");
    }
}

static void put_strings(char *const *list)
{
    putchar('[');
    for (size_t i = 0; list[i] != NULL; i++) {
        if (i > 0) {
            putchar(',');
        }
        put_string(list[i]);
    }
    putchar(']');
}

static void put_groups(void)
{
    gid_t groups[256];
    int count = getgroups(256, groups);
    printf("\"groups\":[");
    for (int i = 0; i < count; i++) {
        printf("%s%u", i > 0 ? "," : "", groups[i]);
    }
    printf("],");
}

static void put_limits(void)
{
    static const char *const names[] = {
        "CPU",     "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
        "MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};
    printf("\"rlimits\":{");
    for (int i = 0; i < 16; i++) {
        struct rlimit limit = {0};
        getrlimit((__rlimit_resource_t)i, &limit);
        printf("%s\"%s\":[%llu,%llu]", i > 0 ? "," : "", names[i],
               (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
    }
    printf("},");
}

static void put_descriptors(void)
{
    printf("\"fds\":{");
    bool first = true;
    for (int fd = 0; fd < 256; fd++) {
        char path[64];
        char target[512];
        struct stat st;
        if (fstat(fd, &st) < 0) {
            continue;
        }
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, target, sizeof(target));
        printf("%s\"%d\":", first ? "" : ",", fd);
        put_text(target, length > 0 ? (size_t)length : 0);
        first = false;
    }
    printf("},");
}

static void put_scheduling(void)
{
    struct sched_param param = {0};
    cpu_set_t cpus;
    put_number("policy", sched_getscheduler(0) & ~SCHED_RESET_ON_FORK);
    sched_getparam(0, &param);
    put_number("priority", param.sched_priority);
    put_number("nice", getpriority(PRIO_PROCESS, 0));
    put_number("ioprio", syscall(SYS_ioprio_get, 1, 0));
    printf("\"cpus\":[");
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
        bool first = true;
        for (int i = 0; i < CPU_SETSIZE; i++) {
            if (CPU_ISSET(i, &cpus)) {
                printf("%s%d", first ? "" : ",", i);
                first = false;
            }
        }
    }
    printf("],");
}

static void op_facts(char **args)
{
    (void)args;
    struct utsname uts = {0};
    char cwd[4096] = "";
    struct timespec monotonic = {0};
    struct timespec boot = {0};
    mode_t mask = umask(0);
    umask(mask);
    uname(&uts);
    putchar('{');
    put_number("pid", getpid());
    put_number("ppid", getppid());
    put_number("sid", getsid(0));
    put_number("pgid", getpgid(0));
    put_number("uid", getuid());
    put_number("euid", geteuid());
    put_number("gid", getgid());
    put_number("umask", mask);
    put_number("personality", personality(0xffffffff));
    put_number("dumpable", prctl(PR_GET_DUMPABLE));
    put_number("subreaper", 0);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    put_number("monotonic", monotonic.tv_sec);
    put_number("boottime", boot.tv_sec);
    put_groups();
    put_limits();
    put_descriptors();
    put_scheduling();
    put_key("cwd");
    put_string(getcwd(cwd, sizeof(cwd)) != NULL ? cwd : "");
    putchar(',');
    put_key("hostname");
    put_string(uts.nodename);
    putchar(',');
    put_key("domainname");
    put_string(uts.domainname);
    putchar(',');
    put_key("machine");
    put_string(uts.machine);
    putchar(',');
    put_key("env");
    put_strings(environ);
    putchar(',');
    put_key("args");
    put_strings(program_argv);
    putchar('}');
}

static void op_read(char **args)
{
    static char bytes[1 << 20];
    int fd = open(args[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t length = 0;
    ssize_t got = fd;
    while (fd >= 0 && length < sizeof(bytes) &&
           (got = read(fd, bytes + length, sizeof(bytes) - length)) > 0) {
        length += (size_t)got;
    }
    if (got < 0) {
        put_error();
    } else {
        put_text(bytes, length);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void op_write(char **args)
{
    int fd = open(args[0], O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    put_result(fd < 0 ? -1 : write(fd, args[1], strlen(args[1])));
    if (fd >= 0) {
        close(fd);
    }
}

static void op_create(char **args)
{
    int fd = open(args[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    put_result(fd);
    if (fd >= 0) {
        close(fd);
    }
}

static void op_open(char **args)
{
    int flags = strchr(args[1], 'w') != NULL ? O_RDWR : O_RDONLY;
    int fd = open(args[0], flags | O_CLOEXEC | O_NONBLOCK);
    put_result(fd);
    if (fd >= 0) {
        close(fd);
    }
}

static void op_stat(char **args)
{
    struct stat st;
    if (lstat(args[0], &st) < 0) {
        put_error();
        return;
    }
    putchar('{');
    put_number("mode", st.st_mode & 07777);
    put_number("uid", st.st_uid);
    put_number("gid", st.st_gid);
    put_number("size", st.st_size);
    put_number("major", major(st.st_rdev));
    put_number("minor", minor(st.st_rdev));
    put_number("dev", (long long)st.st_dev);
    put_number("ino", (long long)st.st_ino);
    printf("\"type\":\"%s\"}", S_ISDIR(st.st_mode)    ? "dir"
                               : S_ISREG(st.st_mode)  ? "file"
                               : S_ISLNK(st.st_mode)  ? "link"
                               : S_ISCHR(st.st_mode)  ? "char"
                               : S_ISBLK(st.st_mode)  ? "block"
                               : S_ISFIFO(st.st_mode) ? "fifo"
                                                      : "socket");
}

static void op_ls(char **args)
{
    DIR *dir = opendir(args[0]);
    if (dir == NULL) {
        put_error();
        return;
    }
    putchar('[');
    bool first = true;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            printf("%s", first ? "" : ",");
            put_string(entry->d_name);
            first = false;
        }
    }
    putchar(']');
    closedir(dir);
}

static void op_readlink(char **args)
{
    char target[4096];
    ssize_t length = readlink(args[0], target, sizeof(target));
    if (length < 0) {
        put_error();
    } else {
        put_text(target, (size_t)length);
    }
}

static void op_statfs(char **args)
{
    struct statfs fs;
    struct statvfs vfs;
    if (statfs(args[0], &fs) < 0 || statvfs(args[0], &vfs) < 0) {
        put_error();
        return;
    }
    printf("{\"type\":%lld,\"flags\":%lu,\"bytes\":%llu}", (long long)fs.f_type, vfs.f_flag,
           (unsigned long long)fs.f_blocks * (unsigned long long)fs.f_bsize);
}

static void op_mkdir(char **args)
{
    put_result(mkdir(args[0], 0777));
}

static void op_unlink(char **args)
{
    put_result(unlink(args[0]));
}

static void op_rename(char **args)
{
    put_result(rename(args[0], args[1]));
}

static void op_mknod(char **args)
{
    mode_t mode = args[1][0] == 'b' ? S_IFBLK : S_IFCHR;
    put_result(
        mknod(args[0], mode | 0666, makedev((unsigned)number(args[2]), (unsigned)number(args[3]))));
}

static void op_mount(char **args)
{
    put_result(mount(args[0], args[1], args[2], strtoul(args[3], NULL, 0), NULL));
}

static void op_umount(char **args)
{
    put_result(umount2(args[0], 0));
}

static void op_chroot(char **args)
{
    put_result(chroot(args[0]));
}

static void op_chdir(char **args)
{
    put_result(chdir(args[0]));
}

static void op_exec(char **args)
{
    fflush(stdout);
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        if (freopen("/dev/null", "w", stdout) == NULL) {
            _exit(99);
        }
        execv(args[0], args);
        _exit(errno == EACCES ? 101 : errno == ENOEXEC ? 102 : 103);
    }
    waitpid(child, &status, 0);
    printf("%d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* A raw system call by number with up to six numbers. */
static void op_syscall(char **args)
{
    long words[7] = {0};
    for (int i = 0; i < 7 && args[i] != NULL; i++) {
        words[i] = strtol(args[i], NULL, 0);
    }
    long result = syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
    if (result < 0) {
        printf("{\"error\":\"%s\",\"errno\":%d}",
               strerrorname_np(errno) != NULL ? strerrorname_np(errno) : "?", errno);
    } else {
        printf("%ld", result);
    }
}

/* The same in a child: how it ended. */
static void op_syscall_in_child(char **args)
{
    fflush(stdout);
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        if (freopen("/dev/null", "w", stdout) == NULL) {
            _exit(99);
        }
        op_syscall(args);
        _exit(0);
    }
    waitpid(child, &status, 0);
    printf("%d", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void op_interfaces(char **args)
{
    (void)args;
    struct if_nameindex *list = if_nameindex();
    putchar('[');
    for (size_t i = 0; list != NULL && list[i].if_name != NULL; i++) {
        printf("%s", i > 0 ? "," : "");
        put_string(list[i].if_name);
    }
    putchar(']');
    if_freenameindex(list);
}

/* Forks until it cannot: how many children that made, at most the number given. */
static void op_forks(char **args)
{
    int count = 0;
    pid_t children[1000];
    int wanted = number(args[0]) < 1000 ? number(args[0]) : 1000;
    fflush(stdout);
    for (; count < wanted; count++) {
        children[count] = fork();
        if (children[count] < 0) {
            break;
        }
        if (children[count] == 0) {
            pause();
            _exit(0);
        }
    }
    for (int i = 0; i < count; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    printf("%d", count);
}

/* Touches that many MiB in a child: how it ended. */
static void op_touch(char **args)
{
    size_t bytes = strtoul(args[0], NULL, 10) << 20;
    fflush(stdout);
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        char *memory =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; memory != MAP_FAILED && i < bytes; i += 4096) {
            memory[i] = 1;
        }
        _exit(memory == MAP_FAILED);
    }
    waitpid(child, &status, 0);
    printf("%d", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void op_tty(char **args)
{
    (void)args;
    struct winsize size = {0};
    char name[256] = "";
    putchar('{');
    put_number("0", isatty(0));
    put_number("1", isatty(1));
    put_number("2", isatty(2));
    put_number("has_size", ioctl(0, TIOCGWINSZ, &size) == 0);
    put_number("rows", size.ws_row);
    put_number("columns", size.ws_col);
    put_number("foreground", tcgetpgrp(0));
    if (ttyname_r(0, name, sizeof(name)) != 0) {
        name[0] = '\0';
    }
    put_key("name");
    put_string(name);
    putchar('}');
}

static void op_notify(char **args)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (path == NULL || fd < 0) {
        errno = ENOENT;
        put_error();
        return;
    }
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    if (to.sun_path[0] == '@') {
        to.sun_path[0] = '\0';
    }
    put_result(sendto(fd, args[0], strlen(args[0]), 0, (struct sockaddr *)&to, sizeof(to)));
    close(fd);
}

static void op_sleep(char **args)
{
    double seconds = strtod(args[0], NULL);
    struct timespec time = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    fflush(stdout);
    while (nanosleep(&time, &time) < 0 && errno == EINTR) {
    }
    printf("null");
}

static void leave(int signal)
{
    _exit(signal == SIGUSR1 ? 71 : 70);
}

static void op_wait_signal(char **args)
{
    (void)args;
    signal(SIGTERM, leave);
    signal(SIGUSR1, leave);
    fflush(stdout);
    for (;;) {
        pause();
    }
}

static void op_background(char **args)
{
    (void)args;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    printf("%d", child);
}

static void op_exit(char **args)
{
    printf("null]\n");
    fflush(stdout);
    _exit(number(args[0]));
}

static void op_kill_self(char **args)
{
    fflush(stdout);
    signal(number(args[0]), SIG_DFL);
    kill(getpid(), number(args[0]));
    printf("null");
}

static void op_stdin(char **args)
{
    (void)args;
    static char bytes[1 << 16];
    size_t length = 0;
    ssize_t got;
    while (length < sizeof(bytes) && (got = read(0, bytes + length, sizeof(bytes) - length)) > 0) {
        length += (size_t)got;
    }
    put_text(bytes, length);
}

static void op_read_fd(char **args)
{
    char bytes[4096];
    ssize_t got = read(number(args[0]), bytes, sizeof(bytes));
    if (got < 0) {
        put_error();
    } else {
        put_text(bytes, (size_t)got);
    }
}

/*
 * The attack of CVE-2019-5736: waits for a process of the runtime to enter this pid namespace,
 * keeps its program file open and tries to write into it once it is gone. Tells how far that came.
 */
static void op_overwrite_runtime(char **args)
{
    struct stat own;
    int found = -1;
    (void)stat("/proc/self/exe", &own);
    printf("\"");
    for (int tries = 0; tries < 200000 && found < 0; tries++) {
        for (int pid = 1; pid < 60 && found < 0; pid++) {
            char path[64];
            struct stat st;
            snprintf(path, sizeof(path), "/proc/%d/exe", pid);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            if (fd >= 0 && fstat(fd, &st) == 0 &&
                (st.st_ino != own.st_ino || st.st_dev != own.st_dev)) {
                found = fd;
            } else if (fd >= 0) {
                close(fd);
            }
        }
    }
    int writable = -1;
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
    for (int tries = 0; tries < 1000 && found >= 0 && writable < 0; tries++) {
        struct timespec pause_time = {.tv_nsec = 1000000};
        writable = open(path, O_WRONLY | O_CLOEXEC);
        nanosleep(&pause_time, NULL);
    }
    bool written = writable >= 0 && write(writable, args[0], strlen(args[0])) > 0;
    printf("%s\"", found < 0 ? "not seen" : writable < 0 ? "seen" : written ? "written" : "opened");
}

/* Copies standard input into a file and appends a word: what a hook in the container does. */
static void op_save_stdin(char **args)
{
    char bytes[8192];
    ssize_t got;
    int fd = open(args[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    while (fd >= 0 && (got = read(0, bytes, sizeof(bytes))) > 0) {
        (void)!write(fd, bytes, (size_t)got);
    }
    put_result(fd);
}

static void op_stdout(char **args)
{
    printf("\"\"");
    fflush(stdout);
    fprintf(stderr, "%s\n", args[0]);
}

static const struct {
    const char *name;
    int args;
    void (*run)(char **args);
} table[] = {
    {"facts", 0, op_facts},
    {"read", 1, op_read},
    {"write", 2, op_write},
    {"create", 1, op_create},
    {"open", 2, op_open},
    {"stat", 1, op_stat},
    {"ls", 1, op_ls},
    {"readlink", 1, op_readlink},
    {"statfs", 1, op_statfs},
    {"mkdir", 1, op_mkdir},
    {"unlink", 1, op_unlink},
    {"rename", 2, op_rename},
    {"mknod", 4, op_mknod},
    {"mount", 4, op_mount},
    {"umount", 1, op_umount},
    {"chroot", 1, op_chroot},
    {"chdir", 1, op_chdir},
    {"exec", 1, op_exec},
    {"syscall", 1, op_syscall},
    {"syscall-in-child", 1, op_syscall_in_child},
    {"interfaces", 0, op_interfaces},
    {"forks", 1, op_forks},
    {"touch", 1, op_touch},
    {"tty", 0, op_tty},
    {"notify", 1, op_notify},
    {"sleep", 1, op_sleep},
    {"wait-signal", 0, op_wait_signal},
    {"background", 0, op_background},
    {"exit", 1, op_exit},
    {"kill-self", 1, op_kill_self},
    {"stdin", 0, op_stdin},
    {"read-fd", 1, op_read_fd},
    {"overwrite-runtime", 1, op_overwrite_runtime},
    {"save-stdin", 1, op_save_stdin},
    {"stderr", 1, op_stdout},
};

int main(int argc, char **argv)
{
    program_argv = argv;
    putchar('[');
    for (int i = 1; i < argc;) {
        int end = i;
        while (end < argc && strcmp(argv[end], "--") != 0) {
            end++;
        }
        char *args[64] = {NULL};
        int count = end - i - 1;
        for (int k = 0; k < count && k < 63; k++) {
            args[k] = argv[i + 1 + k];
        }
        bool known = false;
        for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
            if (strcmp(table[k].name, argv[i]) == 0 && count >= table[k].args) {
                known = true;
                if (i > 1) {
                    putchar(',');
                }
                table[k].run(args);
            }
        }
        if (!known) {
            fprintf(stderr, "oci_probe: bad operation %s\n", argv[i]);
            return 99;
        }
        fflush(stdout);
        i = end + 1;
    }
    printf("]\n");
    return 0;
}
