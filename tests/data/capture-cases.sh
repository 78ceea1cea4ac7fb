#!/bin/sh
# SPDX-License-Identifier: MIT
# capture-cases.sh DIR host|guest - make the captured trees again; root.
#
#   host    on a machine whose memory controller is on cgroup v1 and writable
#   guest   inside a virtual machine or User-mode Linux with cgroup2 at /sys/fs/cgroup and nothing of value
#
# Each case is a small tree of processes: a shell, a child with an awkward name, and a grandchild.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$1
kernel=$(uname -r | cut -d. -f1,2)

# tree - start the processes; their pids, the first one's first, are in $tree
tree() {
	file=$(mktemp)
	sh -c 'printf "%s" "a) R 1 (b" > /proc/$$/comm
		sh -c "sleep 60 & echo \$! \$\$ >> $0; wait" & echo $$ >> $0; wait' "$file" &
	until [ "$(wc -l < "$file")" -eq 2 ]; do sleep 0.1; done
	tree=$(sort -n "$file" | tr '\n' ' ')
	rm "$file"
}

# end - end them again: only those
end() {
	for pid in $tree; do kill "$pid" 2>/dev/null || :; done
	wait
}

# capture CASE [COMMAND...] - run COMMAND in front of the capture, such as unshare
capture() {
	case=$1
	shift
	# shellcheck disable=SC2086 # one word per pid
	"$@" sh "$here/capture.sh" "$out/$case" $tree
}

host() {
	top=/sys/fs/cgroup/memory/memshed-capture
	mkdir -p "$top/outer/job"
	echo 268435456 > "$top/outer/memory.limit_in_bytes"
	echo 536870912 > "$top/memory.limit_in_bytes"
	echo $$ > "$top/outer/job/cgroup.procs"
	prlimit --pid $$ --data=1073741824: --as=4294967296:
	tree
	capture "cgroup1-$kernel"
	# What a container without a cgroup namespace sees: its own group bind-mounted in the root's place.
	# shellcheck disable=SC2016 # for the inner shell
	capture "cgroup1-bind-$kernel" unshare -m sh -c '
		mount --bind /sys/fs/cgroup/memory/memshed-capture/outer /mnt
		umount /sys/fs/cgroup/memory
		mount --move /mnt /sys/fs/cgroup/memory
		exec "$@"' sh
	end
	echo $$ > "$home/cgroup.procs"
	rmdir "$top/outer/job" "$top/outer" "$top"
}

guest() {
	top=/sys/fs/cgroup
	mkdir -p "$top/outer/inner/job"
	echo +memory > "$top/cgroup.subtree_control"
	echo +memory > "$top/outer/cgroup.subtree_control"
	echo +memory > "$top/outer/inner/cgroup.subtree_control"
	echo 134217728 > "$top/outer/memory.max"
	echo 100663296 > "$top/outer/inner/memory.high"
	echo $$ > "$top/outer/inner/job/cgroup.procs"
	tree
	capture "cgroup2-$kernel"
	capture "none-$kernel" unshare -m sh -c 'umount /sys/fs/cgroup; exec "$@"' sh
	# Memory on v2, another controller on v1.
	mkdir /tmp/freezer
	mount -t cgroup -o freezer freezer /tmp/freezer
	capture "hybrid-$kernel"
	umount /tmp/freezer
	# Two views from a container: a namespace of its own, with the mount from outside, seen from a sibling of
	# the job's group; and with a mount of its own, rooted at the job's group.
	mkdir "$top/outer/sibling"
	echo $$ > "$top/outer/sibling/cgroup.procs"
	capture "cgroup2-outside-$kernel" unshare -C
	echo $$ > "$top/outer/inner/job/cgroup.procs"
	# shellcheck disable=SC2016 # for the inner shell
	capture "cgroup2-namespace-$kernel" unshare -C -m sh -c '
		umount /sys/fs/cgroup
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		exec "$@"' sh
	end
}

home=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
"$2"
