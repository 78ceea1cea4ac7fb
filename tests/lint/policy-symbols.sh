#!/bin/sh
# SPDX-License-Identifier: MIT
# policy-symbols.sh - the policy is pure: its objects need nothing from outside but copying and maths.
# Runs in the build tree, where the objects are. What the compiler and the sanitizers add is let through.
archive=${MS_POLICY_ARCHIVE:-.libs/libms-policy.a}
nm=${NM:-nm}
command -v "$nm" >/dev/null || {
	echo "skipped: $nm is missing"
	exit 77
}
[ -e "$archive" ] || {
	echo "$archive: is missing; run make first"
	exit 1
}
needed=$("$nm" -u "$archive" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u |
	grep -vE '^(mem(cpy|move|set|cmp)|qsort|log2?|exp2?|pow|sqrt|fmin|fmax|ms_(policy|rank)_[a-z0-9_]+|__assert_fail|__stack_chk_fail|__(asan|ubsan|tsan|sanitizer|gcov|llvm)_.*|_GLOBAL_OFFSET_TABLE_)$')
[ -z "$needed" ] && exit 0
printf '%s\n' "$needed" | sed "s|.*|$archive: needs &; hand the value in instead: the policy has no clock, no descriptor, no allocation|"
exit 1
