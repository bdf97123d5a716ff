#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Compares py_layout with the headers of every CPython 3.8+ that is installed with them: those of
# pyenv (PYENV_ROOT or ~/.pyenv), the system's, and the prefixes in LAYOUT_PREFIXES.
# Last line: "N passed, N failed, N skipped".

cd "$(dirname "$0")/../.." || exit 1
CC=${CC:-gcc}
pyenv_root=${PYENV_ROOT:-$(pyenv root 2>/dev/null || echo "$HOME/.pyenv")}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

$CC -std=gnu11 -D_GNU_SOURCE -O1 -Iinclude -Iuser -o "$work/actual" tests/layout/actual.c \
	user/discover/py_layouts.c user/discover/py_debug_offsets.c user/lib/elf_image.c \
	user/lib/elf_symbols.c -ldw -lelf || exit 1

# skip NAME REASON
skip() {
	echo "skipped $1: $2"
	skipped=$((skipped + 1))
}

# The file of prefix $1 that holds CPython $2.
find_binary() {
	for file in "$1"/lib/libpython"$2".so.1.0 "$1"/lib/*/libpython"$2".so.1.0 \
		"$1"/bin/python"$2"; do
		[ -e "$file" ] && echo "$file" && return
	done
}

# check PREFIX MAJOR.MINOR
check() {
	name="$2 ($1)"
	include=$1/include/python$2
	binary=$(find_binary "$1" "$2")
	[ -e "$include/internal/pycore_pystate.h" ] ||
		{ skip "$name" "no internal headers"; return; }
	[ -n "$binary" ] || { skip "$name" "no executable or library"; return; }
	if ! $CC -std=gnu11 -D_GNU_SOURCE -DPy_BUILD_CORE -w -I"$include" -I"$include/internal" \
		-I"$1/include" -I"$1/include/$($CC -print-multiarch 2>/dev/null)" \
		-o "$work/expected" tests/layout/expected.c 2>"$work/errors"; then
		sed 's/^/    /' "$work/errors" | head -20
		echo "FAILED $name: does not compile against its headers"
		failed=$((failed + 1))
		return
	fi
	"$work/expected" >"$work/want"
	if ! "$work/actual" "${2%.*}" "${2#*.}" "$binary" >"$work/have" 2>"$work/errors"; then
		sed 's/^/    /' "$work/errors"
		echo "FAILED $name: no layout"
		failed=$((failed + 1))
		return
	fi
	compare "$name"
}

# Every row that the headers give must be there and equal; those that py_layout does not hold are
# taken from the sources.
compare() {
	wrong=$(
		while read -r field want; do
			case $field in
			obj_malloc | debug_obj | tstate_interp) have=$(constant "$field" "$2") ;;
			*) have=$(sed -n "s/^$field //p" "$work/have") ;;
			esac
			[ "$have" = "$want" ] || echo "    $field: $have, should be $want"
		done <"$work/want"
	)
	if [ -n "$wrong" ]; then
		echo "$wrong"
		echo "FAILED $1"
		failed=$((failed + 1))
	else
		echo "passed $1: $(wc -l <"$work/want") rows"
		passed=$((passed + 1))
	fi
}

# The table there begins with 3.12.
runtime_obj_malloc() {
	minor=$(($(sed -n 's/^version //p' "$work/want") >> 8 & 255))
	sed -n 's/.*runtime_obj_malloc\[\] = {\(.*\)};/\1/p' user/discover/python_allocator.c |
		tr -d ' ' | cut -d, -f$((minor - 11))
}

# Numbers that discover/ has in other places than the layout.
constant() {
	case $1 in
	obj_malloc) runtime_obj_malloc ;;
	debug_obj) echo $(($(runtime_obj_malloc) + 128)) ;; # three tables of 40, records of 48
	tstate_interp) sed -n 's/^#define TSTATE_INTERP //p' user/discover/python_state.c ;;
	esac
}

for prefix in "$pyenv_root"/versions/*/ /usr/ /usr/local/ $LAYOUT_PREFIXES; do
	prefix=${prefix%/}
	for include in "$prefix"/include/python3.*; do
		version=${include##*/python}
		case $version in
		3.8 | 3.9 | 3.1[0-4]) [ -e "$include/Python.h" ] && check "$prefix" "$version" ;;
		esac
	done
done

[ $((passed + failed)) -gt 0 ] || skip "all" "no CPython 3.8 to 3.14 with headers found"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
