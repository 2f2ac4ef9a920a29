/*
 * Makes a machine with CPUs that do nothing and writes its ACPI tables to files, for ACPICA's
 * compiler to read. Usage: acpi_dump FOLDER CPUS
 */
#include <stdio.h>

#include "base/str.h"
#include "machine/pc_fake_test.h"
#include "platform/plat_fake_test.h"

enum { RAM_BYTES = 16 << 20, RSDP = 0xe0000 };

static struct plat_fake fake;
static struct mem_map memory;
static uint8_t ram[RAM_BYTES], ram_bits[RAM_BYTES >> MEM_PAGE_SHIFT];
static struct vcpu_set set;
static struct vcpu vcpus[VCPU_MAX];
static struct plat_stream streams[PC_SERIAL_PORTS];

static size_t stream_write(struct plat_stream *stream, const void *bytes, size_t size)
{
    (void)stream;
    (void)bytes;
    return size;
}

static void stream_resume(struct plat_stream *stream)
{
    (void)stream;
}

static const struct plat_stream_ops stream_ops = {.write = stream_write, .resume = stream_resume};

static int set_state(struct vcpu *vcpu, const struct vcpu_state *state, struct st_err *err)
{
    (void)vcpu;
    (void)state;
    (void)err;
    return 0;
}

static const struct vcpu_ops vcpu_ops = PC_FAKE_VCPU_OPS(set_state);

/* A multiboot kernel of 16 bytes that asks for no more than to be loaded. */
static const uint32_t kernel[12] = {0x1badb002, 0x10000,  (uint32_t)(0u - 0x1badb002u - 0x10000u),
                                    0x100000,   0x100000, 0x100030,
                                    0,          0x100020, 0xf4f4f4f4};

static int save(const char *folder, uint64_t at)
{
    char path[512];
    uint32_t size;
    FILE *file;
    bool ok;

    memcpy(&size, ram + at + 4, sizeof size);
    snprintf(path, sizeof path, "%s/%.4s.dat", folder, (char *)ram + at);
    file = fopen(path, "we");
    if (file == NULL) {
        return 1;
    }
    ok = fwrite(ram + at, 1, size, file) == size;
    return fclose(file) == 0 && ok ? 0 : 1;
}

static int make(unsigned cpus, struct st_err *err)
{
    struct pc_config config = {
        .platform = &fake.platform,
        .memory = &memory,
        .ram_bytes = RAM_BYTES,
        .vcpus = cpus,
        .boot = {kernel, sizeof kernel, NULL, 0, NULL},
        .events = PC_FAKE_EVENTS,
    };
    struct pc *pc = NULL;
    int r;

    plat_fake_init(&fake);
    mem_map_init(&memory);
    r = mem_add(&memory, MEM_RAM, GPA(0), RAM_BYTES, ram, ram_bits);
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        streams[i].ops = &stream_ops;
        config.serial[i] = &streams[i];
    }
    r = r < 0 ? r : pc_create(&config, &pc, err);
    if (r < 0) {
        return r;
    }
    set.ops = &vcpu_ops;
    set.count = cpus;
    for (unsigned i = 0; i < cpus; i++) {
        vcpus[i] = (struct vcpu){.set = &set, .index = i, .apic_id = i};
        set.vcpus[i] = &vcpus[i];
    }
    pc_attach_vcpus(pc, &set);
    r = pc_reset(pc, err);
    pc_free(pc);
    return r;
}

int main(int argc, char **argv)
{
    struct st_err err = {0};
    uint64_t xsdt, table, cpus;
    uint32_t size;

    if (argc != 3 || st_parse_u64(argv[2], 10, VCPU_MAX, &cpus) < 0 || cpus == 0) {
        fprintf(stderr, "usage: acpi_dump FOLDER CPUS\n");
        return 2;
    }
    if (make((unsigned)cpus, &err) < 0) {
        fprintf(stderr, "acpi_dump: %s\n", err.msg);
        return 1;
    }
    memcpy(&xsdt, ram + RSDP + 24, sizeof xsdt);
    memcpy(&size, ram + xsdt + 4, sizeof size);
    for (uint32_t at = 36; at < size; at += 8) {
        memcpy(&table, ram + xsdt + at, sizeof table);
        if (save(argv[1], table) != 0) {
            return 1;
        }
        if (memcmp(ram + table, "FACP", 4) == 0) {
            memcpy(&table, ram + table + 140, sizeof table);
            if (save(argv[1], table) != 0) {
                return 1;
            }
        }
    }
    return save(argv[1], xsdt);
}
