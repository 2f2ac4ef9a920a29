/* The binding tables of linux.resources, which `update` reads alone too: see spec_runtime.h. */
#include "spec/spec_runtime_priv.h"

#define T struct spec_device_rule
static const struct json_field device_rule_fields[] = {
    JSON_BOOLEAN(T, "allow", allow, JSON_KEEP),
    JSON_STR(T, "type", type),
    JSON_OPT_I64(T, "major", major),
    JSON_OPT_I64(T, "minor", minor),
    JSON_STR(T, "access", access),
};
static const struct json_table device_rule = JSON_TABLE(T, device_rule_fields);
#undef T

#define T struct spec_memory
static const struct json_field memory_fields[] = {
    JSON_OPT_I64(T, "limit", limit),
    JSON_OPT_I64(T, "reservation", reservation),
    JSON_OPT_I64(T, "swap", swap),
    JSON_OPT_I64(T, "kernel", kernel),
    JSON_OPT_I64(T, "kernelTCP", kernel_tcp),
    JSON_OPT_U64(T, "swappiness", swappiness),
    JSON_OPT_BOOLEAN(T, "disableOOMKiller", disable_oom_killer),
    JSON_OPT_BOOLEAN(T, "useHierarchy", use_hierarchy),
    JSON_OPT_BOOLEAN(T, "checkBeforeUpdate", check_before_update),
};
static const struct json_table memory = JSON_TABLE(T, memory_fields);
#undef T

#define T struct spec_cpu
static const struct json_field cpu_fields[] = {
    JSON_OPT_U64(T, "shares", shares),
    JSON_OPT_I64(T, "quota", quota),
    JSON_OPT_U64(T, "burst", burst),
    JSON_OPT_U64(T, "period", period),
    JSON_OPT_I64(T, "realtimeRuntime", realtime_runtime),
    JSON_OPT_U64(T, "realtimePeriod", realtime_period),
    JSON_STR(T, "cpus", cpus),
    JSON_STR(T, "mems", mems),
    JSON_OPT_I64(T, "idle", idle),
};
static const struct json_table cpu = JSON_TABLE(T, cpu_fields);
#undef T

#define T struct spec_pids
static const struct json_field pids_fields[] = {
    JSON_OPT_I64(T, "limit", limit),
};
static const struct json_table pids = JSON_TABLE(T, pids_fields);
#undef T

#define T struct spec_weight_device
static const struct json_field weight_device_fields[] = {
    JSON_I64(T, "major", major, JSON_KEEP),
    JSON_I64(T, "minor", minor, JSON_KEEP),
    JSON_OPT_U16(T, "weight", weight),
    JSON_OPT_U16(T, "leafWeight", leaf_weight),
};
static const struct json_table weight_device = JSON_TABLE(T, weight_device_fields);
#undef T

#define T struct spec_throttle_device
static const struct json_field throttle_device_fields[] = {
    JSON_I64(T, "major", major, JSON_KEEP),
    JSON_I64(T, "minor", minor, JSON_KEEP),
    JSON_U64(T, "rate", rate, JSON_KEEP),
};
static const struct json_table throttle_device = JSON_TABLE(T, throttle_device_fields);
#undef T

#define T struct spec_block_io
#define THROTTLE(json, member)                                                                     \
    JSON_STRUCTS(T, json, member, struct spec_throttle_device, &throttle_device)
static const struct json_field block_io_fields[] = {
    JSON_OPT_U16(T, "weight", weight),
    JSON_OPT_U16(T, "leafWeight", leaf_weight),
    JSON_STRUCTS(T, "weightDevice", weight_device, struct spec_weight_device, &weight_device),
    THROTTLE("throttleReadBpsDevice", read_bps),
    THROTTLE("throttleWriteBpsDevice", write_bps),
    THROTTLE("throttleReadIOPSDevice", read_iops),
    THROTTLE("throttleWriteIOPSDevice", write_iops),
};
static const struct json_table block_io = JSON_TABLE(T, block_io_fields);
#undef T

#define T struct spec_hugepage_limit
static const struct json_field hugepage_limit_fields[] = {
    JSON_STR(T, "pageSize", page_size),
    JSON_U64(T, "limit", limit, JSON_KEEP),
};
static const struct json_table hugepage_limit = JSON_TABLE(T, hugepage_limit_fields);
#undef T

#define T struct spec_interface_priority
static const struct json_field interface_priority_fields[] = {
    JSON_STR(T, "name", name),
    JSON_U32(T, "priority", priority, JSON_KEEP),
};
static const struct json_table interface_priority = JSON_TABLE(T, interface_priority_fields);
#undef T

#define T struct spec_network
static const struct json_field network_fields[] = {
    JSON_OPT_U32(T, "classID", class_id),
    JSON_STRUCTS(T, "priorities", priorities, struct spec_interface_priority, &interface_priority),
};
static const struct json_table network = JSON_TABLE(T, network_fields);
#undef T

#define T struct spec_rdma
static const struct json_field rdma_fields[] = {
    JSON_OPT_U32(T, "hcaHandles", hca_handles),
    JSON_OPT_U32(T, "hcaObjects", hca_objects),
};
static const struct json_table rdma = JSON_TABLE(T, rdma_fields);
#undef T

#define T struct spec_resources
static const struct json_field resources_fields[] = {
    JSON_STRUCTS(T, "devices", devices, struct spec_device_rule, &device_rule),
    JSON_STRUCT(T, "memory", memory, struct spec_memory, &memory),
    JSON_STRUCT(T, "cpu", cpu, struct spec_cpu, &cpu),
    JSON_STRUCT(T, "pids", pids, struct spec_pids, &pids),
    JSON_STRUCT(T, "blockIO", block_io, struct spec_block_io, &block_io),
    JSON_STRUCTS(T, "hugepageLimits", hugepage_limits, struct spec_hugepage_limit, &hugepage_limit),
    JSON_STRUCT(T, "network", network, struct spec_network, &network),
    JSON_MAP(T, "rdma", rdma, struct spec_rdma, &rdma),
    JSON_PAIRS(T, "unified", unified),
};
const struct json_table spec_resources_table = JSON_TABLE(T, resources_fields);
#undef T
