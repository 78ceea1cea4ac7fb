#!/bin/bash
# SPDX-License-Identifier: MIT
# A target in a mount and pid namespace of its own, as in a container, seen from outside.
. "$(dirname "$0")/lib.sh"

unshare --pid --mount --fork --mount-proc true 2>/dev/null || skip "no pid and mount namespaces can be made"
# The inner one is called otherwise, so that it can be found.
spawn unshare --pid --mount --fork --kill-child --mount-proc "$target" --comm "inside.$$" inner=40960
wait_for "the target" "$memshed" show "inside.$$"
expect 0 "$memshed" show "inside.$$" --json
inner=$(json .pid)
grep -q "^NSpid:	$inner	1$" "/proc/$inner/status" || fail "not in a pid namespace"
json_is '.caches[0].name' inner
json_is '.caches[0].bytes' 40960
expect 0 "$memshed" list
out_has "^ *$inner inside\.$$ "
expect 0 "$memshed" clear "$inner"
out_has ' done +inner$'

# Without /proc, and with that of another pid namespace: what is wrong is said, not "no such process".
for words in list "show $inner" "clear inside.$$"; do
	# shellcheck disable=SC2086 # two words
	expect 1 unshare --mount sh -c 'mount -t tmpfs none /proc && exec "$0" "$@"' "$memshed" $words
	err_has "^memshed ${words%% *}: cannot read /proc: is it mounted\?$"
	# shellcheck disable=SC2086 # two words
	expect 1 unshare --pid --fork "$memshed" $words
	err_has "^memshed ${words%% *}: /proc is of another pid namespace; mount a new one here$"
done

# A memshed in a pid namespace with the /proc of another: it cannot watch, and that is what show says.
spawn unshare --pid --fork --kill-child "$memshed" run --quiet -- "$target" --comm "blind.$$" a=4096
wait_for "the target" "$memshed" show "blind.$$"
expect 0 "$memshed" show "blind.$$"
out_has '^ +started by memshed, pid [0-9]+, which cannot watch it: /proc is of another pid namespace'
expect 0 "$memshed" show "blind.$$" --json
json_is .supervisor.blind EXDEV

# hidepid: a process of another user cannot be seen, and that is said.
can_be_nobody || exit 0
hidden() {
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare --mount sh -c 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"' - \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$memshed" "$@"
}
if unshare --mount mount -t proc -o hidepid=invisible proc /proc 2>/dev/null; then
	expect 5 hidden show "$inner"
	err_has "^memshed show: $inner: cannot be read: /proc hides it \(hidepid\); run as its user or as root$"
	expect 3 hidden show "inside.$$"
	err_has "no process of that name can be seen here \(hidepid\)"
	expect 3 hidden show 4194305
	err_has 'no such process$'
fi
