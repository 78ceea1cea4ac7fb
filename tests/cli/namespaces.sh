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
