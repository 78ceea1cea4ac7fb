# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables go to and come from the sourcing files
# What uml-run and vm-run share: run a command as root in a guest with a kernel of its own. To be sourced by them.
#
# The guest sees this machine's files, and what it writes stays in its memory. stdout and stderr come back
# separately and byte by byte; the exit status is the command's (128+N for signal N), 124 on timeout, 125
# when the guest died without one.
#
# A script sets guest_name, calls guest_options "$@" and shifts, defines guest_missing(), which prints what is missing
# and fails or sets up the script's own variables, and calls guest_begin "$@". It then has a folder $dir with
#
#   in-guest     a shell script that the guest runs as root, in its root
#   status       where the exit status belongs
#   kernel.log   where the console belongs
#
# starts the guest in the background as $guest, waits for it, and ends with guest_end.
#
# Options of all:
#  -m  the guest's memory (512M)        -t  wall-clock limit in seconds (60)
#  -w  a directory of the host that the guest may write, at the same path
#  -k  keep the guest's kernel log here
#  -c  only check: print what is missing and exit 1, or exit 0
memory=512M timeout=60 writable='' kernel_log=/dev/null check='' guest_option=''

# guest_options MORE ARG...: MORE is the getopts string of the script's own options; it handles them in guest_own().
guest_options() {
	more=$1
	shift
	while getopts "m:t:w:k:c$more" guest_option; do
		case $guest_option in
		m) memory=$OPTARG ;;
		t) timeout=$OPTARG ;;
		w) writable=$(realpath "$OPTARG") || exit 125 ;;
		k) kernel_log=$OPTARG ;;
		c) check=1 ;;
		\?) exit 125 ;;
		*) guest_own "$guest_option" "$OPTARG" ;;
		esac
	done
}

# shellcheck disable=SC2317 # by trap
guest_stop() {
	[ -z "$guest" ] || { kill "$guest"; wait "$guest"; } 2>/dev/null
	exit 130
}

quoted() {
	printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

guest_begin() {
	why=$(guest_missing) || { echo "$guest_name: $why" >&2; exit $((check ? 1 : 125)); }
	[ -z "$check" ] || exit 0
	[ $# -gt 0 ] || { echo "$guest_name: no command" >&2; exit 125; }
	guest_missing
	dir=$(mktemp -d "${TMPDIR:-/tmp}/$guest_name.XXXXXX") || exit 125
	guest=
	trap 'rm -rf "$dir"' EXIT
	trap guest_stop INT TERM HUP
	{
		export -p | grep -v -E '^export (PWD|OLDPWD|SHLVL|_)='
		echo "cd $(quoted "$PWD") || exit 125; ulimit -c 0"
		printf exec
		for argument; do
			printf ' %s' "$(quoted "$argument")"
		done
		echo
	} > "$dir/in-guest"
	: > "$dir/status"
	: > "$dir/kernel.log"
}

# guest_end: once the guest has ended, with its status in $ended.
guest_end() {
	guest=
	cat "$dir/kernel.log" > "$kernel_log"
	status=$(tr -dc 0-9 < "$dir/status")
	[ -z "$status" ] || exit "$status"
	if [ $ended = 124 ] || [ $ended = 137 ]; then
		echo "$guest_name: timeout after $timeout s" >&2
		exit 124
	fi
	echo "$guest_name: the guest died without a status ($ended):" >&2
	tail -n 15 "$dir/kernel.log" >&2
	exit 125
}
