# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# lib.sh - shared by the lints: where the sources are, which files count, how a finding is said.
#
# A lint runs from any directory; $srcdir is the source tree (make check sets it). It prints one line
# per finding, "WHERE: WHAT; WHAT TO DO", and fails if there was any.

cd "${srcdir:-.}" || exit 99
# The same order and the same bytes everywhere.
LC_ALL=C
export LC_ALL

# lint_files NAME-PATTERN... - the project's own files of these names; nothing that a tool made
lint_files() {
	patterns=
	for pattern; do
		patterns="$patterns${patterns:+ -o }-name $pattern"
	done
	set -f
	# shellcheck disable=SC2086 # the patterns are words of their own
	find . \( -name .git -o -name m4 -o -name build-aux -o -name 'autom4te.cache' -o -name __pycache__ \
		-o -name '_build' -o -path './build*' -o -path './memshed-[0-9]*' \) -prune -o \
		-type f \( $patterns \) ! -name configure ! -name 'config.*' ! -name aclocal.m4 \
		! -name Makefile.in ! -name libtool ! -name '*~' -print | sort
	set +f
}

# lint_scripts INTERPRETER-PATTERN - the project's own files that begin with such a #! line, but for the
# wrappers that libtool puts before programs that are not installed
lint_scripts() {
	lint_files '*' | tr '\n' '\0' | xargs -0 awk -v interpreter="$1" '
		FNR == 1 {
			if (script != "") print script
			script = ($0 ~ "^#!.*(/| )(" interpreter ")( |$)") ? FILENAME : ""
			if (script == "") nextfile
		}
		/temporary wrapper script/ { script = "" }
		FNR > 4 { nextfile }
		END { if (script != "") print script }' /dev/null
}

# lint_report - findings on stdin; Return: 1 if there are any
lint_report() {
	if [ -n "$1" ]; then
		printf '%s\n' "$1"
		return 1
	fi
	return 0
}
