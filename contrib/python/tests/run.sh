#!/bin/sh
# SPDX-License-Identifier: MIT
# Run the adapter's tests with each Python there is: Debian's, the one on PATH, and those named in
# MEMSHED_PYTHONS (paths, separated by blanks; those below 3.8 are tested to go unharmed).
srcdir=${srcdir:-.}
builddir=$(pwd)
export MEMSHED_ADAPTER="$builddir/contrib/python" MEMSHED_TOOL="$builddir/memshed" PYTHONDONTWRITEBYTECODE=1
export MEMSHED_EMBEDDING="$builddir/contrib/python/tests/embedding"

skip()
{
	echo "skipped: $1"
	exit 77
}
[ -e "$MEMSHED_ADAPTER/memshed/_memshed.so" ] || skip "built without the adapter for Python"
grep -qa '__asan_init\|__tsan_init' "$builddir/.libs/libmemshed.so.0" &&
	skip "a sanitizer's library cannot be loaded into an ordinary Python"

# One of each: a version manager's python3 on PATH is a script that starts the real one.
pythons='' old=''
for python in /usr/bin/python3 "$(command -v python3)" $MEMSHED_PYTHONS; do
	real=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null) || continue
	case " $pythons $old " in *" $real "*) continue ;; esac
	if "$real" -c 'import sys; sys.exit(sys.version_info < (3, 8))'; then
		pythons="$pythons $real"
	else
		old="$old $real"
	fi
done
[ -n "$pythons" ] || skip "no Python from 3.8 on"
export MEMSHED_OLD_PYTHONS="$old"

# The modules side by side: they wait more than they work.
logs=$(mktemp -d) || exit 99
trap 'rm -rf "$logs"' EXIT
failed=''
for python in $pythons; do
	echo "== $("$python" -V 2>&1) ($python)"
	running=''
	for module in embedding ghosts loading lru processes programs proxy register size; do
		(cd "$srcdir/contrib/python/tests" && exec "$python" -m unittest -b test_$module) \
			>"$logs/$module" 2>&1 </dev/null &
		running="$running $module:$!"
	done
	for each in $running; do
		wait "${each#*:}" || failed="$failed $python:test_${each%:*}"
		cat "$logs/${each%:*}"
	done
done
[ -z "$failed" ] || echo "failed:$failed"
[ -z "$failed" ]
