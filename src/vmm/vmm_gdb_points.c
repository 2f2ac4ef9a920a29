/* Breakpoints, watchpoints and memory as the debugger sees them: see vmm_gdb_priv.h. */
#include <string.h>

#include "vmm/vmm_gdb_priv.h"

enum { INT3 = 0xcc };

static struct vcpu *current(const struct vmm_gdb *gdb)
{
    return vmm_vcpus(gdb->vmm)->vcpus[gdb->current];
}

/* The part of a range that lies in one page, and where it is. */
static int translate(const struct vmm_gdb *gdb, uint64_t address, size_t size, uint64_t *ret_at,
                     size_t *ret_size)
{
    gpa_t physical;
    size_t in_page = MEM_PAGE_SIZE - (address & (MEM_PAGE_SIZE - 1));
    *ret_size = size < in_page ? size : in_page;
    int r = vcpu_translate(current(gdb), address, &physical);
    *ret_at = r < 0 ? 0 : physical.v;
    return r;
}

size_t vmm_gdb_read(struct vmm_gdb *gdb, uint64_t address, uint8_t *ret_bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        uint64_t at;
        size_t part;
        if (translate(gdb, address + done, size - done, &at, &part) < 0 ||
            mem_read(vmm_memory(gdb->vmm), GPA(at), ret_bytes + done, part) < 0) {
            break;
        }
        for (unsigned i = 0; i < gdb->soft_count; i++) {
            if (gdb->soft[i].physical >= at && gdb->soft[i].physical < at + part) {
                ret_bytes[done + (gdb->soft[i].physical - at)] = gdb->soft[i].byte;
            }
        }
        done += part;
    }
    return done;
}

size_t vmm_gdb_write(struct vmm_gdb *gdb, uint64_t address, const uint8_t *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        uint64_t at;
        size_t part;
        uint8_t page[MEM_PAGE_SIZE];
        if (translate(gdb, address + done, size - done, &at, &part) < 0) {
            break;
        }
        memcpy(page, bytes + done, part);
        for (unsigned i = 0; i < gdb->soft_count; i++) {
            struct gdb_soft_point *point = &gdb->soft[i];
            if (point->physical >= at && point->physical < at + part) {
                point->byte = page[point->physical - at];
                page[point->physical - at] = INT3;
            }
        }
        if (mem_write(vmm_memory(gdb->vmm), GPA(at), page, part) < 0) {
            break;
        }
        done += part;
    }
    return done;
}

static int plant(struct vmm_gdb *gdb, uint64_t address)
{
    struct gdb_soft_point point = {.address = address};
    size_t part;
    if (vmm_gdb_planted(gdb, address)) {
        return 0;
    }
    if (gdb->soft_count == VMM_GDB_SOFT_MAX) {
        return -ST_ELIMIT;
    }
    int r = translate(gdb, address, 1, &point.physical, &part);
    r = r < 0 ? r : mem_read(vmm_memory(gdb->vmm), GPA(point.physical), &point.byte, 1);
    r = r < 0 ? r : mem_write_u8(vmm_memory(gdb->vmm), GPA(point.physical), INT3);
    if (r >= 0) {
        gdb->soft[gdb->soft_count++] = point;
    }
    return r;
}

static int pull(struct vmm_gdb *gdb, uint64_t address)
{
    for (unsigned i = 0; i < gdb->soft_count; i++) {
        struct gdb_soft_point point = gdb->soft[i];
        if (point.address == address) {
            uint8_t now;
            gdb->soft[i] = gdb->soft[--gdb->soft_count];
            /* A guest that put something else there meant it. */
            if (mem_read_u8(vmm_memory(gdb->vmm), GPA(point.physical), &now) >= 0 && now == INT3) {
                return mem_write_u8(vmm_memory(gdb->vmm), GPA(point.physical), point.byte);
            }
            return 0;
        }
    }
    return 0;
}

int vmm_gdb_insert(struct vmm_gdb *gdb, unsigned type, uint64_t address, uint64_t length)
{
    if (type == 0) {
        return plant(gdb, address);
    }
    if (type == 1) {
        length = 1;
    }
    if (type > 4 || (length != 1 && length != 2 && length != 4 && length != 8) ||
        (address & (length - 1)) != 0) {
        return -ST_EUNSUPPORTED;
    }
    for (unsigned i = 0; i < VMM_GDB_HARD_MAX; i++) {
        if (gdb->hard[i].length == 0) {
            gdb->hard[i] = (struct gdb_hard_point){
                .address = address, .length = (uint8_t)length, .type = (uint8_t)type};
            return 0;
        }
    }
    return -ST_ELIMIT;
}

int vmm_gdb_remove(struct vmm_gdb *gdb, unsigned type, uint64_t address, uint64_t length)
{
    if (type == 0) {
        return pull(gdb, address);
    }
    for (unsigned i = 0; i < VMM_GDB_HARD_MAX; i++) {
        struct gdb_hard_point *point = &gdb->hard[i];
        if (point->type == type && point->address == address &&
            (type == 1 || point->length == length)) {
            *point = (struct gdb_hard_point){.length = 0};
            return 0;
        }
    }
    return 0;
}

void vmm_gdb_remove_all(struct vmm_gdb *gdb)
{
    while (gdb->soft_count > 0) {
        (void)pull(gdb, gdb->soft[0].address);
    }
    memset(gdb->hard, 0, sizeof gdb->hard);
}

bool vmm_gdb_planted(const struct vmm_gdb *gdb, uint64_t address)
{
    for (unsigned i = 0; i < gdb->soft_count; i++) {
        if (gdb->soft[i].address == address) {
            return true;
        }
    }
    return false;
}

void vmm_gdb_arm(struct vmm_gdb *gdb)
{
    static const uint8_t types[5] = {0, 0, 1, 3, 3}; /* DR7's, by the packet's */
    const struct vcpu_set *set = vmm_vcpus(gdb->vmm);
    for (unsigned i = 0; i < set->count; i++) {
        struct vcpu_debug debug = {
            .single_step = (gdb->stepping >> i & 1) != 0,
            .catch_int3 = gdb->soft_count > 0,
        };
        for (unsigned n = 0; n < VMM_GDB_HARD_MAX; n++) {
            const struct gdb_hard_point *point = &gdb->hard[n];
            if (point->length != 0) {
                debug.points[debug.count].address = point->address;
                debug.points[debug.count].length = point->length;
                debug.points[debug.count].type = types[point->type];
                debug.count++;
            }
        }
        (void)vcpu_set_debug(set->vcpus[i], &debug);
    }
}
