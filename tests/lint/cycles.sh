#!/bin/sh
# SPDX-License-Identifier: MIT
# cycles.sh - within a folder of src/ no object needs another that needs it in turn. Looks at the built objects:
# the one file that defines a symbol, and those that leave it undefined.
objects=${MS_OBJECTS:-src}
sources=${srcdir:-.}
findings=$(for folder in "$objects"/*/; do
	# Of libtool's pairs the one that is made for a shared library, which is beside the other in .libs.
	find "$folder" -name '*.o' | sort | awk -v folder="$folder" '
		{ name = $0; sub(/.*\//, "", name); sub(/^lib[a-z0-9_]*_la-/, "", name)
		  if (!(name in path) || $0 ~ /\/\.libs\//) path[name] = $0 }
		END { for (name in path) print path[name] }' |
	while read -r object; do
		# One that is left from a file that was removed does not count.
		name=$(basename "$object" .o | sed 's/^lib[a-z0-9_]*_la-//')
		[ -e "$sources/src/$(basename "$folder")/$name.c" ] || continue
		nm "$object" | awk -v object="$name" '
			NF == 3 && $2 ~ /[BDRTVWCG]/ { print "defines", object, $3 }
			NF == 2 && $1 ~ /[Uvw]/ { print "needs", object, $2 }'
	done | awk -v folder="$(basename "$folder")" '
		$1 == "defines" { definer[$3] = $2; objects[$2] = 1 }
		$1 == "needs" { need[++needs] = $2 " " $3 }
		function visit(name,   to) {
			state[name] = 1; trail[++depth] = name
			for (to in objects) {
				if (!((name, to) in edge)) continue
				if (state[to] == 1) report(to, name)
				else if (!state[to]) visit(to)
			}
			state[name] = 2; depth--
		}
		function report(from, last,   i, text) {
			for (i = depth; trail[i] != from; i--) ;
			text = from
			for (i++; i <= depth; i++) text = text " needs " trail[i] " (" edge[trail[i - 1], trail[i]] ")"
			printf "src/%s: %s needs %s (%s); have one of them called with what it needs\n",
				folder, text, from, edge[last, from]
		}
		END {
			for (i = 1; i <= needs; i++) {
				split(need[i], w, " ")
				if (w[2] in definer && definer[w[2]] != w[1]) edge[w[1], definer[w[2]]] = w[2]
			}
			for (name in objects) if (!state[name]) visit(name)
		}'
done)
if [ -n "$findings" ]; then
	printf '%s\n' "$findings"
	exit 1
fi
