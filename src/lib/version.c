/* SPDX-License-Identifier: MIT */
#include "config.h"
#include "memshed.h"

__attribute__((visibility("default"))) const char *memshed_version(void)
{
	return PACKAGE_VERSION;
}
