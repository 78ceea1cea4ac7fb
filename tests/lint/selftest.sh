#!/bin/sh
# SPDX-License-Identifier: MIT
# selftest.sh - every lint lets a clean tree through, and finds the fault it is there for.
here=$(cd "${srcdir:-.}" && pwd)/tests/lint
tree=$(mktemp -d) || exit 99
trap 'rm -rf "$tree"' EXIT
# A file, because some of what follows runs in the subshells of pipelines.
failed=$tree/failed

clean_tree() {
	rm -rf "${tree:?}/src" "$tree/man" "$tree/include" "$tree/tests/cli"
	mkdir -p "$tree/tests/lint" "$tree/tests/cli" "$tree/src/cmd" "$tree/src/policy" "$tree/src/util" "$tree/src/lib" "$tree/src/table" \
		"$tree/man" "$tree/include"
	cp "$here/lib.sh" "$tree/tests/lint/"
	cat >"$tree/src/util/a.c" <<'END'
/* SPDX-License-Identifier: MIT */
/*
 * [a.A1] the value before the flag; pairs with [a.A2]
 * [a.A2] the flag before the value; pairs with [a.A1]
 * [a.K1] is a mutex, and [a.U1] a rule of arithmetic: neither is a pair
 */
#include <stdatomic.h>
#include "util/a.h"

int short_one(int x)
{
	atomic_store_explicit(&flag, 1, memory_order_release); /* [a.A1] */
	return atomic_load_explicit(&flag, memory_order_acquire) + x; /* [a.A2] */
}
END
	printf '/* SPDX-License-Identifier: MIT */\nint memshed_one(void);\n' >"$tree/include/memshed.h"
	printf '/* SPDX-License-Identifier: MIT */\nM_1 {\nglobal:\n\tmemshed_one;\nlocal:\n\t*;\n};\n' \
		>"$tree/src/lib/libmemshed.sym"
	printf 'memshed_one(3)\n; SPDX-License-Identifier: MIT\n\n# NAME\n\nmemshed_zero, memshed_one - words\n\n# TEXT\n' \
		>"$tree/man/memshed_one.3.scd"
	printf '/* SPDX-License-Identifier: MIT */\n#define VERBS(V) \\\n\tV(one)\n' >"$tree/src/cmd/main.c"
	printf '/* SPDX-License-Identifier: MIT */\nconst struct ms_verb ms_verb_one = {\n};\n' >"$tree/src/cmd/one.c"
	printf '; SPDX-License-Identifier: MIT\n|  *one*\n:  words; *memshed-one*(1)\n' >"$tree/man/memshed.1.scd"
	printf '; SPDX-License-Identifier: MIT\n' >"$tree/man/memshed-one.1.scd"
	printf '# SPDX-License-Identifier: MIT\nman_pages += man/memshed-one.1\n' >"$tree/man/Makefile.inc"
	printf '# SPDX-License-Identifier: MIT\ncli_tests += tests/cli/one.sh\n' >"$tree/tests/cli/Makefile.inc"
	printf '#!/bin/sh\n# SPDX-License-Identifier: MIT\necho "$1"\n' >"$tree/src/script.sh"
}

# run LINT - against the tree; a lint that skips here is not tested
run() {
	case $1 in
	fences | names) output=$(srcdir=$tree python3 "$here/$1.py" 2>&1) ;;
	*) output=$(srcdir=$tree MS_POLICY_ARCHIVE=$tree/policy.a MS_OBJECTS=$tree/objects sh "$here/$1.sh" 2>&1) ;;
	esac
}

passes() {
	run "$1"
	case $? in 0 | 77) return ;; esac
	echo "$1: finds something in a clean tree: $output"
	: >"$failed"
}

# finds LINT PATTERN - it fails, and says so
finds() {
	run "$1"
	case $? in
	77) return ;;
	1)
		case $output in *"$2"*) return ;; esac
		;;
	esac
	echo "$1: does not find \"$2\", but: $output"
	: >"$failed"
}

# repeat COUNT LINE
repeat() {
	awk -v n="$1" -v line="$2" 'BEGIN { while (n-- > 0) print line }'
}

clean_tree
for lint in fences file-size function-size layers leftovers man-symbols names scripts spdx verbs; do
	passes "$lint"
done

# Each fault alone, in a clean tree. fault LINT PATTERN FILE: the text of FILE on stdin.
fault() {
	clean_tree
	cat >>"$tree/$3"
	finds "$1" "$2"
}

echo '#include "policy/policy.h"' | fault layers 'util must not know policy' src/util/a.c
echo '#include "sample/sample.h"' | fault layers 'lib must not know sample' src/lib/b.c
echo '#include "table/reader.h"' | fault layers 'does not read it' src/lib/b.c
echo '#include "sample/process.h"' | fault layers 'struct ms_sample' src/policy/b.c
echo '#include "reader.h"' | fault layers 'folder/file.h' src/table/b.c
echo '#include <libproc2/pids.h>' | fault layers 'src/sample alone' src/util/a.c
echo '#include <urcu-bp.h>' | fault layers 'go through util/list.h' src/lib/b.c
{ printf 'int long_one(void)\n{\n'; repeat 80 '	x++;'; echo '}'; } | fault function-size 'long_one has 82 lines' src/util/a.c
repeat 700 '/* */' | fault file-size 'is longer than 700' src/util/a.c
echo 'int x;' | fault spdx 'b.c:1: has no licence' src/util/b.c
printf '#!/bin/sh\n' | fault spdx 'tool:1: has no licence' src/util/tool
echo "/* TO""DO: more */" | fault leftovers 'a.c:15' src/util/a.c
echo "<<<<<<< HEAD" | fault leftovers 'a.c:15' src/util/a.c
clean_tree
sed -i 's/^local:/\tmemshed_two;\nlocal:/' "$tree/src/lib/libmemshed.sym"
finds man-symbols 'memshed_two has no man page'
finds man-symbols 'memshed_two is not declared'
echo 'int b(void) { return atomic_load_explicit(&x, memory_order_acquire); }' | fault fences 'a.c:15: an order stronger' src/util/a.c
echo 'int b(void) { return atomic_load(&x); }' | fault fences 'a.c:15: an order stronger' src/util/a.c
printf '\tx = atomic_load_explicit(&x,\n\t\tmemory_order_acquire);\n' | fault fences 'a.c:16: an order stronger' src/util/a.c
echo '/* [a.B1] one before two; pairs with [a.B2] */' | fault fences 'pairs with [a.B2], which no comment' src/util/a.c
echo '/* [a.B1] one before two; pairs with [a.A1] */' | fault fences 'which does not name it back' src/util/a.c
echo '	atomic_thread_fence(memory_order_seq_cst); /* [a.C1] */' | fault fences '[a.C1] is not defined in a' src/util/a.c
echo '	atomic_thread_fence(memory_order_seq_cst); /* [C1] */' | fault fences '[C1] does not say whose it is' src/util/a.c
echo '	atomic_thread_fence(memory_order_seq_cst); /* [b.C1] */' | fault fences 'there is no file b.c' src/util/a.c
# A store that is given the label of a mutex, or of a rule that is no pair.
for label in K1 U1; do
	clean_tree
	sed -i "s/\[a.A1\] \*\//[a.$label] *\//" "$tree/src/util/a.c"
	finds fences "[a.$label] is not defined in a"
	finds fences '[a.A1] stands at no access'
done
clean_tree
printf 'struct ms_thing {\n};\n' | tee "$tree/src/util/c.h" >>"$tree/src/util/a.c"
finds names 'ms_thing is also defined'
clean_tree
printf 'int ms_thing_do(void)\n{\n\treturn 0;\n}\n' | tee "$tree/src/lib/c.c" >>"$tree/src/util/a.c"
finds names 'ms_thing_ are also defined'
for file in src/cmd/one.c man/memshed-one.1.scd man/Makefile.inc man/memshed.1.scd tests/cli/Makefile.inc; do
	clean_tree
	: >"$tree/$file"
	[ "$file" = man/memshed-one.1.scd ] && rm "$tree/$file"
	finds verbs one
done
printf 'if [ $1 = "" ]; then echo; fi\n' | fault scripts 'script.sh:4' src/script.sh

# Objects: two that need each other, then one of them alone.
if command -v "${CC:-cc}" >/dev/null && command -v nm >/dev/null; then
	clean_tree
	mkdir -p "$tree/objects/util" || exit 99
	for body in 'int ms_b(void); int ms_a(void) { return ms_b(); }' 'int ms_a(void); int ms_b(void) { return ms_a(); }'; do
		name=$(echo "$body" | sed 's/int ms_[ab](void); int ms_\([ab]\).*/\1/')
		echo "$body" >"$tree/src/util/$name.c"
		# shellcheck disable=SC2086 # CC may have options
		${CC:-cc} -w -c -o "$tree/objects/util/$name.o" "$tree/src/util/$name.c" || exit 99
	done
	finds cycles 'needs b (ms_b)'
	rm "$tree/objects/util/b.o"
	passes cycles
fi

# The policy's objects: one that is pure, one that reads the clock.
if command -v "${CC:-cc}" >/dev/null && command -v ar >/dev/null; then
	for body in 'void *memcpy(void *, const void *, unsigned long); void f(void *a) { memcpy(a, f, 4000); }' \
		'long time(long *); long g(void) { return time(0); }'; do
		echo "$body" >"$tree/p.c"
		# shellcheck disable=SC2086 # CC may have options
		${CC:-cc} -w -c -o "$tree/p.o" "$tree/p.c" && rm -f "$tree/policy.a" && ar rc "$tree/policy.a" "$tree/p.o" || exit 99
		case $body in
		*time*) finds policy-symbols 'needs time' ;;
		*) passes policy-symbols ;;
		esac
	done
fi
[ ! -e "$failed" ]
