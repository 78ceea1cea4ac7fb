#!/bin/bash
# SPDX-License-Identifier: MIT
# Names that want to lead a terminal or a parser astray: shown escaped, found by what is shown.
. "$(dirname "$0")/lib.sh"

esc=$'\x1b' comm=$'e\x1b[2J\n'$$
start_target --comm "$comm" 'a\x1b[31mred=4096' 'b\nPID 1=4096' 'c\xc2\x9b31m=4096' 'd\xff\xfe=4096' \
	'e\xe2\x80\xaetxt.exe=4096' 'f"quoted"=4096' 'größe=4096' '*=4096'
expect 0 "$memshed" show "$pid"
grep -q "$esc" "$work/out" && fail "an escape character got through"
LC_ALL=C grep -q "$(printf '[\x80-\x9f]')" <(LC_ALL=C tr -d '\303\266\237' <"$work/out") && fail "a C1 control got through"
out_has '^e\?\[2J\?'$$' \(pid' # libproc2 has its own way with names of processes
out_has ' a\\x1b\[31mred '
out_has ' b\\nPID 1 '
out_has ' c\\u009b31m '
out_has ' d\\xff\\xfe '
out_has ' e\\u202etxt.exe '
out_has ' größe '
expect 0 "$memshed" show "$pid" --json # jsonget refuses what is no UTF-8
json_is '.caches[]' 8
json_is .comm 'e?[2J?'$$
expect 0 "$memshed" list
out_has ' e\?\[2J\?'$$' '
LC_ALL=C expect 0 "$memshed" show "$pid"
out_has ' gr\\u00f6\\u00dfe '

# As it is, and as it is shown.
expect 0 "$memshed" clear "$pid" 'a\x1b[31mred' "b"$'\n'"PID 1" 'd\xff\xfe' 'größe' --json
json_is '.orders[]' 4
json_is '.caches[0].cache' 'a\x1b[31mred'
expect 0 "$memshed" clear "$pid" 'gr\u00f6\u00dfe'
expect 6 "$memshed" clear "$pid" 'd\xff'
err_has 'did you mean: d\\xff\\xfe'
expect 0 "$memshed" show 'e?[2J?'$$
