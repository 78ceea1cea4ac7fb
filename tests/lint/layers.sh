#!/bin/sh
# SPDX-License-Identifier: MIT
# layers.sh - who includes whom. CONTRIBUTING.md shows the same as a map; change the two together.
. "${srcdir:-.}/tests/lint/lib.sh"

# Folder, and the folders whose headers it may include.
allowed="
util    util
table   table util
lib     lib rank table util
sample  sample util
rank    rank table util
policy  policy rank sample table util
event   event policy sample table util
watch   watch event policy rank sample table util
cli     cli util
run     run watch event cli sample policy table util
cmd     cmd cli watch event sample policy rank table util
"
# Within a folder that may be included, headers that may not: the plain structs are what policy gets,
# the target's side of the table is what lib gets, and the other side what the tool gets.
denied="
policy  sample/(process|tree|cgroup|budget|pace|pids)\\.h  take the numbers from struct ms_sample
policy  table/(writer|control|memfd|proc)\\.h              take the rows from struct ms_row
policy  util/root\\.h                                      the policy does no I/O
lib     table/reader\\.h                                   the target writes its table, it does not read it
watch   table/writer\\.h                                   only the target writes its table
cmd     table/writer\\.h                                   only the target writes its table
"
# Headers of libraries, and the only place that may include them.
fenced="
libproc2/        ^src/sample/               libproc2 lives in src/sample alone
urcu             ^src/util/list\\.h\$       go through util/list.h
libsmartcols/    ^src/cmd/                  tables are drawn in src/cmd alone
jansson\\.h      ^src/(cmd|event)/          JSON is written in src/cmd and src/event alone
"

findings=$(lint_files '*.c' '*.h' | grep '^\./src/' | sed 's,^\./,,' | tr '\n' '\0' |
	xargs -0 awk -v allowed="$allowed" -v denied="$denied" -v fenced="$fenced" '
	BEGIN {
		n = split(allowed, lines, "\n")
		for (i = 1; i <= n; i++) {
			m = split(lines[i], w, " ")
			for (j = 2; j <= m; j++) may[w[1], w[j]] = 1
			if (m) known[w[1]] = 1
		}
		denials = split(denied, denial, "\n")
		fences = split(fenced, fence, "\n")
	}
	function rest(w, m, from,   text, k) {
		for (k = from; k <= m; k++) text = text (k > from ? " " : "") w[k]
		return text
	}
	function find(what, todo) { printf "%s:%d: includes %s; %s\n", FILENAME, FNR, what, todo }
	!/^[ \t]*#[ \t]*include/ { next }
	{
		split(FILENAME, path, "/"); from = path[2]
		header = $0; sub(/^[ \t]*#[ \t]*include[ \t]*["<]/, "", header); sub(/[">].*/, "", header)
		for (i = 1; i <= fences; i++) {
			m = split(fence[i], w, " ")
			if (m && header ~ "^" w[1] && FILENAME !~ w[2]) find("<" header ">", rest(w, m, 3))
		}
	}
	/<[^>]*>/ { next }
	header ~ /^(memshed|memshed-weak|config)\.h$/ { next }
	{
		to = header; sub(/\/.*/, "", to)
		if (header !~ /\// || !(to in known))
			find("\"" header "\"", "write it as \"folder/file.h\", from src/")
		else if (!((from, to) in may))
			find("\"" header "\"", from " must not know " to "; move the code, or pass a plain value")
		for (i = 1; i <= denials; i++) {
			m = split(denial[i], w, " ")
			if (m && w[1] == from && header ~ "^" w[2] "$") find("\"" header "\"", rest(w, m, 3))
		}
	}')
lint_report "$findings"
