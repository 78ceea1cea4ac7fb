# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# lib.sh - have spin check every interleaving of a model, where it is installed.

# check_model NAME [ARGUMENT...] - tests/model/NAME.pml; what follows is for its verifier
check_model() {
	command -v spin >/dev/null || {
		echo "skipped: spin is missing (apt-get install spin)"
		exit 77
	}
	model=$(cd "${srcdir:-.}" && pwd)/tests/model/$1.pml
	shift
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	cd "$work" || exit 99
	spin -a "$model"
	${CC:-cc} -O1 -w -o pan pan.c
	./pan -m1000000 "$@" >out 2>&1 || true
	cat out
	grep -q 'errors: 0' out
}
