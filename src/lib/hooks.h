/* SPDX-License-Identifier: MIT */
/* lib/hooks.h - the host's lock, for callbacks that all need one. */
#ifndef MS_LIB_HOOKS_H
#define MS_LIB_HOOKS_H

/** ms_hooks_begin - Return: 0, or the negative errno that round_begin gave */
int ms_hooks_begin(void);
/** ms_hooks_end - by the thread that began, also where it comes back late: the lock is its own */
void ms_hooks_end(void);

#endif
