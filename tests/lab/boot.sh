#!/usr/bin/env bash
# Boots a machine of its own from a system's files, in namespaces: what it writes is in memory and
# gone with it. Schoolgate is installed into it first, from the checkout.
#
#   boot.sh FOLDER CHECKOUT SYSTEM PYTHON-BASE    as `unshare --mount --pid --uts --ipc --cgroup --fork`
#
# SYSTEM is / for this machine's own files, which are given the Python that runs the tests; another
# system brings its own.
set -euo pipefail
folder=$1 checkout=$2 system=$3 base=$4

mount --make-rprivate /
mount -t tmpfs tmpfs "$folder"
mkdir "$folder"/{written,work,root}
mount -t overlay overlay -o "lowerdir=$system,upperdir=$folder/written,workdir=$folder/work" "$folder/root"
root=$folder/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root/srv/checkout"
mount --bind "$checkout" "$root/srv/checkout"
if [[ $system == / ]]; then
    # A Python in somebody's home is no use to a service; here it is everybody's.
    mkdir -p "$root/opt/python"
    mount --bind "$base" "$root/opt/python"
    find "$base/lib" -maxdepth 1 -name 'libpython3.*.so*' -exec cp -a -t "$root/usr/lib/$(uname -m)-linux-gnu/" {} +
    # Where an overlay hides what is mounted below it, packages may come from there.
    for place in /opt/*/; do
        place=${place%/}
        mountpoint -q "$place" || continue
        mkdir -p "$root$place"
        mount --rbind "$place" "$root$place"
    done
else
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
fi
# Nothing of the machine's own is started.
rm -rf "$root"/etc/systemd/system/multi-user.target.wants/* "$root"/etc/machine-id
: >"$root/etc/machine-id"

# Fetched once, kept for the upgrades: the booted machine has no way out. Whom this machine trusts
# on the way to the packages, the other one may not know.
cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/srv/trusted.crt"
# shellcheck disable=SC2016 # for the inner shell
chroot "$root" env HOME="$HOME" PIP_CERT=/srv/trusted.crt SSL_CERT_FILE=/srv/trusted.crt bash -euc '
    for python in /opt/python/bin/python3 python3; do command -v "$python" >/dev/null && break; done
    "$python" -m venv /srv/fetching
    /srv/fetching/bin/pip --quiet download --no-deps --require-hashes -d /srv/packages -r /srv/checkout/requirements.lock
    rm -r /srv/fetching'
chroot "$root" env HOME="$HOME" PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/packages \
    bash /srv/checkout/scripts/install --no-start --portal-url http://10.0.0.1:8081
umount -l "$root/dev"

mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=666
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs tmpfs "$root/run"
cd "$root"
mkdir -p run/before
pivot_root . run/before
umount -l /run/before
# systemd hands files to services through mounts that spread.
# shellcheck disable=SC2016 # for the inner shell
exec unshare --net env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c '
    ip link set lo up
    mount --make-rshared /
    mount -t sysfs sysfs /sys
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    exec /lib/systemd/systemd --system --unit=multi-user.target --show-status=no'
