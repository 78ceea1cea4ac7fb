# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A real memory limit around a command: a child memory cgroup, v1 or v2. To be sourced.
#
#   limit_make BYTES    make it, "none" for a group without a limit; on failure limit_why says what is missing
#   limit_nest BYTES    make a group inside it, with a limit of its own or "none"; commands then run in there
#   limit_set BYTES     change the limit; fails where the kernel does not take it now
#   limit_run CMD...    run a command inside
#   limit_without FILE CMD...
#                       run a command outside; its peak RSS in bytes goes to FILE
#   limit_kills         how many processes the OOM killer ended in it
#   limit_peak          the most that was ever charged to it, as the kernel counts
#   limit_usage         what is charged to it now
#   limit_hits          how often the kernel had to reclaim because the limit was reached, or "unknown"
#   limit_remove        end what still runs inside, and remove it; may be called twice
#
# Sets limit_dir and limit_kind (v1 or v2).

limit_dir='' limit_inner='' limit_kind='' limit_why='' limit_as_root=''

# The memory controller's mount on cgroup v1, if that is where it is.
limit_mount_v1() {
	awk '$3 == "cgroup" && ("," $4 ",") ~ /,memory,/ { print $2; exit }' /proc/mounts
}

limit_mount_v2() {
	awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts
}

# Make a child of $1. Only a directory that got the memory controller's files counts.
limit_try() {
	limit_dir=$1/memshed-limit-$$-$(date +%s%N)
	$limit_as_root mkdir "$limit_dir" 2>/dev/null || return 1
	[ -e "$limit_dir/$2" ] && return 0
	$limit_as_root rmdir "$limit_dir"
	return 1
}

limit_make_v1() {
	limit_try "$1" memory.limit_in_bytes ||
		limit_try "$1$(awk -F: '("," $2 ",") ~ /,memory,/ { print $3; exit }' /proc/self/cgroup)" \
			memory.limit_in_bytes || return 1
	limit_kind=v1
	[ "$2" != none ] || return 0
	limit_write memory.limit_in_bytes "$2" || return 1
	limit_write memory.memsw.limit_in_bytes "$2" # fails where swap is not accounted, and that is fine
	return 0
}

# The nearest ancestor that hands the memory controller to its children: a cgroup that holds
# processes itself cannot, unless it is the root.
limit_make_v2() {
	parent=$(awk -F: '$1 == 0 { print $3; exit }' /proc/self/cgroup)
	parent=${parent%/}
	while :; do
		case " $(cat "$1$parent/cgroup.subtree_control" 2>/dev/null) " in
		*' memory '*) limit_try "$1$parent" memory.max && break ;;
		esac
		[ -n "$parent" ] || return 1
		parent=${parent%/*}
	done
	limit_kind=v2
	[ "$2" != none ] || return 0
	limit_write memory.max "$2" || return 1
	limit_write memory.swap.max 0
	return 0
}

limit_write() {
	# shellcheck disable=SC2016 # the inner shell expands them
	$limit_as_root sh -c 'echo "$2" > "$1"' sh "$limit_dir/$1" "$2" 2>/dev/null
}

limit_nest() {
	[ "$limit_kind" = v1 ] || limit_write cgroup.subtree_control +memory || return 1
	$limit_as_root mkdir "$limit_dir/inner" || return 1
	limit_inner=$limit_dir/inner
	[ "$1" = none ] || limit_write "inner/$(limit_file)" "$1"
}

limit_file() {
	case $limit_kind in
	v1) echo memory.limit_in_bytes ;;
	v2) echo memory.max ;;
	esac
}

limit_set() {
	limit_write "$(limit_file)" "$1"
}

limit_make() {
	limit_kind='' limit_inner=''
	limit_as_root=
	[ "$(id -u)" = 0 ] || ! command -v sudo >/dev/null || limit_as_root=sudo
	limit_v1=$(limit_mount_v1)
	limit_v2=$(limit_mount_v2)
	if [ -n "$limit_v1" ] && limit_make_v1 "$limit_v1" "$1"; then return 0; fi
	if [ -n "$limit_v2" ] && limit_make_v2 "$limit_v2" "$1"; then return 0; fi
	limit_remove
	# shellcheck disable=SC2034 # for the caller
	limit_why="no memory cgroup can be made here (v1: ${limit_v1:-not mounted}; v2: ${limit_v2:-not mounted})"
	return 1
}

limit_run() {
	sh -c 'dir=$1 as_root=$2; shift 2
		$as_root sh -c "echo $$ > \"$dir/cgroup.procs\"" || exit 125
		exec "$@"' sh "${limit_inner:-$limit_dir}" "$limit_as_root" "$@"
}

limit_without() {
	/usr/bin/python3 -c 'import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
open(sys.argv[1], "w").write(str(peak))
sys.exit(status)' "$@"
}

# Version 1 counts each group by itself, version 2 all that is below as well.
limit_kills() {
	if [ "$limit_kind" = v1 ]; then
		cat "$limit_dir/memory.oom_control" ${limit_inner:+"$limit_inner/memory.oom_control"} |
			awk '$1 == "oom_kill" { n += $2 } END { print n + 0 }'
	else
		awk '$1 == "oom_kill" { print $2 }' "$limit_dir/memory.events"
	fi
}

limit_peak() {
	if [ "$limit_kind" = v1 ]; then
		cat "$limit_dir/memory.max_usage_in_bytes"
	else
		cat "$limit_dir/memory.peak" 2>/dev/null || echo unknown # since Linux 5.19
	fi
}

limit_usage() {
	if [ "$limit_kind" = v1 ]; then
		cat "$limit_dir/memory.usage_in_bytes"
	else
		cat "$limit_dir/memory.current"
	fi
}

limit_hits() {
	if [ "$limit_kind" = v1 ]; then
		echo unknown # recent kernels leave memory.failcnt at 0 even after a kill
	else
		awk '$1 == "max" { print $2 }' "$limit_dir/memory.events"
	fi
}

limit_remove() {
	[ -n "$limit_dir" ] && [ -d "$limit_dir" ] || return 0
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		for limit_pid in $(cat "$limit_dir/cgroup.procs" ${limit_inner:+"$limit_inner/cgroup.procs"} 2>/dev/null); do
			$limit_as_root kill -9 "$limit_pid" 2>/dev/null
		done
		[ -z "$limit_inner" ] || $limit_as_root rmdir "$limit_inner" 2>/dev/null
		$limit_as_root rmdir "$limit_dir" 2>/dev/null && return 0
		sleep 0.2
	done
	echo "limit_remove: $limit_dir is still in use" >&2
	return 1
}
