/*
 * Any bytes as a kernel with an initrd and a command line: booting it fails with a message or gives
 * the boot processor a state, and never writes outside the machine's memory. The first byte chooses
 * how much of the rest is the initrd.
 */
#include <stdint.h>
#include <string.h>

#include "machine/pc_fake_test.h"
#include "platform/plat_fake_test.h"

enum { RAM_BYTES = 4 << 20 };

static struct plat_fake fake;
static struct mem_map memory;
static uint8_t ram[RAM_BYTES], ram_bits[RAM_BYTES >> MEM_PAGE_SHIFT];
static struct vcpu_set set;
static struct vcpu vcpu;
static unsigned states;

static int set_state(struct vcpu *of, const struct vcpu_state *state, struct st_err *err)
{
    (void)of;
    (void)err;
    ST_CHECK((state->cr0 & 1) != 0 && (state->rip <= UINT32_MAX || (state->efer & 0x400) != 0));
    states++;
    return 0;
}

static const struct vcpu_ops vcpu_ops = PC_FAKE_VCPU_OPS(set_state);

static void add_ram(void)
{
    struct pc_ram_slot slots[3];
    unsigned count;
    int r = pc_ram_layout(RAM_BYTES, slots, &count);

    mem_map_init(&memory);
    for (unsigned i = 0; r >= 0 && i < count; i++) {
        r = mem_add(&memory, MEM_RAM, GPA(slots[i].start), slots[i].size, ram + slots[i].offset,
                    ram_bits + (slots[i].offset >> MEM_PAGE_SHIFT));
    }
    ST_CHECK(r >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pc_config config = {
        .platform = &fake.platform,
        .memory = &memory,
        .ram_bytes = RAM_BYTES,
        .vcpus = 1,
        .events = PC_FAKE_EVENTS,
    };
    struct st_err err = {0};
    struct pc *pc = NULL;
    size_t initrd;
    int r;

    if (size < 2) {
        return 0;
    }
    initrd = (size - 1) * data[0] / 512;
    config.boot = (struct pc_boot){data + 1, size - 1 - initrd, data + size - initrd, initrd,
                                   "console=ttyS0"};
    plat_fake_init(&fake);
    add_ram();
    r = pc_create(&config, &pc, &err);
    if (r < 0) {
        ST_CHECK(err.msg[0] != '\0');
        return 0;
    }
    vcpu.set = &set;
    set = (struct vcpu_set){.ops = &vcpu_ops, .vcpus = {&vcpu}, .count = 1};
    pc_attach_vcpus(pc, &set);
    states = 0;
    r = pc_reset(pc, &err);
    ST_CHECK(r >= 0 ? states == 1 : err.msg[0] != '\0');
    pc_free(pc);
    return 0;
}
