/* Choosing between KVM and the software CPU: see vmm_accel.h. */
#include "vmm/vmm_accel.h"

#include <linux/kvm.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"
#include "os/os_terminal.h"
#include "vmm/kvm/vmm_kvm.h"

/* Slower than this in kernel mode, and the software CPU is the faster one. */
#define KVM_TOO_SLOW UINT64_C(40000000)

enum { VERDICT_MAX = 128 };

/* The verdict of this boot that somebody wrote before: 0 and *ret_per_second, or -ST_ENOENT. The
 * file: the boot's ID, a space, the number. */
static int read_verdict(const char *folder, const char *boot, uint64_t *ret_per_second)
{
    char path[512];
    char text[VERDICT_MAX];
    st_snprintf(path, sizeof path, "%s/kvm-speed", folder);
    int n = os_read_text(AT_FDCWD, path, text, sizeof text);
    size_t length = strlen(boot);
    if (n < 0 || strncmp(text, boot, length) != 0 || text[length] != ' ' ||
        st_parse_u64(text + length + 1, 10, UINT64_MAX, ret_per_second) < 0) {
        return -ST_ENOENT;
    }
    return 0;
}

static void write_verdict(const char *folder, const char *boot, uint64_t per_second)
{
    char path[512];
    char text[VERDICT_MAX];
    st_snprintf(path, sizeof path, "%s/kvm-speed", folder);
    size_t length =
        st_snprintf(text, sizeof text, "%s %llu\n", boot, (unsigned long long)per_second);
    (void)os_replace_file(AT_FDCWD, path, text, length, 0644, false);
}

static int speed(int kvm, const char *run_folder, uint64_t *ret_per_second)
{
    char boot[64] = "";
    int n = os_read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    bool kept = run_folder != NULL && n > 0;
    if (kept && read_verdict(run_folder, boot, ret_per_second) == 0) {
        return 0;
    }
    int r = vmm_kvm_speed(kvm, ret_per_second);
    if (r >= 0 && kept) {
        write_verdict(run_folder, boot, *ret_per_second);
    }
    return r;
}

/* Why KVM is of no use here; 0: it is. */
static int try_kvm(const char *run_folder, struct vmm_accel_choice *choice)
{
    enum { API_VERSION = 12 };
    uint64_t per_second = 0;
    int r = choice->kvm_fd = os_open("/dev/kvm", O_RDWR, 0);
    if (r < 0) {
        st_snprintf(choice->text, sizeof choice->text, "no KVM: /dev/kvm: %s", st_strerror(r));
        return r;
    }
    r = os_ioctl(choice->kvm_fd, KVM_GET_API_VERSION, NULL);
    if (r != API_VERSION) {
        st_snprintf(choice->text, sizeof choice->text, "no KVM: its version is %d, not 12", r);
        return -ST_EUNSUPPORTED;
    }
    r = speed(choice->kvm_fd, run_folder, &per_second);
    if (r < 0) {
        st_snprintf(choice->text, sizeof choice->text, "no KVM: it cannot run a test: %s",
                    st_strerror(r));
        return r;
    }
    if (per_second < KVM_TOO_SLOW) {
        st_snprintf(choice->text, sizeof choice->text,
                    "KVM is too slow here (%llu.%llu million kernel-mode instructions a second)",
                    (unsigned long long)(per_second / 1000000),
                    (unsigned long long)(per_second / 100000 % 10));
        return -ST_EUNSUPPORTED;
    }
    return 0;
}

int vmm_accel_choose(enum vmm_accel wish, const char *run_folder,
                     struct vmm_accel_choice *ret_choice, struct st_err *err)
{
    *ret_choice = (struct vmm_accel_choice){.kvm_fd = -1};
    if (wish == VMM_ACCEL_SOFTWARE) {
        return 0;
    }
    int r = try_kvm(run_folder, ret_choice);
    bool usable = r >= 0;
    if (!usable && wish == VMM_ACCEL_KVM && ret_choice->kvm_fd >= 0 && r == -ST_EUNSUPPORTED &&
        strncmp(ret_choice->text, "KVM is", 6) == 0) {
        usable = true; /* slow as it is, somebody wants it */
    }
    ret_choice->kvm = usable;
    if (usable) {
        return 0;
    }
    os_close(&ret_choice->kvm_fd);
    if (wish == VMM_ACCEL_KVM) {
        return st_fail(err, ST_EUNSUPPORTED, "%s", ret_choice->text);
    }
    size_t length = strlen(ret_choice->text);
    st_snprintf(ret_choice->text + length, sizeof ret_choice->text - length,
                "; using the software CPU");
    return 0;
}
