#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs a command in the tree of tests/bench/tree.sh, in a mount namespace of its own: nothing stays
# mounted. The process becomes the command: same PID. The workloads are at /work there.
#
#   unshare --mount --propagation private tests/bench/inside.sh TREE WORKLOADS DIRECTORY COMMAND...
set -eu
tree=$1 workloads=$2 directory=$3
shift 3
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount --rbind /dev "$tree/dev"
mount --bind "$workloads" "$tree/work"
exec chroot "$tree" /usr/bin/env --chdir="$directory" PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
