#!/usr/bin/env bash
# Makes a guest of Debian packages: a distribution's kernel, and an initramfs with this machine's own tools and Python.
# Nothing is installed here. Usage: build-guest.sh FOLDER. Leaves FOLDER/vmlinuz and FOLDER/initramfs.
set -euo pipefail

readonly here=$(dirname "$(realpath "$0")")
readonly tools=(
  bash cat chmod cp cut date dirname dmesg env false grep head id kill ln ls mkdir mount mv poweroff rm sed seq sh sleep sort
  sync tail tar timeout touch tr true umount uname uniq wc
  bridge conntrack ethtool ip ipset ipvsadm kmod nft ping setsid tc tcpdump xtables-legacy-multi xtables-nft-multi
)
# Absent, these are only missed by jobs that ask for them.
readonly optional=' ipvsadm ping tcpdump setsid '
# What the referee and the exported echo server import.
readonly imports='ctypes, json, mmap, os, select, selectors, signal, socket, struct, subprocess, sys, time'
# Of the kernel's modules: everything that a packet may meet, and the two disks.
readonly modules=(
  kernel/net/802 kernel/net/8021q kernel/net/bridge kernel/net/core kernel/net/ipv4 kernel/net/ipv6 kernel/net/llc
  kernel/net/mpls kernel/net/netfilter kernel/net/packet kernel/net/sched kernel/net/sctp kernel/net/xfrm
  kernel/drivers/net/dummy.ko kernel/drivers/net/ifb.ko kernel/drivers/net/ipvlan kernel/drivers/net/macvlan.ko
  kernel/drivers/net/tun.ko kernel/drivers/net/veth.ko kernel/drivers/net/vrf.ko kernel/drivers/net/vxlan
  kernel/drivers/net/wireguard kernel/drivers/block/virtio_blk.ko kernel/drivers/virtio kernel/lib kernel/crypto
  kernel/arch/x86/crypto
)

mkdir -p "$1"
cd "$1"

download_kernel() {
  local package
  package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
  [[ -n "$package" ]] || { echo 'no package linux-image-cloud-amd64 is known: apt-get update' >&2; exit 1; }
  apt-get download -qq "$package" 2> /dev/null
  dpkg-deb -x "$package"_*.deb kernel
  rm "$package"_*.deb
}
[[ -d kernel/boot ]] || download_kernel
cp kernel/boot/vmlinuz-* vmlinuz

root=$PWD/root
rm -rf "$root"
mkdir -p "$root"/{bin,sbin,dev,etc,lib64,proc,run/netns,sys,tmp,usr/bin,usr/sbin,usr/lib/x86_64-linux-gnu,var}
ln -s ../run "$root/var/run"

with_libraries() { # FILE AS
  mkdir -p "$root$(dirname "$2")"
  # With its time: Python takes what it has compiled only of a file of that time.
  cp -Lp "$1" "$root$2"
  [[ "$1" != *.py && "$1" != *.pyc ]] || return 0
  { ldd "$1" 2> /dev/null || true; } | { grep -o '/[^ ]*' || true; } | while read -r library; do
    [[ -e "$root$library" ]] || { mkdir -p "$root$(dirname "$library")"; cp -L "$library" "$root$library"; }
  done
}

for tool in "${tools[@]}"; do
  path=$(PATH="/usr/sbin:/usr/bin:/sbin:/bin" type -P "$tool") || {
    [[ "$optional" == *" $tool "* ]] && continue
    echo "there is no $tool here" >&2
    exit 1
  }
  with_libraries "$path" "/usr/bin/$tool"
done
ln -sf ../usr/bin/bash "$root/bin/bash"
ln -sf ../usr/bin/sh "$root/bin/sh"
# The kernel itself calls /sbin/modprobe, for devices, protocols, matches and sets.
for name in modprobe insmod lsmod rmmod; do ln -s kmod "$root/usr/bin/$name"; done
ln -s ../usr/bin/kmod "$root/sbin/modprobe"
for name in iptables iptables-save iptables-restore; do
  ln -s xtables-nft-multi "$root/usr/bin/$name"
  ln -s xtables-legacy-multi "$root/usr/bin/${name/iptables/iptables-legacy}"
done
cp -r /usr/lib/x86_64-linux-gnu/xtables "$root/usr/lib/x86_64-linux-gnu/"
[[ -d /etc/iproute2 ]] && cp -r /etc/iproute2 "$root/etc/"
cp /etc/protocols /etc/services "$root/etc/" 2> /dev/null || true
echo root:x:0:0::/:/bin/sh > "$root/etc/passwd"
echo root:x:0: > "$root/etc/group"

# Python with just the files that those imports read.
python=$(realpath /usr/bin/python3)
with_libraries "$python" /usr/bin/python3
"$python" -I -c "
import $imports
for module in list(sys.modules.values()):
    for path in (getattr(module, '__file__', None), getattr(module, '__cached__', None)):
        if path and os.path.exists(path) and 'site-packages' not in path and 'dist-packages' not in path: print(path)
" | while read -r file; do with_libraries "$file" "$file"; done

version=$(basename kernel/lib/modules/*)
target=$root/lib/modules/$version
mkdir -p "$target"
cp "kernel/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$target/"
for module in "${modules[@]}"; do
  [[ -e "kernel/lib/modules/$version/$module" ]] || continue
  mkdir -p "$target/$(dirname "$module")"
  cp -r "kernel/lib/modules/$version/$module" "$target/$module"
done
depmod -b "$root" "$version"

cp "$here/init" "$root/init"
chmod 755 "$root/init"
# Not compressed: unpacking it costs an emulated processor more than reading it.
(cd "$root" && find . | cpio --quiet -o -H newc > ../initramfs.part)
mv initramfs.part initramfs
rm -rf "$root"
echo "kernel $version, initramfs of $(du -h initramfs | cut -f 1)"
