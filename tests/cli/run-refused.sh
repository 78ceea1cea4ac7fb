#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run where ppoll() is refused: it watches, shrinks and hears signals by the clock, and does not spin.
. "$(dirname "$0")/lib.sh"

refuse=$build/tests/cli/refuse
growing=$build/tests/cli/growing
"$refuse" true || skip "no filter of system calls can be set here"
has_child() { child=$(ps -o pid= --ppid "$supervisor" | tr -d ' '); [ -n "$child" ]; }
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' "/proc/$1/stat"; }

expect 0 "$refuse" "$memshed" run --max 120M -- "$growing" --count --mib 200 --rate 200
err_has 'shrunk [1-9][0-9]* times?'

spawn "$refuse" "$memshed" run -- sleep 1000
supervisor=$pid
wait_for "the command" has_child
before=$(cpu_ms "$supervisor")
sleep 2
spent=$(($(cpu_ms "$supervisor") - before))
[ "$spent" -lt 500 ] || fail "it spins: $spent ms of CPU in 2 s"
kill -s TERM "$supervisor"
wait_for "the command to end" gone "$child"
wait_for "memshed to end" gone "$supervisor"
