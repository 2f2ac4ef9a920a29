/*
 * One program, with threads: smp KIND THREADS ROUNDS prints the seconds that THREADS threads take for ROUNDS rounds each.
 * The same static binary runs on the host and in a guest. Kinds: compute (hashing and branches over a private 32 KiB),
 * atomics (locked additions, one in 64 to a word that all share), faults (pages touched for the first time, and given back).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { THREADS_MAX = 64, WORDS = 4096, FAULT_BYTES = 1 << 20, PAGE_BYTES = 4096 };

struct job {
    pthread_t thread;
    uint64_t rounds, result;
    uint64_t own __attribute__((aligned(128)));
};

static uint64_t shared __attribute__((aligned(128)));
static pthread_barrier_t barrier;

static void compute(struct job *job)
{
    static __thread uint64_t table[WORDS];
    uint64_t x = 88172645463325252, sum = 0;
    for (uint64_t r = 0; r < job->rounds; r++) {
        for (int i = 0; i < WORDS; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            uint64_t *slot = &table[x % WORDS];
            if (*slot > x) {
                sum += *slot * 31;
            }
            *slot = x + sum;
        }
    }
    job->result = sum;
}

static void atomics(struct job *job)
{
    for (uint64_t r = 0; r < job->rounds; r++) {
        for (int i = 0; i < WORDS; i++) {
            __atomic_fetch_add(i % 64 == 0 ? &shared : &job->own, 1, __ATOMIC_SEQ_CST);
        }
    }
}

static void faults(struct job *job)
{
    for (uint64_t r = 0; r < job->rounds; r++) {
        char *memory = mmap(NULL, FAULT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            exit(1);
        }
        madvise(memory, FAULT_BYTES, MADV_NOHUGEPAGE);
        for (int i = 0; i < FAULT_BYTES; i += PAGE_BYTES) {
            memory[i] = 1;
        }
        munmap(memory, FAULT_BYTES);
    }
}

static void (*work)(struct job *);

static void *run(void *argument)
{
    pthread_barrier_wait(&barrier);
    work(argument);
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    static struct job jobs[THREADS_MAX];
    int threads = argc == 4 ? atoi(argv[2]) : 0;
    if (threads < 1 || threads > THREADS_MAX) {
        return 2;
    }
    work = strcmp(argv[1], "compute") == 0 ? compute : strcmp(argv[1], "atomics") == 0 ? atomics : faults;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++) {
        jobs[i].rounds = strtoull(argv[3], NULL, 10);
        pthread_create(&jobs[i].thread, NULL, run, &jobs[i]);
    }
    pthread_barrier_wait(&barrier);
    double begun = now();
    for (int i = 0; i < threads; i++) {
        pthread_join(jobs[i].thread, NULL);
    }
    printf("SMP %s %d %.6f\n", argv[1], threads, now() - begun);
    return 0;
}
