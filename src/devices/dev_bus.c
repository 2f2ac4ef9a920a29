/* Finds the region of a device that an access goes to. */
#include "devices/dev_bus.h"

#include "base/assert.h"
#include "base/memops.h"

void dev_bus_init(struct dev_bus *bus, struct platform *platform, struct mem_map *memory)
{
    memset(bus, 0, sizeof *bus);
    bus->platform = platform;
    bus->memory = memory;
}

void dev_space_add(struct dev_space *space, struct dev_region *region)
{
    unsigned at = space->fixed_count;

    ST_CHECK(at < DEV_REGIONS_MAX && region->size > 0);
    while (at > 0 && space->fixed[at - 1]->start > region->start) {
        space->fixed[at] = space->fixed[at - 1];
        at--;
    }
    ST_CHECK(at == 0 || region->start - space->fixed[at - 1]->start >= space->fixed[at - 1]->size);
    space->fixed[at] = region;
    space->fixed_count++;
    ST_CHECK(at + 1 == space->fixed_count ||
             space->fixed[at + 1]->start - region->start >= region->size);
}

bool dev_space_add_moving(struct dev_space *space, struct dev_region *region)
{
    if (space->moving_count == DEV_MOVING_MAX) {
        return false;
    }
    space->moving[space->moving_count++] = region;
    return true;
}

void dev_space_remove_moving(struct dev_space *space, struct dev_region *region)
{
    for (unsigned i = 0; i < space->moving_count; i++) {
        if (space->moving[i] == region) {
            space->moving_count--;
            memmove(&space->moving[i], &space->moving[i + 1],
                    (space->moving_count - i) * sizeof space->moving[0]);
            return;
        }
    }
}

/* NULL: nobody answers. */
static struct dev_region *find(const struct dev_space *space, uint64_t address)
{
    unsigned low = 0, high = space->fixed_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (space->fixed[middle]->start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low > 0 && address - space->fixed[low - 1]->start < space->fixed[low - 1]->size) {
        return space->fixed[low - 1];
    }
    for (unsigned i = 0; i < space->moving_count; i++) {
        if (address - space->moving[i]->start < space->moving[i]->size) {
            return space->moving[i];
        }
    }
    return NULL;
}

uint64_t dev_space_read(struct dev_space *space, uint64_t address, unsigned access_bytes)
{
    struct dev_region *region = find(space, address);

    if (region == NULL || region->read == NULL) {
        return dev_cut(UINT64_MAX, access_bytes);
    }
    return dev_cut(region->read(region->device, address - region->start, access_bytes),
                   access_bytes);
}

void dev_space_write(struct dev_space *space, uint64_t address, unsigned access_bytes,
                     uint64_t value)
{
    struct dev_region *region = find(space, address);

    if (region != NULL && region->write != NULL) {
        region->write(region->device, address - region->start, access_bytes,
                      dev_cut(value, access_bytes));
    }
}
