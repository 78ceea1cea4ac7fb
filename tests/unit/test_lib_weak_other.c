/* SPDX-License-Identifier: MIT */
/* A second file that includes memshed-weak.h: it shares what the first one found. */
#include "memshed-weak.h"
#include "test_lib_weak.h"

int test_weak_other_file(void)
{
	return memshed_version() != NULL;
}
