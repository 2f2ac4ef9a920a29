/* The configuration that `spec` prints, kept as the text it is: see spec_runtime.h. */
#include "base/str.h"
#include "spec/spec_runtime.h"
#include "json/json_doc.h"

#define CAPS "['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE']"

/* JSON with ' for ", which no value holds. */
static const char text[] =
    "{'ociVersion':'" SPEC_RUNTIME_VERSION "','process':{'terminal':true,'user':{'uid':0,'gid':0},"
    "'args':['sh'],"
    "'env':['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin','TERM=xterm'],"
    "'cwd':'/','capabilities':{'bounding':" CAPS ",'effective':" CAPS ",'permitted':" CAPS "},"
    "'rlimits':[{'type':'RLIMIT_NOFILE','hard':1024,'soft':1024}],'noNewPrivileges':true},"
    "'root':{'path':'rootfs','readonly':true},'hostname':'strata','mounts':["
    "{'destination':'/proc','type':'proc','source':'proc'},"
    "{'destination':'/dev','type':'tmpfs','source':'tmpfs',"
    "'options':['nosuid','strictatime','mode=755','size=65536k']},"
    "{'destination':'/dev/pts','type':'devpts','source':'devpts',"
    "'options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620','gid=5']},"
    "{'destination':'/dev/shm','type':'tmpfs','source':'shm',"
    "'options':['nosuid','noexec','nodev','mode=1777','size=65536k']},"
    "{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue',"
    "'options':['nosuid','noexec','nodev']},"
    "{'destination':'/sys','type':'sysfs','source':'sysfs',"
    "'options':['nosuid','noexec','nodev','ro']},"
    "{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup',"
    "'options':['nosuid','noexec','nodev','relatime','ro']}],"
    "'linux':{'resources':{'devices':[{'allow':false,'access':'rwm'}]},"
    "'namespaces':[{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},"
    "{'type':'mount'},{'type':'cgroup'}],"
    "'maskedPaths':['/proc/acpi','/proc/asound','/proc/kcore','/proc/keys','/proc/latency_stats',"
    "'/proc/timer_list','/proc/timer_stats','/proc/sched_debug','/proc/scsi','/sys/firmware'],"
    "'readonlyPaths':['/proc/bus','/proc/fs','/proc/irq','/proc/sys','/proc/sysrq-trigger']}}";

/* In a user namespace with one id: no mount option may name another, sysfs is not ours to mount
 * without a network namespace, and cgroups are not ours to limit. */
static int make_rootless(struct spec_runtime *config, uint32_t uid, uint32_t gid)
{
    static const char *const sys_options[] = {"rbind", "nosuid", "noexec", "nodev", "ro"};
    struct spec_id_mapping *ids = json_doc_alloc(config->doc, 2, sizeof(*ids));
    const char **options = json_doc_alloc(config->doc, ST_COUNT(sys_options) + 1, sizeof(*options));
    if (ids == NULL || options == NULL) {
        return -ST_ENOMEM;
    }
    for (size_t i = 0; i < config->linux_->namespaces_count; i++) {
        if (config->linux_->namespaces[i].type == SPEC_NS_NETWORK) {
            config->linux_->namespaces[i].type = SPEC_NS_USER;
        }
    }
    ids[0] = (struct spec_id_mapping){.host_id = uid, .size = 1};
    ids[1] = (struct spec_id_mapping){.host_id = gid, .size = 1};
    config->linux_->uid_mappings = &ids[0];
    config->linux_->uid_mappings_count = 1;
    config->linux_->gid_mappings = &ids[1];
    config->linux_->gid_mappings_count = 1;
    config->linux_->resources = NULL;
    __builtin_memcpy(options, sys_options, sizeof(sys_options));
    for (size_t i = 0; i < config->mounts_count; i++) {
        struct spec_mount *mount = &config->mounts[i];
        size_t kept = 0;
        for (size_t k = 0; k < mount->options_count; k++) {
            if (!st_starts_with(mount->options[k], "gid=")) {
                mount->options[kept++] = mount->options[k];
            }
        }
        if (mount->options != NULL) {
            mount->options[kept] = NULL;
        }
        mount->options_count = kept;
        if (st_streq(mount->destination, "/sys")) {
            mount->type = "none";
            mount->source = "/sys";
            mount->options = options;
            mount->options_count = ST_COUNT(sys_options);
        }
    }
    return 0;
}

int spec_runtime_default(bool rootless, uint32_t uid, uint32_t gid,
                         struct spec_runtime **ret_config)
{
    struct spec_runtime *config = NULL;
    char json[sizeof(text)];
    for (size_t i = 0; i < sizeof(text); i++) {
        json[i] = text[i] == '\'' ? '"' : text[i];
    }
    int r = spec_runtime_parse(json, sizeof(text) - 1, &config, NULL);
    if (r < 0) {
        return r;
    }
    r = rootless ? make_rootless(config, uid, gid) : 0;
    if (r < 0) {
        spec_runtime_free(config);
        return r;
    }
    *ret_config = config;
    return 0;
}
