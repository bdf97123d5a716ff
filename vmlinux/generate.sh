#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Makes vmlinux/ARCH/vmlinux.h out of a Debian kernel package, so that anybody can make the same file:
#
#   vmlinux/generate.sh x86|arm64 [SUITE]     SUITE: trixie unless said
#
# The BPF programs are CO-RE: which kernel the header is from matters only in that it must know every
# type they name. The first lines of each vmlinux.h say which package it is. Works for any
# architecture on any: the type information (BTF) is cut out of the kernel image as bytes.
# Needs apt with a Debian mirror, bpftool, xz-utils, zstd, gzip.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/fresh/debian.sh
. "$here/../tests/fresh/debian.sh"

# number FILE OFFSET SIZE: a little-endian unsigned integer of SIZE bytes
number() { od -An -v -t "u$3" -j "$2" -N "$3" --endian=little "$1" | tr -d ' '; }

# slice FILE OFFSET SIZE
slice() { tail -c "+$(($2 + 1))" "$1" | head -c "$3" || [ $? -eq 141 ]; } # 141: tail's SIGPIPE

# unpack: decompresses stdin by its first bytes; trailing bytes (a kernel puts its size there) are ignored
unpack() {
	local file=$work/packed

	cat >"$file"
	case $(od -An -N 4 -t x1 "$file" | tr -d ' ') in
	fd377a58) xz -dc --single-stream "$file" ;;
	28b52ffd) zstd -dcq "$file" 2>/dev/null || true ;;
	1f8b*) gzip -dcq "$file" || [ $? -eq 2 ] ;; # 2: a warning
	*) cat "$file" ;;
	esac
}

# kernel_image VMLINUZ: the kernel as it is in memory
kernel_image() {
	local file=$1

	if [ "$(slice "$file" 514 4)" = HdrS ]; then # x86 bzImage, Documentation/arch/x86/boot.rst
		local setup=$((($(number "$file" 497 1) + 1) * 512))

		slice "$file" $((setup + $(number "$file" 584 4))) "$(number "$file" 588 4)" | unpack
	elif [ "$(slice "$file" 4 4)" = zimg ]; then # EFI zboot, drivers/firmware/efi/libstub/zboot-header.S
		slice "$file" "$(number "$file" 8 4)" "$(number "$file" 12 4)" | unpack
	else
		unpack <"$file"
	fi
}

# btf IMAGE: the largest block that begins with a BTF header (magic 0xeb9f, version 1, length 24)
btf() {
	local image=$1 offset size best=0 start=0 whole

	whole=$(stat -c %s "$image")
	while IFS=: read -r offset _; do
		size=$((24 + $(number "$image" $((offset + 16)) 4) + $(number "$image" $((offset + 20)) 4)))
		[ "$size" -gt "$best" ] && [ $((offset + size)) -le "$whole" ] && best=$size start=$offset
	done < <(LC_ALL=C grep -obUaP '\x9f\xeb\x01\x00\x18\x00\x00\x00' "$image")
	[ "$best" -gt 0 ] && slice "$image" "$start" "$best"
}

case ${1:-} in
x86) arch=amd64 ;;
arm64) arch=arm64 ;;
*) sed -n '4,6s/^# *//p' "$0" >&2; exit 2 ;;
esac
suite=${2:-trixie}
bpftool=$(command -v bpftool || echo /usr/sbin/bpftool)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

debian_suite "$suite" "$arch" || { echo "no index of $suite $arch from this system's Debian mirror" >&2; exit 1; }
mapfile -t packages < <(debian_kernel_packages "$suite" "$arch")
package=${packages[0]} # where it is split, the part with the image comes first
version=$(debian_version "$suite" "$arch" "$package")
debian_download "$suite" "$arch" "$work/deb" "$package"
dpkg-deb --fsys-tarfile "$work"/deb/*.deb | tar -x -C "$work" --wildcards '*/vmlinuz*'
find "$work" -path "$work/deb" -prune -o -name 'vmlinuz*' -exec mv {} "$work/vmlinuz" \;

kernel_image "$work/vmlinuz" >"$work/image"
btf "$work/image" >"$work/btf" || { echo "$package: no BTF in its kernel image" >&2; exit 1; }
mkdir -p "$here/$1"
{
	echo '/* SPDX-License-Identifier: GPL-2.0-only */'
	echo "/* Generated: do not edit. Types of the Linux kernel in Debian's $package, version"
	echo " * $version, architecture $arch, by: vmlinux/generate.sh $1 $suite"
	echo " * (bpftool $("$bpftool" version | sed -n '1s/.* //p'): bpftool btf dump file BTF format c) */"
	"$bpftool" btf dump file "$work/btf" format c
} >"$work/vmlinux.h"
mv "$work/vmlinux.h" "$here/$1/vmlinux.h"
head -n 4 "$here/$1/vmlinux.h"
