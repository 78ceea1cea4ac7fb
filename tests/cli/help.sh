#!/bin/bash
# SPDX-License-Identifier: MIT
# Help, version, and what is said of verbs and options that do not exist.
. "$(dirname "$0")/lib.sh"

expect 0 "$memshed" --help
for verb in run list show clear shrink doctor; do
	out_has "^  $verb "
done
expect 0 "$memshed" --version
out_has '^memshed [0-9]+\.[0-9]+\.[0-9]+$'
expect 2 "$memshed"
err_has '^Usage: memshed VERB'
expect 2 "$memshed" lits
err_has "^memshed: unknown verb 'lits': did you mean 'list'\?$"
expect 2 "$memshed" frobnicate
err_has "unknown verb 'frobnicate': .memshed --help. lists them"
for verb in list show clear shrink doctor; do
	expect 0 "$memshed" "$verb" --help
	out_has "^Usage: memshed $verb"
	cp "$work/out" "$work/help"
	expect 0 "$memshed" help "$verb"
	cmp -s "$work/out" "$work/help" || fail "help $verb differs from $verb --help"
	expect 2 "$memshed" "$verb" --no-such-option
	err_has "memshed $verb: .*--no-such-option"
done
for verb in show clear shrink; do
	expect 2 "$memshed" "$verb"
	err_has "^memshed $verb: .*PID"
done
