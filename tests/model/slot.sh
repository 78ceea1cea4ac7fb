#!/bin/sh
# SPDX-License-Identifier: MIT
# slot.sh - every interleaving of the slot's model, checked by spin where it is installed.
set -eu
command -v spin >/dev/null || {
	echo "skipped: spin is missing (apt-get install spin)"
	exit 77
}
model=$(cd "${srcdir:-.}" && pwd)/tests/model/slot.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
spin -a "$model"
${CC:-cc} -O1 -w -o pan pan.c
./pan -m1000000 >out 2>&1 || true
cat out
grep -q 'errors: 0' out
