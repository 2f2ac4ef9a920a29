/* A machine's RAM: see vmm_ram.h. */
#include "vmm/vmm_ram.h"

#include <sys/mman.h>

#include "machine/pc.h"
#include "os/os_file.h"
#include "os/os_memory.h"

static int map_memory(struct vmm_ram *ram, struct st_err *err)
{
    void *host = NULL;
    void *bits = NULL;
    int r = ram->fd = os_memfd("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    r = r < 0 ? r : os_ftruncate(ram->fd, (off_t)ram->size);
    /* A file that cannot shrink cannot take pages away under the mapping. */
    r = r < 0 ? r : os_add_seals(ram->fd, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    r = r < 0 ? r
              : os_mmap(NULL, ram->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                        ram->fd, 0, &host);
    if (r >= 0) {
        ram->host = host;
        r = os_mmap(NULL, mem_page_bits_size(ram->size), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &bits);
        ram->page_bits = bits;
    }
    return r < 0 ? st_fail_os(err, r, "cannot make %llu MiB of memory for the guest",
                              (unsigned long long)(ram->size >> 20))
                 : 0;
}

int vmm_ram_init(struct vmm_ram *ram, uint64_t size, struct mem_map *map, struct st_err *err)
{
    struct pc_ram_slot slots[3];
    unsigned count;
    int r = pc_ram_layout(size, slots, &count);
    if (r < 0) {
        return st_fail(err, ST_EINVAL, "a machine cannot have %llu bytes of memory",
                       (unsigned long long)size);
    }
    *ram = (struct vmm_ram){.fd = -1, .size = size};
    r = map_memory(ram, err);
    for (unsigned i = 0; r >= 0 && i < count; i++) {
        r = mem_add(map, MEM_RAM, GPA(slots[i].start), slots[i].size, ram->host + slots[i].offset,
                    ram->page_bits + (slots[i].offset >> MEM_PAGE_SHIFT));
        if (r < 0) {
            st_fail_os(err, r, "cannot add memory to the machine");
        }
    }
    if (r < 0) {
        vmm_ram_done(ram);
    }
    return r < 0 ? r : 0;
}

void vmm_ram_done(struct vmm_ram *ram)
{
    if (ram->size == 0) {
        return;
    }
    if (ram->page_bits != NULL) {
        (void)os_munmap(ram->page_bits, mem_page_bits_size(ram->size));
    }
    if (ram->host != NULL) {
        (void)os_munmap(ram->host, ram->size);
    }
    os_close(&ram->fd);
    *ram = (struct vmm_ram){0};
}

uint64_t vmm_ram_used_bytes(const struct vmm_ram *ram)
{
    struct stat stat;
    return os_fstat(ram->fd, &stat) < 0 ? 0 : (uint64_t)stat.st_blocks * 512;
}
