/* What the files of the debugger's door share: vmm_gdb.c carries packets, vmm_gdb_answer.c answers
 * them, vmm_gdb_points.c looks after breakpoints. */
#pragma once

#include "os/os_loop.h"
#include "vmm/vmm_gdb.h"

enum { VMM_GDB_PACKET_MAX = 16384, VMM_GDB_SOFT_MAX = 256, VMM_GDB_HARD_MAX = 4 };

/* A planted INT3. */
struct gdb_soft_point {
    uint64_t address; /* linear */
    uint64_t physical;
    uint8_t byte; /* what was there */
};

struct gdb_hard_point {
    uint64_t address;
    uint8_t length; /* 0: free */
    uint8_t type;   /* as the packet: 1 execute, 2 write, 3 read, 4 access */
};

struct vmm_gdb {
    struct vmm *vmm;
    struct os_watch listener, client;
    char in[VMM_GDB_PACKET_MAX];
    size_t in_length;
    bool no_acks;
    bool running;       /* a stop is owed to the client */
    unsigned current;   /* vCPU of g, G, m and the like */
    char last_stop[64]; /* for '?' */
    uint64_t stepping;  /* vCPUs that step */
    struct gdb_soft_point soft[VMM_GDB_SOFT_MAX];
    unsigned soft_count;
    struct gdb_hard_point hard[VMM_GDB_HARD_MAX];
};

/* ---- vmm_gdb.c ---- */
void vmm_gdb_send(struct vmm_gdb *gdb, const char *text, size_t length);
/* Bytes of the client, in whatever portions; it may be gone afterwards. */
void vmm_gdb_take(struct vmm_gdb *gdb, const void *bytes, size_t size);

/* ---- vmm_gdb_answer.c ---- */
/* One packet; the text ends with its first zero. */
void vmm_gdb_answer(struct vmm_gdb *gdb, char *text);
void vmm_gdb_attach(struct vmm_gdb *gdb);
void vmm_gdb_detach(struct vmm_gdb *gdb);
/* Ctrl-C. */
void vmm_gdb_interrupt(struct vmm_gdb *gdb);
/* A vCPU stopped: for vmm_on_debug. */
void vmm_gdb_stopped(void *argument, unsigned vcpu, const struct vcpu_exit *exit);

/* ---- vmm_gdb_points.c ---- */
/* Reads or writes guest memory at a linear address as the current vCPU maps it, planted breakpoints
 * not seen. Returns how many bytes could be. */
size_t vmm_gdb_read(struct vmm_gdb *gdb, uint64_t address, uint8_t *ret_bytes, size_t size);
size_t vmm_gdb_write(struct vmm_gdb *gdb, uint64_t address, const uint8_t *bytes, size_t size);
/* Z and z; type as the packet's. -ST_EUNSUPPORTED, -ST_EFAULT, -ST_ELIMIT. */
int vmm_gdb_insert(struct vmm_gdb *gdb, unsigned type, uint64_t address, uint64_t length);
int vmm_gdb_remove(struct vmm_gdb *gdb, unsigned type, uint64_t address, uint64_t length);
void vmm_gdb_remove_all(struct vmm_gdb *gdb);
bool vmm_gdb_planted(const struct vmm_gdb *gdb, uint64_t address);
/* Tells every vCPU what to stop at. */
void vmm_gdb_arm(struct vmm_gdb *gdb);
