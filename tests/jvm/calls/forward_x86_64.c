/*
 * A libjvm.so that forwards every call to another one (CALLS_JVM names it) and records which
 * functions the main thread called, in their order, in the file CALLS_FILE.
 *
 * The JDK's libraries find it by its name, libjvm.so, as they find the one that it stands for. Each
 * function is a jump: arguments, stack and result are those of the machine's own. The main thread
 * is the one that creates the machine. The file is shared memory, so that it is whole however the
 * process ends: a count (64 bits), then the numbers of the functions (16 bits each) in names.def.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CALLS_MAX = 1 << 22 }; /* 4194304, which forward() says too */

struct calls {
    uint64_t count;
    uint16_t functions[CALLS_MAX];
};

#define NAME(number, name) #name,
static const char *const names[] = {
#include "names.def"
};
#undef NAME

enum { NAMES = sizeof names / sizeof names[0] };

/* What the jumps below read; a thread's record is NULL unless it is the main thread. */
extern void *forward_to[NAMES];
extern __thread struct calls *forward_calls;
extern void forward(void);
__attribute__((used)) void *forward_to[NAMES];
__attribute__((used, tls_model("initial-exec"))) __thread struct calls *forward_calls;

static int (*create)(void **, void **, void *);

/* r11: the number of the function. r10 and r11 belong to nobody at a call; rax may tell how many
 * vector registers hold variable arguments. */
__attribute__((naked, used)) void forward(void)
{
    __asm__("movq forward_calls@gottpoff(%rip), %r10\n\t"
            "movq %fs:(%r10), %r10\n\t"
            "testq %r10, %r10\n\t"
            "je 1f\n\t"
            "pushq %rax\n\t"
            "movq (%r10), %rax\n\t"
            "cmpq $4194304, %rax\n\t"
            "jae 2f\n\t"
            "movw %r11w, 8(%r10,%rax,2)\n\t"
            "incq (%r10)\n"
            "2:\tpopq %rax\n"
            "1:\tleaq forward_to(%rip), %r10\n\t"
            "jmpq *(%r10,%r11,8)");
}

#define NAME(number, name)                                                                         \
    extern void name(void);                                                                        \
    __attribute__((naked, visibility("default"))) void name(void)                                  \
    {                                                                                              \
        __asm__("movl $" #number ", %r11d\n\tjmp forward");                                        \
    }
#include "names.def"
#undef NAME

extern int JNI_CreateJavaVM(void **ret_vm, void **ret_env, void *arguments);

__attribute__((visibility("default"))) int JNI_CreateJavaVM(void **ret_vm, void **ret_env,
                                                            void *arguments)
{
    const char *path = getenv("CALLS_FILE");
    int file = path != NULL ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (file >= 0 && ftruncate(file, sizeof(struct calls)) == 0) {
        void *calls = mmap(NULL, sizeof(struct calls), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        forward_calls = calls != MAP_FAILED ? calls : NULL;
    }
    if (forward_calls == NULL) {
        (void)fprintf(stderr, "CALLS_FILE cannot be written\n");
        exit(2);
    }
    (void)close(file);
    return create(ret_vm, ret_env, arguments);
}

/* JVM_GetRandomSeedForDumping. Unless it is not 0, the order of the library's immutable sets and
 * maps is by the clock, and with it that of what it does for each of their elements. */
static long seed(void)
{
    return 17;
}

__attribute__((constructor)) static void load(void)
{
    const char *path = getenv("CALLS_JVM");
    void *machine = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND) : NULL;
    if (machine == NULL) {
        (void)fprintf(stderr, "CALLS_JVM: %s\n", path != NULL ? dlerror() : "not set");
        exit(2);
    }
    for (unsigned i = 0; i < NAMES; i++) {
        forward_to[i] = dlsym(machine, names[i]);
        if (forward_to[i] == NULL) {
            (void)fprintf(stderr, "%s has no %s\n", path, names[i]);
            exit(2);
        }
        if (strcmp(names[i], "JVM_GetRandomSeedForDumping") == 0) {
            forward_to[i] = (void *)(uintptr_t)seed;
        }
    }
    *(void **)&create = dlsym(machine, "JNI_CreateJavaVM");
}
