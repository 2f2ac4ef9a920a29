/* The firmware configuration device. */
#include "devices/dev_fwcfg.h"

#include "base/memops.h"
#include "base/str.h"

enum {
    KEY_SIGNATURE = 0x00,
    KEY_FEATURES = 0x01,
    KEY_DIRECTORY = 0x19,
    KEY_FIRST_FILE = 0x20,
    FEATURE_PORTS = 1,
    FEATURE_DMA = 2,
    DMA_ERROR = 1,
    DMA_READ = 2,
    DMA_SKIP = 4,
    DMA_SELECT = 8,
    DMA_WRITE = 16,
    DIRECTORY_ENTRY = 64,
};
#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG" */

static const uint8_t signature[4] = {'Q', 'E', 'M', 'U'};

static const struct dev_fwcfg_item *selected(const struct dev_fwcfg *fwcfg)
{
    for (unsigned i = 0; i < fwcfg->items_count; i++) {
        if (fwcfg->items[i].key == fwcfg->key) {
            return &fwcfg->items[i];
        }
    }
    return NULL;
}

/* Bytes past the end of an item, and of items that are not there, are zero. */
static uint8_t byte_at(const struct dev_fwcfg_item *item, uint32_t offset)
{
    if (item == NULL || offset >= item->size) {
        return 0;
    }
    return item->bytes != NULL ? item->bytes[offset] : (uint8_t)(item->number >> (8 * offset));
}

static void advance(struct dev_fwcfg *fwcfg, uint32_t size)
{
    fwcfg->offset = fwcfg->offset + size < size ? UINT32_MAX : fwcfg->offset + size;
}

/* Copies from the item to guest memory; false: there is none at that address. */
static bool transfer(struct dev_fwcfg *fwcfg, uint64_t to, uint32_t size)
{
    const struct dev_fwcfg_item *item = selected(fwcfg);
    uint32_t left = item != NULL && fwcfg->offset < item->size ? item->size - fwcfg->offset : 0;
    uint32_t copied = ST_MIN(left, size);
    uint8_t number[8];
    const uint8_t *from = number;

    if (to + size < to) {
        return false;
    }
    if (copied > 0 && item->bytes != NULL) {
        from = item->bytes + fwcfg->offset;
    } else {
        for (uint32_t i = 0; i < copied && i < sizeof number; i++) {
            number[i] = byte_at(item, fwcfg->offset + i);
        }
    }
    advance(fwcfg, size);
    return (copied == 0 || mem_write(fwcfg->bus->memory, GPA(to), from, copied) == 0) &&
           (size == copied ||
            mem_fill(fwcfg->bus->memory, GPA(to + copied), 0, size - copied) == 0);
}

/* A DMA request: control, length and address, all big-endian; control is set to 0 or to an error
 * when it is done. */
static void dma(struct dev_fwcfg *fwcfg, uint64_t at)
{
    struct mem_map *memory = fwcfg->bus->memory;
    uint8_t request[16];
    uint32_t control, size, result = 0;
    uint64_t address;

    if (mem_read(memory, GPA(at), request, sizeof request) < 0) {
        return;
    }
    memcpy(&control, request, 4);
    memcpy(&size, request + 4, 4);
    memcpy(&address, request + 8, 8);
    control = __builtin_bswap32(control);
    size = __builtin_bswap32(size);
    address = __builtin_bswap64(address);
    if ((control & DMA_SELECT) != 0) {
        fwcfg->key = (uint16_t)(control >> 16);
        fwcfg->offset = 0;
    }
    if ((control & DMA_READ) != 0) {
        result = transfer(fwcfg, address, size) ? 0 : DMA_ERROR;
    } else if ((control & DMA_WRITE) != 0) {
        result = DMA_ERROR;
    } else if ((control & DMA_SKIP) != 0) {
        advance(fwcfg, size);
    }
    result = __builtin_bswap32(result);
    /* Where the request was read from memory it can be written unless it is ROM. */
    (void)!mem_write(memory, GPA(at), &result, sizeof result);
}

static uint64_t ports_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_fwcfg *fwcfg = device;
    uint8_t byte;

    if (offset != 1 || access_bytes != 1) {
        return UINT64_MAX;
    }
    byte = byte_at(selected(fwcfg), fwcfg->offset);
    advance(fwcfg, 1);
    return byte;
}

static void ports_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_fwcfg *fwcfg = device;

    if (offset == 0 && access_bytes == 2) {
        fwcfg->key = (uint16_t)value;
        fwcfg->offset = 0;
    }
}

static uint64_t dma_read(void *device, uint64_t offset, unsigned access_bytes)
{
    uint64_t value = __builtin_bswap64(DMA_SIGNATURE);

    (void)device;
    (void)access_bytes;
    return value >> (8 * offset);
}

static void dma_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_fwcfg *fwcfg = device;
    uint32_t half = __builtin_bswap32((uint32_t)value);

    if (offset == 0 && access_bytes == 8) {
        dma(fwcfg, __builtin_bswap64(value));
    } else if (offset == 0 && access_bytes == 4) {
        fwcfg->dma_high = half;
    } else if (offset == 4 && access_bytes == 4) {
        dma(fwcfg, (uint64_t)fwcfg->dma_high << 32 | half);
        fwcfg->dma_high = 0;
    }
}

static int add(struct dev_fwcfg *fwcfg, const struct dev_fwcfg_item *item)
{
    if (fwcfg->items_count == DEV_FWCFG_ITEMS) {
        return -ST_ELIMIT;
    }
    fwcfg->items[fwcfg->items_count++] = *item;
    return 0;
}

int dev_fwcfg_add_bytes(struct dev_fwcfg *fwcfg, uint16_t key, const void *bytes, size_t size)
{
    struct dev_fwcfg_item item = {.key = key, .size = (uint32_t)size, .bytes = bytes};

    return size > UINT32_MAX ? -ST_ELIMIT : add(fwcfg, &item);
}

int dev_fwcfg_add_number(struct dev_fwcfg *fwcfg, uint16_t key, uint64_t value, unsigned size)
{
    struct dev_fwcfg_item item = {.key = key, .size = size, .number = value};

    return add(fwcfg, &item);
}

static void put_be(uint8_t *to, uint32_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

int dev_fwcfg_add_file(struct dev_fwcfg *fwcfg, const char *name, const void *bytes, size_t size)
{
    uint8_t *entry = &fwcfg->directory[4 + DIRECTORY_ENTRY * fwcfg->files_count];
    uint16_t key = (uint16_t)(KEY_FIRST_FILE + fwcfg->files_count);
    int r;

    if (name[0] == '\0' || st_strlen(name) >= DEV_FWCFG_NAME) {
        return -ST_EINVAL;
    }
    if (fwcfg->files_count == DEV_FWCFG_FILES) {
        return -ST_ELIMIT;
    }
    r = dev_fwcfg_add_bytes(fwcfg, key, bytes, size);
    if (r < 0) {
        return r;
    }
    put_be(entry, (uint32_t)size, 4);
    put_be(entry + 4, key, 2);
    memcpy(entry + 8, name, st_strlen(name));
    put_be(fwcfg->directory, ++fwcfg->files_count, 4);
    return 0;
}

void dev_fwcfg_init(struct dev_fwcfg *fwcfg, struct dev_bus *bus)
{
    memset(fwcfg, 0, sizeof *fwcfg);
    fwcfg->bus = bus;
    fwcfg->ports = (struct dev_region){
        .start = 0x510, .size = 2, .read = ports_read, .write = ports_write, .device = fwcfg};
    fwcfg->dma = (struct dev_region){
        .start = 0x514, .size = 8, .read = dma_read, .write = dma_write, .device = fwcfg};
    dev_space_add(&bus->io, &fwcfg->ports);
    dev_space_add(&bus->io, &fwcfg->dma);
    fwcfg->items[0] =
        (struct dev_fwcfg_item){.key = KEY_SIGNATURE, .size = sizeof signature, .bytes = signature};
    fwcfg->items[1] = (struct dev_fwcfg_item){
        .key = KEY_FEATURES, .size = 4, .number = FEATURE_PORTS | FEATURE_DMA};
    fwcfg->items[2] = (struct dev_fwcfg_item){
        .key = KEY_DIRECTORY, .size = sizeof fwcfg->directory, .bytes = fwcfg->directory};
    fwcfg->items_count = 3;
}

void dev_fwcfg_reset(struct dev_fwcfg *fwcfg)
{
    fwcfg->key = 0;
    fwcfg->offset = 0;
    fwcfg->dma_high = 0;
}
