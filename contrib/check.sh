#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh
#
# Install what is missing, build, and run the whole test suite: make check, the unit and torture tests
# under AddressSanitizer with UndefinedBehaviorSanitizer and under ThreadSanitizer, the arena (real jobs
# against a real OOM killer) and the demo. The last line says "N passed, N failed, N skipped". Exits 1 when
# something failed, when no test ran, or when the whole arena was skipped.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=${MEMSHED_BUILD:-$top/build}
passed=0 failed=0 skipped=0
log=$(mktemp "${TMPDIR:-/tmp}/memshed-check.XXXXXX") || exit 1
trap 'rm -f "$log" "$log.status"' EXIT
trap 'exit 130' INT TERM HUP

step() {
	echo
	echo "== $* =="
}

# Of the last summary: the log of a test that failed has one as well.
sum_of() {
	awk -v key="$1" '$1 == "#" && $2 == "TOTAL:" { sum = 0 } $1 == "#" && $2 == key ":" { sum += $3 }
		END { print sum + 0 }' "$log"
}

# suite NAME CMD...: run something that prints automake's summary, show it, and count.
suite() {
	name=$1
	shift
	step "$name"
	{ "$@" 2>&1 </dev/null; echo $? > "$log.status"; } | tee "$log"
	status=$(cat "$log.status")
	suite_passed=$(($(sum_of PASS) + $(sum_of XFAIL)))
	suite_failed=$(($(sum_of FAIL) + $(sum_of XPASS) + $(sum_of ERROR)))
	suite_skipped=$(sum_of SKIP)
	# It failed before it got to a summary.
	[ "$status" = 0 ] || [ "$suite_failed" -gt 0 ] || suite_failed=1
	[ "$status" != 0 ] || [ $((suite_passed + suite_skipped)) -gt 0 ] || suite_failed=1
	passed=$((passed + suite_passed)) failed=$((failed + suite_failed)) skipped=$((skipped + suite_skipped))
	echo "$name: $suite_passed passed, $suite_failed failed, $suite_skipped skipped"
}

# Built quietly first; when that fails, the second make says why. VERBOSE shows the log of a test that failed.
check() {
	make -C "$build" -s -j"$(nproc)" check TESTS= >/dev/null 2>&1
	make -C "$build" -s -j"$(nproc)" check VERBOSE=1
}

# sanitized LIST: the unit and torture tests in a build folder of their own.
sanitized() {
	MEMSHED_BUILD=$build/sanitize-$(echo "$1" | tr , -) CONFIGURE_FLAGS="--enable-sanitizers=$1" \
		"$top/contrib/setup.sh" build || return 1
	cd "$build/sanitize-$(echo "$1" | tr , -)" || return 1
	make -s -j"$(nproc)" check VERBOSE=1 TESTS="$(make -s list-tests | tr ' ' '\n' | grep -E '^tests/(unit|torture)/' |
		tr '\n' ' ')"
}

arena() {
	make -C "$build" -s check-arena
}

demo() {
	if "$top/contrib/demo.sh" --files 150; then
		echo "# PASS: 1"
	else
		echo "# FAIL: 1"
	fi
}

begin=$(date +%s)
step "set-up"
"$top/contrib/setup.sh" test </dev/null || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
suite "make check" check
suite "address and undefined-behaviour sanitizer" sanitized address,undefined
suite "thread sanitizer" sanitized thread
suite "arena" arena
if [ $suite_passed = 0 ] && [ $suite_failed = 0 ]; then
	echo "no arena test could run: nothing was proved" >&2
	failed=$((failed + 1))
fi
suite "demo" demo
[ $((passed + failed)) -gt 0 ] || { echo "no test ran" >&2; failed=1; }
echo
echo "took $((($(date +%s) - begin) / 60)) min"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
