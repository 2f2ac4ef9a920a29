"""Can user namespaces be made here? In a chroot the kernel makes none, and some machines forbid them."""
import functools
import subprocess

BUSYBOX = "/bin/busybox"


@functools.cache
def why_none(user=0):
    """Empty, or the reason why a process of the user can make none, for a skip."""
    try:
        done = subprocess.run([BUSYBOX, "unshare", "-U", BUSYBOX, "true"], user=user, group=user, extra_groups=[],
                              check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return f"{BUSYBOX} is missing, which tries whether user namespaces can be made"
    if done.returncode == 0:
        return ""
    return f"user {user} can make no user namespace here, as in a chroot: {done.stderr.strip()}"
