#!/bin/sh
# SPDX-License-Identifier: MIT
# library-size.sh - every program that has a cache maps libmemshed: what it adds to the file and to the
# process stays small. Runs in the build tree. State that is not all zeroes stands in the file; what is
# large is mapped when it is used.
library=${MS_LIBRARY:-.libs/libmemshed.so}
most_file=102400 most_data=8192
{ command -v strip && command -v size; } >/dev/null || {
	echo "skipped: strip or size is missing"
	exit 77
}
[ -e "$library" ] || {
	echo "$library: is missing; run make first"
	exit 1
}
if nm -D -u "$library" | grep -qE '__(asan|tsan|ubsan)_'; then
	echo "skipped: built with a sanitizer, which adds to it"
	exit 77
fi
stripped=$(mktemp) || exit 99
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$library" || exit 99
bytes=$(wc -c <"$stripped")
data=$(size "$library" | awk 'NR == 2 { print $2 }')
status=0
[ "$bytes" -le $most_file ] || {
	echo "$library: stripped it has $bytes bytes, more than $most_file; look at size and nm --size-sort"
	status=1
}
[ "$data" -le $most_data ] || {
	echo "$library: $data bytes of data, more than $most_data; begin with zeroes, and set at the start what is not"
	status=1
}
exit $status
