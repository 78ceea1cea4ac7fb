#!/bin/bash
# SPDX-License-Identifier: MIT
# A program under LeakSanitizer that keeps no handle of its caches has leaked nothing.
. "$(dirname "$0")/lib.sh"

cat >"$work/keeps.c" <<'END'
#include <memshed.h>
static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	(void)ctx, (void)request, (void)result;
	return MEMSHED_EMPTY;
}
__attribute__((noinline)) static int add(void)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "kept", .shrink = shrink);
	struct memshed_cache *handle;

	return memshed_register(&options, &handle);
}
/* What is left of a handle on the stack would hide a leak. */
__attribute__((noinline)) static void overwrite(void)
{
	volatile char room[16384];

	for (unsigned i = 0; i < sizeof(room); i++)
		room[i] = 0;
}
int main(void)
{
	int error = 0;

	for (int i = 0; i < 100; i++)
		error |= add();
	overwrite();
	return error ? 1 : 0;
}
END
cat >"$work/leaks.c" <<'END'
#include <stdlib.h>
int main(void)
{
	return !malloc(100);
}
END
flags=(-g -O0 -fno-builtin -fsanitize=address)
library=$build/.libs
grep -qa __tsan_ "$library/libmemshed.so" && skip "the library is built with ThreadSanitizer"
"${CC:-cc}" "${flags[@]}" -o "$work/leaks" "$work/leaks.c" 2>"$work/err" || skip "no compiler with AddressSanitizer"
"$work/leaks" >/dev/null 2>"$work/err"
grep -q 'LeakSanitizer: detected memory leaks' "$work/err" || skip "LeakSanitizer does not work here"
"${CC:-cc}" "${flags[@]}" -I"$source_tree/include" -o "$work/keeps" "$work/keeps.c" -L"$library" -lmemshed \
	-Wl,-rpath,"$library" || fail "the program cannot be built"
"$work/keeps" 2>"$work/err" || fail "leaks: $(cat "$work/err")"
