#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The tools of a newer Debian, in a private tree; prints its path, which is good for a chroot.
#
#   tests/bench/tree.sh [SUITE]      trixie unless said
#
# What Debian 12 does not have: memray (with the Python that it is built for, and a gdb to attach it
# with) and a memleak that needs neither kernel headers nor a compiler. Django and gunicorn as well, so
# that the web workload can run there. Packages are unpacked and no maintainer script runs: enough for
# programs that only want their files. The tree is build/bench/SUITE, made once.
# Exits 77 where it cannot be had, with the reason.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/fresh/debian.sh
. "$here/../fresh/debian.sh"

cannot() {
	echo "tests/bench/tree.sh: $*" >&2
	exit 77
}

suite=${1:-trixie}
arch=$(dpkg --print-architecture 2>/dev/null) || cannot "no dpkg: not a Debian"
tree=$debian_root/build/bench/$suite
packages=(python3 python3-memray gdb libbpf-tools python3-django gunicorn)

exec 8>"$(mkdir -p "$debian_root/build/bench" && echo "$debian_root/build/bench/$suite.lock")"
flock 8
if [ ! -e "$tree/ready" ]; then
	rm -rf --one-file-system "$tree"
	debian_suite "$suite" "$arch" 8>&- || cannot "no Debian mirror answers"
	wanted=(base-files dash coreutils libc-bin)
	for package in "${packages[@]}"; do
		# One that this architecture lacks must not keep the others away.
		[ -z "$(debian_version "$suite" "$arch" "$package")" ] || wanted+=("$package")
	done
	mkdir -p "$tree/debs/partial"
	debian_apt "$suite" "$arch" apt-get -qq -y --download-only -o "Dir::Cache::archives=$tree/debs/" \
		install "${wanted[@]}" >"$tree/log" 2>&1 8>&- || cannot "packages cannot be fetched: $tree/log"
	mkdir -p "$tree"/usr/{bin,sbin,lib,lib64} "$tree"/{proc,sys,dev,tmp,run,work}
	for dir in bin sbin lib lib64; do
		ln -s "usr/$dir" "$tree/$dir"
	done
	for deb in "$tree"/debs/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tree" --keep-directory-symlink
	done
	for deb in "$tree"/debs/*.deb; do
		dpkg-deb --show --showformat '${Package} ${Version}\n' "$deb"
	done >"$tree/versions"
	rm -rf "$tree/debs"
	chmod 1777 "$tree/tmp"
	echo '127.0.0.1 localhost' >"$tree/etc/hosts" # memray attach talks to its target
	echo 'root:x:0:0:root:/tmp:/bin/sh' >"$tree/etc/passwd"
	chroot "$tree" /usr/bin/python3 -c 'import json, sqlite3, ssl, asyncio' ||
		cannot "Python does not run in $tree"
	touch "$tree/ready"
fi
echo "$tree"
