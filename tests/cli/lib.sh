# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# tests/cli/lib.sh - what the scripts of this folder share. Source it first:
#
#   . "$(dirname "$0")/lib.sh"
#
# The working directory is the build tree (automake's, or by hand: cd there). A script ends with 0 when
# all is well, through fail() with 1, through skip() with 77. Everything it starts by spawn() is ended, and
# $work removed, however it ends. Conditions are waited for, never times. Other runs of the same scripts may go on
# beside it, so names of processes carry $$.

set -u
export LC_ALL=C.UTF-8
build=$PWD
export source_tree
source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
memshed=$build/memshed
target=$build/tests/cli/target
jsonget=$build/tests/cli/jsonget
work=$(mktemp -d "${TMPDIR:-/tmp}/memshed-cli.XXXXXX")
patience_s=${MEMSHED_TEST_PATIENCE:-60}
spawned=()

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { say "FAIL: $*"; show_output; exit 1; }
skip() { say "skipped: $*"; exit 77; }

show_output() {
	local file
	for file in "$work"/out "$work"/err; do
		[ -s "$file" ] && { say "${file##*/}:"; cat "$file" >&2; }
	done
	return 0
}

# Ends what spawn() started and its children, stopped processes too.
cleanup() {
	local pid child
	for pid in "${spawned[@]}"; do
		for child in $(ps -o pid= --ppid "$pid"); do
			kill -KILL "$child" 2>/dev/null
		done
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	cleanup_more
	rm -rf "$work"
}
cleanup_more() { :; } # for a script to replace
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# spawn COMMAND...: in the background, its output in $work/spawned.N; the pid is in $pid.
spawn() {
	"$@" >"$work/spawned.${#spawned[@]}" 2>&1 </dev/null &
	pid=$!
	spawned+=("$pid")
}

# wait_for DESCRIPTION COMMAND...: until the command succeeds.
wait_for() {
	local what=$1 end=$((SECONDS + patience_s))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "waited ${patience_s}s for: $what"
		sleep 0.02
	done
}

gone() { ! kill -0 "$1" 2>/dev/null; }
state_of() { sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null; }
has_state() { [ "$(state_of "$1")" = "$2" ]; }

# start_target ARGUMENT...: the toy target, ready to be asked; its pid is in $pid.
start_target() {
	local log=$work/spawned.${#spawned[@]}
	spawn "$target" "$@"
	wait_for "the target to be ready" grep -q '^ready' "$log"
}

# run COMMAND...: its output goes to $work/out and $work/err, its status to $status.
run() {
	status=0
	"$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# expect STATUS COMMAND...: run, and fail unless the status is this one.
expect() {
	local want=$1
	shift
	run "$@"
	[ "$status" = "$want" ] || fail "exit status $status instead of $want: $*"
}

out_has() { grep -Eq -- "$1" "$work/out" || fail "no match in the output: $1"; }
out_lacks() { ! grep -Eq -- "$1" "$work/out" || fail "should not be in the output: $1"; }
err_has() { grep -Eq -- "$1" "$work/err" || fail "no match in the messages: $1"; }
err_empty() { [ ! -s "$work/err" ] || fail "unexpected message"; }

# json PATH: the value at PATH (.a.b[0].c) of the output, strings raw; fails when there is none.
json() { "$jsonget" "$work/out" "$1"; }
json_is() {
	local value
	value=$(json "$1") || fail "the JSON has no $1"
	[ "$value" = "$2" ] || fail "the JSON's $1 is $value, not $2"
}

# as_nobody COMMAND...: as a user who owns nothing here; can_be_nobody says whether that works.
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs -- "$@"; }
can_be_nobody() { [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && as_nobody test -x "$memshed"; }
