#!/bin/sh
# SPDX-License-Identifier: MIT
# fences.sh - every fence and every atomic stronger than relaxed names its pair by a label in brackets,
# such as [T1], on its line, on the last line of the same statement, or in the comment right above; and
# every label named so stands somewhere else in src/ as well.
. "${srcdir:-.}/tests/lint/lib.sh"

# An atomic without an explicit order is the strongest of all.
strong='memory_order_(acquire|release|acq_rel|seq_cst|consume)|__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST|CONSUME)|__sync_|atomic_(load|store|exchange|fetch_[a-z]+|compare_exchange_[a-z]+)[(]'
files=$(lint_files '*.c' '*.h' | grep -E '^\./(src|include)/')
# shellcheck disable=SC2086 # file names without blanks
findings=$(awk -v strong="$strong" '
	# Labels in a line, without those it only "pairs with".
	function note(text, pairs,   label) {
		while (match(text, /\[[A-Z][0-9]+[a-z]?\]/)) {
			label = substr(text, RSTART, RLENGTH)
			if (substr(text, 1, RSTART - 1) ~ /pairs with (\[[A-Z][0-9]+[a-z]?\](,| and| or)? *)*$/) {
				if (pairs) wanted[label] = wanted[label] ? wanted[label] : where
			} else
				seen[label]++
			text = substr(text, RSTART + RLENGTH)
		}
	}
	function has_label(text) { return text ~ /\[[A-Z][0-9]+[a-z]?\]/ }
	function labels_of(text,   label) {
		while (match(text, /\[[A-Z][0-9]+[a-z]?\]/)) {
			label = substr(text, RSTART, RLENGTH)
			used[label] = used[label] ? used[label] : where
			text = substr(text, RSTART + RLENGTH)
		}
	}
	function settle() {
		if (pending == "") return
		printf "%s: an order stronger than relaxed without a label; name its pair: [X1] what before what; pairs with [X2]\n", pending
		pending = ""
	}
	FNR == 1 { settle(); above = ""; in_comment = 0 }
	{ where = FILENAME ":" FNR; note($0, 1) }
	# The rest of a statement that began above.
	pending != "" {
		if (has_label($0)) { labels_of($0); pending = "" }
		else if (/[;{]/) settle()
	}
	{
		code = $0
		sub(/\/\*.*/, "", code); sub(/\/\/.*/, "", code)
		if (in_comment || $0 ~ /^[ \t]*\*/) code = ""
	}
	code ~ strong && code !~ /^[ \t]*#[ \t]*error/ {
		if (has_label($0)) labels_of($0)
		else if (has_label(above)) labels_of(above)
		else if (code ~ /[;{][ \t]*\\?$/ || code ~ /^#define/) { pending = where; settle() }
		else pending = where
	}
	# What counts as right above: a comment, or lines of the same statement.
	{
		if ($0 ~ /^[ \t]*(\/\*|\*)/ || in_comment) above = above "\n" $0
		else if (code ~ /[;{}][ \t]*\\?$/ || $0 ~ /^[ \t]*$/) above = ""
		else above = above "\n" $0
		if ($0 ~ /\/\*/ && $0 !~ /\*\//) in_comment = 1
		if ($0 ~ /\*\//) in_comment = 0
	}
	END {
		settle()
		for (label in wanted) if (!(label in seen))
			printf "%s: pairs with %s, which is nowhere; put the label at the other side\n", wanted[label], label
		for (label in used) if (seen[label] < 2 && !(label in wanted))
			printf "%s: %s stands nowhere else; label the other side, or describe the pair at the head of a file\n", used[label], label
	}' $files | sort)
lint_report "$findings"
