#!/bin/bash
# SPDX-License-Identifier: MIT
# Each thing that can be wrong has its own message and its own exit status.
. "$(dirname "$0")/lib.sh"

start_target --comm "fo1.$$" alpha=4096 beta.gamma=4096
one=$pid
start_target --no-table --comm "bare.$$"
bare=$pid

for verb in show clear; do
	expect 3 "$memshed" "$verb" 4194305
	err_has "^memshed $verb: 4194305: no such process$"
	expect 3 "$memshed" "$verb" 0
	expect 3 "$memshed" "$verb" 99999999999999
	expect 3 "$memshed" "$verb" no.such.name
	err_has "^memshed $verb: no.such.name: no process of that name; .memshed list. shows"
	expect 4 "$memshed" "$verb" "$bare"
	err_has "^memshed $verb: bare.$$ \(pid $bare\): has no table: it registered no cache"
	expect 4 "$memshed" "$verb" "bare.$$"
done

expect 6 "$memshed" clear "$one" alhpa
err_has "^memshed clear: fo1.$$ \(pid $one\): no cache 'alhpa'; did you mean: alpha$"
expect 6 "$memshed" clear "$one" alpha gamma
err_has "no cache 'gamma'; did you mean: beta.gamma$"
expect 6 "$memshed" shrink "$one" --bytes 1M 'x*'
err_has "no cache 'x\*'; .memshed show. lists them$"
expect 0 "$memshed" show "$one" --json
json_is '.caches[0].orders' 0 # nothing was asked before all names were found
json_is '.caches[1].orders' 0

expect 2 "$memshed" clear "$one" --timeout soon
err_has '^memshed clear: --timeout soon: not a time'
expect 2 "$memshed" clear "$one" --timeout 0
expect 2 "$memshed" clear "$one" --timeout 2d
expect 2 "$memshed" clear "$one" --timeout 999999h
expect 2 "$memshed" clear "$one" --bytes 1M

# Mistyped options, in each verb; a letter within a word, too.
for verb in list show clear shrink doctor run; do
	code=2
	[ "$verb" != run ] || code=125
	expect "$code" "$memshed" "$verb" --hepl
	err_has "^memshed $verb: unknown option '--hepl': did you mean '--help'\?$"
	expect "$code" "$memshed" "$verb" --something-else=3
	err_has "^memshed $verb: unknown option '--something-else': .memshed $verb --help. lists them$"
	expect "$code" "$memshed" "$verb" -x
	err_has "^memshed $verb: unknown option '-x': .memshed $verb --help. lists them$"
	expect "$code" "$memshed" "$verb" --help=yes
	err_has "^memshed $verb: option '--help' takes no value$"
done
expect 2 "$memshed" show "$one" -ax
err_has "^memshed show: unknown option '-x'"
expect 2 "$memshed" shrink "$one" --bytes
err_has "^memshed shrink: option '--bytes' needs a value$"
expect 125 "$memshed" run --max
err_has "^memshed run: option '--max' needs a value$"
expect 2 "$memshed" show "$one" "$bare"
err_has "^memshed show: $bare: show takes one process$"
expect 2 "$memshed" --vresion
err_has "^memshed: unknown option '--vresion'"

# Several of a name.
start_target --comm "fo1.$$" x=4096
two=$pid
expect 9 "$memshed" show "fo1.$$"
err_has "^memshed show: fo1.$$: ambiguous: 2 processes with a table have that name; give a pid: ($one $two|$two $one)$"
start_target --no-table --comm "fo2.$$"
start_target --comm "fo2.$$" y=4096
expect 0 "$memshed" show "fo2.$$" # the one with a table is meant
out_has "^fo2.$$ \(pid $pid\)"
start_target --no-table --comm "bare.$$"
expect 4 "$memshed" show "bare.$$"
err_has "^memshed show: bare.$$: 2 processes have that name, and none has a table"

# A zombie.
spawn sh -c 'sleep 0.01 & exec sleep 1000'
parent=$pid
zombie_of() { zombie=$(ps -o pid=,stat= --ppid "$parent" | awk '$2 ~ /^Z/ {print $1}'); [ -n "$zombie" ]; }
wait_for "a zombie" zombie_of
expect 3 "$memshed" show "$zombie"
err_has "^memshed show: $zombie: the process has ended \(a zombie\)$"

# Output that cannot be written.
if [ -c /dev/full ]; then
	status=0
	"$memshed" show "$one" >/dev/full 2>"$work/err" || status=$?
	[ "$status" = 1 ] || fail "a full disk is status $status"
	err_has '^memshed: cannot write to standard output: '
fi

can_be_nobody || { say "not root, or setpriv is missing: permissions are not tested"; exit 0; }
expect 5 as_nobody "$memshed" show "$one"
err_has "^memshed show: fo1.$$ \(pid $one, uid 0\): cannot be read: permission denied; run as that user or as root$"
expect 5 as_nobody "$memshed" clear "$one"
expect 5 as_nobody "$memshed" show "fo1.$$"
err_has '2 of 2 processes of that name cannot be read: permission denied; run as their user or as root'
expect 0 as_nobody "$memshed" list
out_lacks "^ *$one "
if grep -q '^No process here has caches' "$work/out"; then
	err_has '^[0-9]+ processes cannot be read'
fi

# The other way round: root sees and clears what belongs to others.
spawn setpriv --reuid 65534 --regid 65534 --clear-groups -- "$target" --comm "nobd.$$" z=40960
wait_for "nobody's target" "$memshed" show "nobd.$$"
expect 0 "$memshed" show "nobd.$$"
out_has ', uid 65534$'
expect 0 as_nobody "$memshed" clear "nobd.$$" z
out_has ' done +z$'
expect 0 "$memshed" clear "nobd.$$"
out_has "^nobd.$$ \(pid $pid, uid 65534\)$"
out_has '^1 was not asked: it is empty.$'
