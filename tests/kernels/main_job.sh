#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The main job on this kernel: for the system's Python, the newest of pyenv and the 3.14 of
# tests/fresh/python314 (those of them that are there), trace leak.py and compare the report with
# what leak.py says of itself. tests/kernels/run runs it inside each guest; it runs on any machine by
# hand as well. Then what the agent attaches to no process: test_growth_events, where it is built. Exits 77 where there is nothing
# to run, 1 on a difference.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tracer=${PYLEAK_BPF:-build/pyleak-bpf}
work=$(mktemp -d)
target='' trace='' limit=0

# shellcheck disable=SC2317 # called by the trap
cleanup() {
	[ -z "$trace" ] || kill "$trace" 2>/dev/null || true
	[ "$limit" -eq 0 ] || rmdir "$group" 2>/dev/null || true
	[ -z "$target" ] || kill "$target" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

# wait_for FILE TEXT SECONDS: until a line of FILE begins so; fails when the time is up
wait_for() {
	local tick

	for ((tick = 0; tick < $3 * 10; tick++)); do
		grep -q "^$2" "$1" 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

# A malloc that leak.py loads while it is traced, with the first Python.
late=$(find /usr/lib /usr/lib64 -name 'libmimalloc.so.*' 2>/dev/null | sort | head -n 1)
[ -n "$late" ] || echo "no libmimalloc: allocators that are loaded later are not tried"

# A memory cgroup of version 2, where one can be made: leak.py's limit.
group=/sys/fs/cgroup/pyleak-main-job
if [ -w /sys/fs/cgroup/cgroup.subtree_control ] && echo +memory >/sys/fs/cgroup/cgroup.subtree_control && mkdir -p "$group"; then
	limit=$((300 << 20))
	echo "$limit" >"$group/memory.max"
fi

# in_group COMMAND...: runs it below that limit
in_group() {
	[ "$limit" -eq 0 ] || echo "$BASHPID" >"$group/cgroup.procs"
	exec "$@"
}

# main_job PYTHON LIBRARY: 0 if the report is right; the library may be none
main_job() {
	local python=$1 late=$2 status=0

	mkfifo "$work/stdin"
	: >"$work/stdout"
	: >"$work/stderr"
	in_group "$python" -I tests/kernels/leak.py ${late:+"$late"} <"$work/stdin" >"$work/stdout" &
	target=$!
	exec 3>"$work/stdin"
	wait_for "$work/stdout" READY 30 || { echo "$python: leak.py does not start"; return 1; }

	"$tracer" --pid "$target" --mode exact -o "$work/out.json" >/dev/null 2>"$work/stderr" &
	trace=$!
	if wait_for "$work/stderr" 'pyleak-bpf: tracing started' 60; then
		echo load >&3
		wait_for "$work/stdout" LOADED 30 || echo "$python: leak.py loads nothing"
		[ -z "$late" ] || wait_for "$work/stderr" ".*has loaded an allocator" 30 || echo "$python: no probes in $late"
		echo go >&3
		wait_for "$work/stdout" '\[' 30 || echo "$python: leak.py does not finish"
		kill -TERM "$trace"
	fi
	wait "$trace" || status=$?
	trace=''
	echo end >&3 || true # it may be gone, if the tracer did it harm: seen below
	exec 3>&-
	wait "$target" || { echo "$python: leak.py ended with $?"; status=1; }
	target=''
	rm "$work/stdin"

	if [ "$status" -eq 0 ]; then
		"$python" -I tests/kernels/check.py "$work/out.json" "$(grep '^\[' "$work/stdout")" "$limit" \
			>"$work/check" 2>&1 || status=1
		sed "s/^/$("$python" -V): /" "$work/check"
	fi
	[ "$status" -eq 0 ] || sed "s/^/    /" "$work/stderr"
	return "$status"
}

# newest_pyenv: the newest interpreter of pyenv, if it may be read
newest_pyenv() {
	local root=${PYENV_ROOT:-$HOME/.pyenv} version

	version=$(find "$root/versions" -maxdepth 1 -name '3.*' -printf '%f\n' 2>/dev/null | sort -V | tail -n 1)
	[ -n "$version" ] && [ -x "$root/versions/$version/bin/python3" ] && echo "$root/versions/$version/bin/python3"
}

[ -x "$tracer" ] || { echo "no $tracer: run make first"; exit 77; }
pythons=()
[ -x /usr/bin/python3 ] && pythons+=(/usr/bin/python3)
pyenv=$(newest_pyenv) && pythons+=("$pyenv")
newest=$(tests/fresh/python314 --cached 3.14 2>/dev/null) && pythons+=("$newest")
[ ${#pythons[@]} -gt 0 ] || { echo "no Python"; exit 77; }

failed=0
for python in "${pythons[@]}"; do
	main_job "$python" "$late" || failed=1
	late='' # once is enough: taking out a hundred probes one by one takes a minute
done

watching=build/unit/test_growth_events
[ -x "$watching" ] || watching=build-debug/unit/test_growth_events
if [ ! -x "$watching" ]; then
	echo "no test_growth_events is built: not tried"
elif "$watching" >"$work/watching" 2>&1; then
	echo "growth of processes that are only watched: $(grep -c '       OK' "$work/watching") tests"
else
	cat "$work/watching"
	failed=1
fi
exit "$failed"
