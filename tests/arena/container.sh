#!/bin/sh
# SPDX-License-Identifier: MIT
# memshed itself is PID 1 of a container with the limit: its own pid, mount and cgroup namespaces, in
# which the limit's cgroup is the root of all it sees.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) limit=$((64 * mib)) keys=2048 ;;
*) limit=$((256 * mib)) keys=8192 ;;
esac
unshare --pid --cgroup --mount --fork true 2>/dev/null || skip "not allowed to make namespaces"
reference "$alloc_job" --keys $keys --passes 2
make_limit $limit
: > "$work/journal"
case $limit_kind in
v1) mount="-t cgroup -o memory" point=$(limit_mount_v1) ;;
v2) mount="-t cgroup2" point=$(limit_mount_v2) ;;
esac
# shellcheck disable=SC2016 # expanded inside
limit_run unshare --pid --cgroup --mount --fork --mount-proc sh -c '
	umount -l "$2" || exit 99
	mount $1 memory "$2" || exit 99
	shift 2
	exec "$@"' sh "$mount" "$point" \
	"$memshed" run --journal "$work/journal" -- "$alloc_job" --keys $keys --passes 2 > "$work/out" 2> "$work/err"
status=$?
kills=$(limit_kills)
limit_remove
expect_alive
expect "the job is not the container's init" "$(job_pid)" -gt 1
expect "the container's own limit was found" "$(grep -c "\"max_bytes\":$limit," "$work/journal")" -ge 1
done_testing
