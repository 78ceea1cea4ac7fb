#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run at a terminal; see run-terminal.py.
. "$(dirname "$0")/lib.sh"

command -v python3 >/dev/null || skip "no python3 to play the terminal"
run python3 "$(dirname "$0")/run-terminal.py"
[ "$status" != 77 ] || skip "$(cat "$work/err")"
[ "$status" = 0 ] || fail "at a terminal"
