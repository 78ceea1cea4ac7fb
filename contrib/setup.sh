#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh [build|test|uml|vm]
#
# Install the Debian packages that are missing and build memshed in ./build. "test" also installs what
# the whole test suite needs; "uml" only installs User-mode Linux, "vm" only qemu, and unpacks a kernel of Debian's
# in ./build/vm-kernel, which is not installed. Safe to repeat: what is there already is left alone.
# MEMSHED_BUILD names another build folder; CONFIGURE_FLAGS is handed to configure.
set -e
what=${1:-build}
top=$(cd "$(dirname "$0")/.." && pwd)
build=${MEMSHED_BUILD:-$top/build}

packages="gcc libc6-dev make autoconf automake libtool autoconf-archive pkg-config
	libproc2-dev liburcu-dev libsmartcols-dev libjansson-dev zlib1g-dev python3 python3-dev scdoc"
# Not needed to build: where one of these cannot be had, the tests that want it are skipped.
test_packages="libcmocka-dev xz-utils shellcheck procps util-linux
	python3-venv man-db"
uml_packages="user-mode-linux busybox-static"
vm_packages="qemu-system-x86 busybox-static cpio"
vm_kernel=linux-image-amd64

say() {
	echo "setup: $*"
}

missing_of() {
	for package; do
		case " $(dpkg-query -W -f '${db:Status-Status} ' "$package" 2>/dev/null)" in
		*' installed '*) ;; # "not-installed" is what a known one may be
		*) echo "$package" ;;
		esac
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		say "packages are missing, and there is neither root nor sudo: run as root: $*" >&2
		return 1
	fi
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# The package lists of a fresh machine or container are empty or old: fetch them once, when needed.
install() {
	say "installing:" "$@"
	apt install --no-install-recommends "$@" >/dev/null 2>&1 && return 0
	apt update >/dev/null && apt install --no-install-recommends "$@" >/dev/null
}

install_packages() {
	command -v dpkg-query >/dev/null || { say "not a Debian system; install what configure asks for"; return 0; }
	case $what in
	uml) packages=$uml_packages ;;
	vm) packages=$vm_packages ;;
	esac
	# shellcheck disable=SC2086
	missing=$(missing_of $packages)
	# shellcheck disable=SC2086
	[ -z "$missing" ] || install $missing
	[ "$what" = test ] || return 0
	# shellcheck disable=SC2086
	for package in $(missing_of $test_packages $uml_packages); do
		install "$package" || say "$package cannot be installed: the tests that need it will be skipped"
	done
}

# Another pkg-config may be first in PATH and not find Debian's packages.
find_pkg_config() {
	[ -z "$PKG_CONFIG" ] && [ -x /usr/bin/pkg-config ] || return 0
	pkg-config --exists libproc2 liburcu-bp 2>/dev/null && return 0
	PKG_CONFIG=/usr/bin/pkg-config
	export PKG_CONFIG
}

# What configure found depends on these: when they change it has to look again.
fingerprint() {
	echo "$CONFIGURE_FLAGS"
	# shellcheck disable=SC2086
	dpkg-query -W $packages $test_packages 2>/dev/null || :
}

build_all() {
	[ -x "$top/configure" ] || { say "making configure"; "$top/autogen.sh" >/dev/null 2>&1; }
	mkdir -p "$build"
	cd "$build"
	if [ ! -e config.status ] || [ "$(fingerprint)" != "$(cat configured-with 2>/dev/null)" ]; then
		say "configuring in $build"
		# shellcheck disable=SC2086
		"$top/configure" -q $CONFIGURE_FLAGS
		fingerprint > configured-with
	fi
	say "building in $build"
	make -s -j"$(nproc)" > build.log 2>&1 || { tail -n 40 build.log >&2; return 1; }
}

# The package that the newest kernel's name stands for, downloaded and unpacked, not installed.
fetch_vm_kernel() {
	[ ! -d "$build/vm-kernel/boot" ] || return 0
	kernel_package=$(apt-cache depends "$vm_kernel" | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
	[ -n "$kernel_package" ] || { say "apt knows no $vm_kernel" >&2; return 1; }
	say "fetching $kernel_package"
	mkdir -p "$build/vm-fetch"
	cd "$build/vm-fetch"
	apt-get -q download "$kernel_package" >/dev/null 2>&1
	dpkg-deb -x "$kernel_package"_*.deb "$build/vm-kernel"
	rm -r "$build/vm-fetch"
}

case $what in
build | test | uml | vm) ;;
*) echo "usage: setup.sh [build|test|uml|vm]" >&2; exit 2 ;;
esac
install_packages
case $what in
uml) exit 0 ;;
vm) fetch_vm_kernel; exit ;;
esac
find_pkg_config
build_all
