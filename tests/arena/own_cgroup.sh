#!/bin/sh
# SPDX-License-Identifier: MIT
# memshed run --max in a cgroup with nothing else in it: the job gets one of its own, in which the kernel enforces --max.
# memshed has to move aside for that; a second process in its cgroup prevents it, which is said.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) max=$((64 * mib)) keys=1024 ;;
*) max=$((256 * mib)) keys=6144 ;;
esac
reference "$alloc_job" --keys $keys --passes 2

run_with_max() {
	make_limit $((4 * max))
	[ "$limit_kind" = v2 ] || skip "--max is not enforced with cgroup v1"
	: > "$work/journal"
	limit_run "$memshed" run --max $max --journal "$work/journal" -- "$@" > "$work/out" 2> "$work/err"
	status=$?
	left=$(find "$limit_dir" -mindepth 1 -type d)
	limit_remove
}

run_with_max "$alloc_job" --keys $keys --passes 2
kills=0
expect_alive
expect "a cgroup was made" "$(grep -c '"event":"start".*"enforced":true' "$work/journal")" -eq 1
expect "it has --max as its limit" "$(grep -c "\"event\":\"start\".*\"max_bytes\":$max,.*/memshed-" "$work/journal")" -eq 1
expect "the job was shrunk" "$(rounds_done)" -ge 1
expect "nothing is left behind" -z "$left"

# What frees nothing is ended at --max, and memshed tells of it.
run_with_max "$alloc_job" --keys $keys --passes 1 --fault empty --workers 1
expect "memshed survives" "$(count_events end)" -eq 1
expect "nothing is left behind" -z "$left"

# Beside another process the kernel does not divide a cgroup of v2.
make_limit $((4 * max))
: > "$work/journal"
# shellcheck disable=SC2016 # expanded inside
limit_run sh -c 'sleep 1000 & "$@"; status=$?; kill $!; exit $status' sh \
	"$memshed" run --max $max --journal "$work/journal" -- "$alloc_job" --keys $keys --passes 2 > "$work/out" 2> "$work/err"
status=$?
left=$(find "$limit_dir" -mindepth 1 -type d)
limit_remove
expect_alive
expect "none was made" "$(grep -c '"event":"start".*"enforced":false,"enforce_error":-' "$work/journal")" -eq 1
expect "nothing is left behind" -z "$left"

# There systemd is asked, as far as it is there: a script plays busctl here, and keeps what it was told.
group=$(limit_mount_v2)/memshed-arena-$$
mkdir "$group" "$group/beside" "$work/bin" || broken "cannot make cgroups"
[ -d /run/systemd/system ] || mkdir -p /run/systemd/system || broken "cannot play systemd"
cat > "$work/bin/busctl" << SCRIPT
#!/bin/sh
echo "\$@" > "$work/call"
while [ "\$1" != PIDs ]; do [ \$# -gt 0 ] || exit 1; unit=\$last last=\$1; shift; done
mkdir "$group/scope" && echo "\$7" > "$group/scope/memory.max" && echo "\$4" > "$group/scope/cgroup.procs"
SCRIPT
chmod 755 "$work/bin/busctl"
echo +memory > "$group/cgroup.subtree_control"
: > "$work/journal"
# shellcheck disable=SC2016 # expanded inside
sh -c 'echo $$ > "$0/beside/cgroup.procs"; sleep 1000 & PATH=$1:$PATH; shift; "$@"; status=$?; kill $!; exit $status' \
	"$group" "$work/bin" "$memshed" run --max $max --journal "$work/journal" -- "$alloc_job" --keys $keys --passes 2 \
	> "$work/out" 2> "$work/err"
status=$?
expect_alive
rmdir "$group/scope" "$group/beside" "$group"
expect "the job is in the scope" "$(grep -c "\"event\":\"start\".*\"max_bytes\":$max,.*/scope\".*\"enforced\":true" "$work/journal")" -eq 1
cat "$work/call"
expect "systemd was asked for a scope" "$(grep -c "^--system call org.freedesktop.systemd1 .* StartTransientUnit ssa(sv)a(sa(sv)) memshed-[0-9]*.scope fail 3 PIDs au 1 [0-9]* MemoryMax t $max CollectMode s inactive-or-failed 0\$" "$work/call")" -eq 1
done_testing
