#!/bin/busybox sh
# The first process inside the virtual machine: makes a usual system out of the initramfs, runs the cases of /vm/cases
# one after the other and turns the machine off. What it prints goes to the serial console, which tests/vm/run reads.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
bb=/bin/busybox

if [ "$1" != second ]; then
    # A root that is the kernel's first mount cannot be pivoted away from: it is mounted once more on itself.
    $bb mkdir -p /newroot /proc /sys /dev /tmp /run /root
    $bb mount --bind / /newroot
    cd /newroot || exit 1
    $bb mount --move . /
    exec $bb chroot . /bin/busybox sh /vm/init second
fi

$bb --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
mount -t securityfs security /sys/kernel/security 2>/dev/null
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
ln -sf /proc/self/fd /dev/fd
ip link set lo up
hostname strata-vm
for module in /vm/modules/*.ko; do
    [ -e "$module" ] && insmod "$module"
done
mount -t ext4 /dev/vda /tmp && chmod 1777 /tmp || mount -t tmpfs -o mode=1777 tmp /tmp
# As a service manager leaves it: processes in leaves, controllers shared out.
mkdir -p /sys/fs/cgroup/init
echo 1 > /sys/fs/cgroup/init/cgroup.procs
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
done
echo "VM-UP $(stat -fc %T /tmp) $(uname -r) controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"

tab=$(printf '\t')
while IFS=$tab read -r name limit command <&3; do
    echo "VM-CASE $name"
    begun=$(cut -d' ' -f1 /proc/uptime)
    timeout -s KILL "$limit" sh -c "$command" < /dev/null 2>&1
    status=$?
    echo "VM-STATUS $status $name $begun $(cut -d' ' -f1 /proc/uptime)"
done 3< /vm/cases
echo VM-END
sync
poweroff -f
