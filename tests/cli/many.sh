#!/bin/bash
# SPDX-License-Identifier: MIT
# As many caches as a process can have.
. "$(dirname "$0")/lib.sh"

start_target --many 65535
expect 0 "$memshed" list --json
expect 0 "$memshed" show "$pid"
[ "$(grep -c ' cache-[0-9]* ' "$work/out")" = 40 ] || fail "not the first 40"
out_has ' cache-65535 '
out_has '^\.\.\. and 65495 more, [0-9.]+G in all: --all shows them$'
expect 0 "$memshed" show "$pid" --all
[ "$(grep -c ' cache-[0-9]* ' "$work/out")" = 65535 ] || fail "not all of them"
expect 0 "$memshed" show "$pid" --json
json_is '.caches[]' 65535
json_is .cached_bytes $((65535 * 65536 / 2))
json_is '.caches[65534].name' cache-1
expect 0 "$memshed" shrink "$pid" --bytes 1M --dry-run
expect 0 "$memshed" clear "$pid"
out_has '^\.\.\. and 65495 more: --all shows them$'
expect 0 "$memshed" clear "$pid" 'cache-6553*' --json
json_is '.orders[]' 7
json_is '.caches[]' 7
json_is '.caches[0].status' empty

# A small stack is enough.
small() { bash -c 'ulimit -s 128; exec "$@"' - "$@"; }
for words in list 'list --json' "show $pid" "show $pid --json" "shrink $pid --bytes 1M --dry-run" "clear $pid cache-1" doctor; do
	# shellcheck disable=SC2086 # several words
	expect 0 small "$memshed" $words
done
