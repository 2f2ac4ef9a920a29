/* What the control socket tells of a machine: see vmm_control.h and docs/vm.md. */
#include "virtio/vio_device.h"
#include "vmm/vmm_control.h"
#include "json/json_write.h"

void vmm_control_status(struct vmm *vmm, struct st_buf *to)
{
    struct json_writer w = {.to = to};
    struct vmm_facts facts;
    vmm_facts(vmm, &facts);
    json_write_object(&w);
    json_write_key_string(&w, "name", facts.name);
    json_write_key_string(&w, "state", vmm_state_name(vmm_state(vmm)));
    json_write_key_string(&w, "accel", facts.accel);
    json_write_key_string(&w, "cpu", facts.cpu_model);
    json_write_key_u64(&w, "cpus", facts.cpus);
    json_write_key_u64(&w, "memory", facts.ram_bytes);
    json_write_key_u64(&w, "uptime_ns", facts.up_ns);
    json_write_key_u64(&w, "resets", facts.resets);
    json_write_end(&w);
}

static void write_counters(const struct vmm_cpus *threads, const struct vcpu *vcpu,
                           struct json_writer *w)
{
    static const char *const names[VCPU_COUNTERS] = {
        [VCPU_COUNT_IO] = "port",
        [VCPU_COUNT_MMIO] = "mmio",
        [VCPU_COUNT_HALT] = "halt",
        [VCPU_COUNT_KICK] = "kick",
        [VCPU_COUNT_INTERRUPT] = "interrupt",
        [VCPU_COUNT_EXCEPTION] = "exception",
        [VCPU_COUNT_TLB_MISS] = "tlb_miss",
        [VCPU_COUNT_TLB_FLUSH] = "tlb_flush",
        [VCPU_COUNT_PAGE_DECODED] = "page_decoded",
        [VCPU_COUNT_CODE_WRITTEN] = "code_written",
        [VCPU_COUNT_HYPERCALL] = "hypercall",
    };
    json_write_object(w);
    json_write_key_u64(w, "cpu_ns", vmm_cpus_time_ns(threads, vcpu->index));
    json_write_key_u64(w, "instructions",
                       __atomic_load_n(&vcpu->counters.instructions, __ATOMIC_RELAXED));
    for (unsigned i = 0; i < VCPU_COUNTERS; i++) {
        json_write_key_u64(w, names[i],
                           __atomic_load_n(&vcpu->counters.exits[i], __ATOMIC_RELAXED));
    }
    json_write_end(w);
}

/* What a device's counts are called; a NULL has no meaning for it. */
struct device_names {
    const char *kind;
    const char *in, *in_bytes, *out, *out_bytes, *other, *errors;
};

static const struct device_names *names_of(enum vio_type type)
{
    static const struct device_names disk = {"disk",          "reads",   "read_bytes", "writes",
                                             "written_bytes", "flushes", "errors"};
    static const struct device_names net = {"net",        "received", "received_bytes", "sent",
                                            "sent_bytes", NULL,       "dropped"};
    static const struct device_names console = {
        "console", NULL, "to_guest_bytes", NULL, "from_guest_bytes", NULL, NULL};
    static const struct device_names entropy = {"entropy", "reads", "read_bytes", NULL,
                                                NULL,      NULL,    NULL};
    static const struct device_names vsock = {"vsock",
                                              "packets_to_guest",
                                              "to_guest_bytes",
                                              "packets_from_guest",
                                              "from_guest_bytes",
                                              NULL,
                                              NULL};
    switch (type) {
    case VIO_BLOCK:
        return &disk;
    case VIO_NET:
        return &net;
    case VIO_CONSOLE:
        return &console;
    case VIO_ENTROPY:
        return &entropy;
    case VIO_VSOCK:
        return &vsock;
    }
    return &entropy;
}

static void write_count(struct json_writer *w, const char *name, const uint64_t *count)
{
    if (name != NULL) {
        json_write_key_u64(w, name, __atomic_load_n(count, __ATOMIC_RELAXED));
    }
}

static void write_device(const struct vio_device *device, struct json_writer *w)
{
    const struct device_names *names = names_of(device->ops->type);
    const struct vio_counts *counts = &device->counts;
    json_write_object(w);
    json_write_key_string(w, "kind", names->kind);
    write_count(w, names->in, &counts->in);
    write_count(w, names->in_bytes, &counts->in_bytes);
    write_count(w, names->out, &counts->out);
    write_count(w, names->out_bytes, &counts->out_bytes);
    write_count(w, names->other, &counts->other);
    write_count(w, names->errors, &counts->errors);
    write_count(w, "notifications", &counts->notifications);
    write_count(w, "interrupts", &counts->interrupts);
    json_write_end(w);
}

void vmm_control_metrics(struct vmm *vmm, struct st_buf *to)
{
    struct json_writer w = {.to = to};
    struct vmm_facts facts;
    const struct vcpu_set *set = vmm_vcpus(vmm);
    vmm_facts(vmm, &facts);
    json_write_object(&w);
    json_write_key_u64(&w, "uptime_ns", facts.up_ns);
    json_write_key_u64(&w, "memory", facts.ram_bytes);
    json_write_key_u64(&w, "memory_used", facts.ram_used_bytes);
    json_write_key(&w, "vcpus");
    json_write_array(&w);
    for (unsigned i = 0; i < set->count; i++) {
        write_counters(vmm_threads(vmm), set->vcpus[i], &w);
    }
    json_write_end(&w);
    json_write_key(&w, "devices");
    json_write_array(&w);
    for (unsigned i = 0; vmm_device(vmm, i) != NULL; i++) {
        write_device(vmm_device(vmm, i), &w);
    }
    json_write_end(&w);
    json_write_end(&w);
}
