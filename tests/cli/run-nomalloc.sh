#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run allocates nothing once its command runs: not in a shortage, not for new processes, not to say it.
. "$(dirname "$0")/lib.sh"

guard=$build/tests/cli/.libs/libnomalloc.so
[ -e "$guard" ] || skip "a sanitizer's malloc cannot be replaced"
guarded() { env LD_PRELOAD="$guard" "$memshed" run "$@"; }

# The guard works: a program that locks and then allocates is ended.
expect 134 env LD_PRELOAD="$guard" "$build/tests/cli/lockstep"

expect 0 guarded --max 120M -- "$build/tests/cli/growing" --mib 300 --rate 400
err_has 'shrunk (by itself )?[1-9][0-9]* times?'
expect 0 guarded --max 120M --journal "$work/journal" -- "$build/tests/cli/growing" --count --mib 300 --rate 400
err_has 'shrunk [1-9][0-9]* times?'
expect 0 guarded --max 120M -- env -u MEMSHED_SOCKET "$build/tests/cli/growing" --exec --mib 200 --rate 200
err_has 'shrunk (by itself )?[1-9][0-9]* times?'
expect 0 guarded --no-cgroup --max 60M -- "$build/tests/cli/growing" --no-table --mib 100 --rate 400
expect 3 guarded --max 1G -- sh -c 'for i in $(seq 50); do sleep 0.01 & done; wait; exit 3'
expect 143 guarded --max 1G -- sh -c 'kill -TERM $PPID; exec sleep 1000'
