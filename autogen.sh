#!/bin/sh
# SPDX-License-Identifier: MIT
# Make ./configure from configure.ac.
set -e
cd "$(dirname "$0")"
for tool in autoreconf:autoconf automake:automake libtoolize:libtool pkg-config:pkg-config; do
	command -v "${tool%%:*}" >/dev/null || {
		echo "autogen.sh: ${tool%%:*} is missing; install it: apt-get install ${tool##*:}" >&2
		exit 1
	}
done
[ -e /usr/share/aclocal/ax_check_compile_flag.m4 ] || {
	echo "autogen.sh: the autoconf-archive macros are missing; install them: apt-get install autoconf-archive" >&2
	exit 1
}
mkdir -p m4
exec autoreconf --install "$@"
