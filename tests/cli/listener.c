/* SPDX-License-Identifier: MIT */
/*
 * listener - prints each signal it gets, for the tests of memshed run.
 *
 * Blocks all signals, prints "ready PID", then a line "NAME VALUE" for each, until SIGTERM comes.
 * NAME is INT, HUP, RTMIN+3 ...; VALUE is what sigqueue(3) sent with it, 0 for the others.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void say(const siginfo_t *info)
{
	int value = info->si_code == SI_QUEUE ? info->si_value.sival_int : 0;

	if (info->si_signo >= SIGRTMIN)
		printf("RTMIN+%d %d\n", info->si_signo - SIGRTMIN, value);
	else
		printf("%s %d\n", sigabbrev_np(info->si_signo), value);
	fflush(stdout);
}

int main(void)
{
	sigset_t all;
	siginfo_t info;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	do {
		if (sigwaitinfo(&all, &info) > 0)
			say(&info);
	} while (info.si_signo != SIGTERM);
	return 0;
}
