#!/bin/sh
# SPDX-License-Identifier: MIT
# capture.sh DIR PID... - copy what the sampler reads of these processes into DIR, as a root for its tests.
#
# Of each process: stat, statm, limits, cgroup. Of the first: the memory files of its cgroup and of all
# ancestors that can be seen. Of this process: the mounts of cgroups (alone, so that no other path of the
# machine is kept). Of the machine: meminfo. capture-cases.sh makes the cases.
set -eu

[ $# -ge 2 ] || { echo "usage: capture.sh DIR PID..." >&2; exit 2; }
out=$1
shift
first=$1

# Files below /proc and /sys tell no size: read to the end.
copy() {
	mkdir -p "$out/$(dirname "$1")"
	cat "/$1" > "$out/$1" 2>/dev/null || rm -f "$out/$1"
}

# copy_cgroup POINT BELOW - the memory files of a directory and of those above it, up to the mount
copy_cgroup() {
	below=$2
	while :; do
		for file in "$1$below"/memory.*; do
			case ${file##*/} in
			memory.stat | memory.max | memory.high | memory.current | memory.events) ;;
			memory.swap.max | memory.swap.current | memory.limit_in_bytes | memory.usage_in_bytes) ;;
			memory.oom_control | memory.memsw.limit_in_bytes | memory.memsw.usage_in_bytes) ;;
			*) continue ;;
			esac
			copy "${file#/}"
		done
		[ -n "$below" ] || break
		below=${below%/*}
	done
}

for pid; do
	for file in stat statm limits cgroup; do
		copy "proc/$pid/$file"
	done
done
copy proc/meminfo
mkdir -p "$out/proc/self"
grep ' - cgroup' /proc/self/mountinfo > "$out/proc/self/mountinfo" || :

# Paths with blanks are not for this script: tests make those themselves.
while read -r _ _ _ root point rest; do
	case $rest in
	*' - cgroup2 '*) path=$(sed -n 's/^0:://p' "/proc/$first/cgroup") ;;
	*memory*) path=$(sed -n 's/^[0-9]*:[^:]*memory[^:]*://p' "/proc/$first/cgroup") ;;
	*) continue ;;
	esac
	[ "$root" = / ] || path=${path#"$root"}
	[ "$path" = / ] && path=
	[ -d "$point$path" ] || path=
	copy_cgroup "$point" "$path"
done < "$out/proc/self/mountinfo"
