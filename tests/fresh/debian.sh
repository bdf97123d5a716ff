# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Packages of any Debian suite and architecture, without touching this system's apt: sourced by
# tests/kernels/run, tests/fresh/* and vmlinux/generate.sh.
#
# Each (suite, architecture) gets an apt state directory of its own under build/apt. The mirror is
# the one that this system's apt already uses, the key ring is Debian's.

debian_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# debian_mirror: the URI of the Debian archive in this system's apt sources; fails where there is none
debian_mirror() {
	local uri

	command -v apt-get >/dev/null || return 1
	# shellcheck disable=SC2016 # for apt to fill in
	uri=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1)
	[ -n "$uri" ] && echo "${uri%/}"
}

# debian_base FILE [PACKAGE]...: a tar of debootstrap's minbase of Debian 12, with these packages as well and the settings
# that this system's mirror wants (a proxy, or dates not checked because it is a snapshot). Says what is missing.
debian_base() (
	file=$1 folder=${1%/*}
	shift
	mirror=$(debian_mirror) || { echo "no Debian mirror in this system's apt sources"; return 1; }
	[[ $mirror != https:* ]] || set -- ca-certificates "$@"
	mkdir -p "$folder"
	system=$(mktemp -d "$folder/base.XXXXXX")
	trap 'rm -rf --one-file-system "$system"' EXIT
	packages=$(IFS=,; echo "$*")
	if ! debootstrap --variant=minbase ${packages:+--include="$packages"} --keyring="$debian_keyring" \
		bookworm "$system" "$mirror" >"$folder/debootstrap.log" 2>&1; then
		echo "debootstrap: $(tail -n 1 "$folder/debootstrap.log")"
		return 1
	fi
	rm -f "$system"/var/cache/apt/archives/*.deb
	apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|Retries|https?::)' \
		>"$system/etc/apt/apt.conf.d/50mirror" || true
	chmod 755 "$system" # mktemp made it for root alone: apt fetches as another user
	tar -C "$system" -cf "$file.new" . && mv "$file.new" "$file"
)

# debian_apt SUITE ARCH TOOL ARGS: apt-get, apt-cache ... as a machine of that suite would run it
debian_apt() {
	local suite=$1 arch=$2 tool=$3 base="$debian_root/build/apt/$1-$2"

	shift 3
	"$tool" -o "Dir::State=$base/state" -o "Dir::State::status=$base/state/status" \
		-o "Dir::Cache=$base/cache" -o "Dir::Etc::sourcelist=$base/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o "APT::Architecture=$arch" -o "APT::Architectures=$arch" \
		-o APT::Install-Recommends=false -o APT::Sandbox::User=root "$@"
}

# debian_suite SUITE ARCH [with-sources]: makes the state directory and reads the suite's package
# index, if that was not done within the last hour
debian_suite() (
	base="$debian_root/build/apt/$1-$2" stamp=$base/read${3:+-$3}
	mirror=$(debian_mirror) || return 1
	mkdir -p "$base/state/lists/partial" "$base/cache/archives/partial"
	exec 9>"$base/lock"
	flock 9 # apt itself would rather fail than wait for another apt
	[ -z "$(find "$stamp" -mmin -60 2>/dev/null)" ] || return 0
	: >>"$base/state/status"
	echo "deb [signed-by=$debian_keyring] $mirror $1 main" >"$base/sources.list"
	[ -z "${3:-}" ] || echo "deb-src [signed-by=$debian_keyring] $mirror $1 main" >"$base/sources.src"
	[ ! -e "$base/sources.src" ] || cat "$base/sources.src" >>"$base/sources.list"
	debian_apt "$1" "$2" apt-get -qq update >/dev/null 2>"$base/update.log" 9>&- || return 1
	touch "$stamp"
)

# debian_version SUITE ARCH PACKAGE: its version in that suite; empty where it has none. (To apt a
# name that it does not know is a regular expression: the answer may be about other packages.)
debian_version() {
	debian_apt "$1" "$2" apt-cache policy "$3" |
		awk -v name="$3:" '/^[^ ]/ { here = $1 == name } here && $1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# debian_download SUITE ARCH DIR PACKAGE...: the .deb files into DIR
debian_download() {
	local suite=$1 arch=$2 dir=$3

	shift 3
	mkdir -p "$dir"
	(cd "$dir" && debian_apt "$suite" "$arch" apt-get -qq download "$@" >/dev/null)
}

# debian_kernel_packages SUITE ARCH: the packages that linux-image-ARCH stands for there. Up to Linux
# 6.18 one package holds kernel and modules; later ones are split into linux-binary- and linux-modules-.
debian_kernel_packages() {
	local suite=$1 arch=$2 image parts

	image=$(debian_apt "$suite" "$arch" apt-cache depends "linux-image-$arch" |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	[ -n "$image" ] || return 1
	parts=$(debian_apt "$suite" "$arch" apt-cache depends "$image" |
		sed -n 's/^ *Depends: \(linux-\(binary\|modules\)-[0-9].*\)/\1/p')
	echo "${parts:-$image}"
}
