#!/bin/bash
# SPDX-License-Identifier: MIT
# Help, version, and what is said of verbs and options that do not exist. The verbs are those that --help lists.
. "$(dirname "$0")/lib.sh"

expect 0 "$memshed" --help
verbs=$(sed -n 's/^  \([a-z]*\) .*/\1/p' "$work/out")
[ "$(echo "$verbs" | wc -l)" -ge 6 ] || fail "--help lists too few verbs: $verbs"
cp "$work/out" "$work/help"
expect 0 "$memshed" help
cmp -s "$work/out" "$work/help" || fail "help differs from --help"
expect 0 "$memshed" --version
out_has '^memshed [0-9]+\.[0-9]+\.[0-9]+$'
expect 2 "$memshed"
err_has '^Usage: memshed VERB'
expect 2 "$memshed" lits
err_has "^memshed: unknown verb 'lits': did you mean 'list'\?$"
expect 2 "$memshed" frobnicate
err_has "unknown verb 'frobnicate': .memshed --help. lists them"
expect 2 "$memshed" --frobnicate
err_has "unknown option '--frobnicate'; options other than --help and --version follow a verb"
for verb in $verbs; do
	expect 0 "$memshed" "$verb" --help
	err_empty
	out_has "^Usage: memshed $verb"
	out_has '^ .*-h, --help +this text$'
	out_has "memshed-$verb\(1\)\.$"
	cp "$work/out" "$work/help"
	for words in "help $verb" "$verb -h"; do
		# shellcheck disable=SC2086 # two words
		expect 0 "$memshed" $words
		cmp -s "$work/out" "$work/help" || fail "$words differs from $verb --help"
	done
	run "$memshed" "$verb" --no-such-option
	case $status in 2 | 125) ;; *) fail "$verb --no-such-option is status $status" ;; esac
	err_has "^memshed $verb: unknown option '--no-such-option'"
	# One that wants a process says so.
	grep -Eq '^Usage: memshed [a-z]+ PID' "$work/help" || continue
	expect 2 "$memshed" "$verb"
	err_has "^memshed $verb: no process given: .*PID"
done

if [ -c /dev/full ]; then
	for words in --help --version 'help list' 'run --help'; do
		status=0
		# shellcheck disable=SC2086 # two words
		"$memshed" $words >/dev/full 2>"$work/err" || status=$?
		[ "$status" = 1 ] || fail "a full disk is status $status for: $words"
		err_has '^memshed: cannot write to standard output: '
	done
fi
