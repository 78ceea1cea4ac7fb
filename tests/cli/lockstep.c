/* SPDX-License-Identifier: MIT */
/* lockstep.c - locks, then allocates: what nomalloc.c must catch. */
#include <stdlib.h>
#include <sys/mman.h>

int main(void)
{
	mlockall(MCL_CURRENT);
	char *volatile memory = malloc(1);

	free(memory);
	return 0;
}
