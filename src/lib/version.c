/* SPDX-License-Identifier: MIT */
/* lib/version.c - apart, so that a new version recompiles nothing else. */
#include "config.h"
#include "memshed.h"

__attribute__((visibility("default"))) const char *memshed_version(void)
{
	return PACKAGE_VERSION;
}
