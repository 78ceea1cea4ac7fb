#!/bin/sh
# SPDX-License-Identifier: MIT
# memory.high alone, as systemd's MemoryHigh= sets it: the kernel does not end a job there but slows it down, with its
# allocator's locks held, until no callback can free anything. Supervised the job stays below.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) high=$((48 * mib)) keys=1024 ;;
*) high=$((192 * mib)) keys=6144 ;;
esac

high_events() {
	awk '$1 == "high" { print $2 }' "$limit_dir/memory.events"
}

# The limit's place with no limit but memory.high.
make_high() {
	make_limit $((2 * high))
	[ "$limit_kind" = v2 ] || skip "memory.high is of cgroup v2"
	limit_write memory.max max || broken "memory.max cannot be set"
	limit_write memory.high $high || broken "memory.high cannot be set"
}

reference "$alloc_job" --keys $keys --passes 2
make_high
limit_run timeout 20 "$alloc_job" --keys $keys --passes 2 > "$work/control.out" 2>&1
status=$?
events=$(high_events)
limit_remove
echo "control: status $status, events of high: $events"
expect "without memshed the job meets memory.high again and again" "$events" -ge 100

# run_at_high CMD...: supervised; sets status, kills, events.
run_at_high() {
	make_high
	: > "$work/journal"
	# shellcheck disable=SC2086 # words are meant
	limit_run timeout -k 10 "$patience" $supervised_as "$memshed" run --journal "$work/journal" -- "$@" \
		> "$work/out" 2> "$work/err"
	status=$?
	kills=$(limit_kills)
	events=$(high_events)
	limit_remove
	echo "supervised: status $status, events of high: $events"
	expect_alive
	expect "it met memory.high hardly ever" "$events" -le 8
}

run_at_high "$alloc_job" --keys $keys --passes 2
expect "memory.high was the limit" "$(grep -c '"event":"order".*"limit":"cgroup2 memory.high"' "$work/journal")" -ge 1

# Four threads beside busy loops: what frees memory seldom has a CPU, and the threads wait for it.
for _ in 1 2 3 4; do
	(while :; do :; done) &
	started="$started $!"
done
privilege plain
patience=120
reference "$threads_job" -m $((high * 4 / mib))
run_at_high "$threads_job" -m $((high * 4 / mib))
done_testing
