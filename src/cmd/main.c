/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return MS_EXIT_USAGE;
}
