/* SPDX-License-Identifier: MIT */
/*
 * run/signals.c - pass signals between the caller and the command, as if there were no supervisor.
 *
 * The command runs in our own process group, so what the terminal sends to the group (^C, ^\, ^Z,
 * hang-up, a change of its size) reaches the command by itself; the kernel marks such signals
 * SI_KERNEL and they are not forwarded. What a process sends to our pid alone is forwarded. A signal
 * that a process sends to the whole group cannot be told from that and arrives twice.
 *
 * Everything but SIGKILL, SIGSTOP and the signals of one's own faults is blocked and read from a
 * signalfd. That works as PID 1 too, where the kernel drops unblocked signals with no handler.
 *
 * Stops: when the command is stopped and job control meant the group (we got a stop signal
 * ourselves, or a shell with us as its foreground job is looking), we stop too, so that the shell
 * sees the job stop. When the command alone is stopped, away from any terminal, we go on watching: what
 * continues it would not know that we are to be continued too. SIGCONT is passed on.
 *
 * A command that ended may have left processes behind (it went to the background). As child subreaper we are
 * their parent now: the job goes on until the last of them was reaped, and signals go to them.
 *
 * One thread. Nothing here allocates.
 */
#include "run/signals.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/child.h"
#include "util/clock.h"

/* How long a program may take between the terminal's ^Z and its own stop: it restores the screen. */
#define STOP_MEMORY_NS (5 * MS_NS_PER_S)

/* Signals that mean a fault of our own; blocked, the fault would only repeat. */
static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};

static sigset_t forwarded_set(void)
{
	sigset_t set;

	sigfillset(&set);
	for (unsigned i = 0; i < sizeof(own_faults) / sizeof(own_faults[0]); i++)
		sigdelset(&set, own_faults[i]);
	return set;
}

void ms_signals_block(struct ms_signals *signals)
{
	sigset_t set = forwarded_set();
	struct sigaction plain = {.sa_handler = SIG_DFL};

	*signals = (struct ms_signals){.fd = -1, .children_fd = -1};
	sigprocmask(SIG_BLOCK, &set, &signals->original_mask);
	/* An ignored SIGCHLD, which a caller may hand down, would make children unwaitable. */
	sigaction(SIGCHLD, &plain, &signals->original_chld);
}

void ms_signals_restore(const struct ms_signals *signals)
{
	sigaction(SIGCHLD, &signals->original_chld, NULL);
	sigprocmask(SIG_SETMASK, &signals->original_mask, NULL);
}

int ms_signals_open(struct ms_signals *signals)
{
	sigset_t set = forwarded_set();

	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals->fd < 0 ? -errno : 0;
}

void ms_signals_keep_rest(struct ms_signals *signals)
{
	if (getpid() != 1)
		signals->children_fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
}

static bool is_stop(int number)
{
	return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

/*
 * Sent by the kernel to our group, and so to the command as well? Two exceptions are for us alone: a
 * hang-up goes to the session's leader first, and an alarm(2) set before we were executed is ours
 * although it was meant for what runs here.
 */
static bool command_has_it(const struct signalfd_siginfo *info)
{
	if (info->ssi_code <= 0)
		return (pid_t)info->ssi_pid == getpid(); /* our own doing, such as SIGPIPE */
	if (info->ssi_signo == SIGHUP || info->ssi_signo == SIGCONT)
		return getsid(0) != getpid();
	return info->ssi_signo != SIGALRM;
}

/* A queued signal keeps its value and its sender; the others can only be sent again. */
static void forward(pid_t pid, const struct signalfd_siginfo *info)
{
	union sigval value = {.sival_ptr = (void *)(uintptr_t)info->ssi_ptr};

	assert(pid > 0); /* 0 and less are groups */
	if (info->ssi_code == SI_QUEUE)
		sigqueue(pid, (int)info->ssi_signo, value);
	else
		kill(pid, (int)info->ssi_signo);
}

/* Of what the terminal sends ^C and ^\ alone are for what left its group; a hang-up it has left behind. */
static bool rest_has_it(const struct signalfd_siginfo *info, pid_t pid)
{
	if (info->ssi_code <= 0)
		return (pid_t)info->ssi_pid == getpid();
	return (info->ssi_signo != SIGINT && info->ssi_signo != SIGQUIT) || getpgid(pid) == getpgrp();
}

/*
 * Call a function with each of our children but the helper, until it returns true. Not reaped yet, they keep their
 * numbers. Return: whether it did.
 */
static bool each_child(const struct ms_signals *signals, bool (*visit)(void *arg, pid_t pid), void *arg)
{
	char text[512];
	ssize_t n;
	pid_t pid = 0;

	for (off_t at = 0; (n = pread(signals->children_fd, text, sizeof(text), at)) > 0; at += n) {
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
				continue;
			}
			if (pid > 0 && pid != signals->helper_pid && visit(arg, pid))
				return true;
			pid = 0;
		}
	}
	return false;
}

static bool forward_to_one(void *info, pid_t pid)
{
	if (!rest_has_it(info, pid))
		forward(pid, info);
	return false;
}

/* To all our children: the command has ended, and they are what it left behind. */
static void forward_to_rest(const struct ms_signals *signals, const struct signalfd_siginfo *info)
{
	struct signalfd_siginfo copy = *info;

	each_child(signals, forward_to_one, &copy);
}

static bool is_there(void *arg, pid_t pid)
{
	(void)arg;
	(void)pid;
	return true;
}

static bool has_rest(const struct ms_signals *signals)
{
	return each_child(signals, is_there, NULL);
}

static bool kill_one(void *count, pid_t pid)
{
	*(uint32_t *)count += kill(pid, SIGKILL) == 0;
	return false;
}

uint32_t ms_signals_kill_rest(const struct ms_signals *signals, const struct ms_child *child)
{
	uint32_t count = 0;

	if (child->ended)
		each_child(signals, kill_one, &count);
	return count;
}

/* After our own stop the shell's SIGCONT may have gone to the whole group: once is enough. */
static bool has_continued(const struct ms_child *child)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)child->pid, &info, WCONTINUED | WNOHANG) == 0 && info.si_pid == child->pid;
}

/* Stop with the command's own signal, so that the shell says the right word. */
static void stop_self(int number)
{
	struct sigaction plain = {.sa_handler = SIG_DFL}, old;
	sigset_t one;

	if (number == SIGSTOP) {
		raise(SIGSTOP);
		return;
	}
	sigemptyset(&one);
	sigaddset(&one, number);
	sigaction(number, &plain, &old);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &one, NULL); /* stops here; an orphaned group goes on */
	sigprocmask(SIG_BLOCK, &one, NULL);
	sigaction(number, &old, NULL);
}

/* The command has ended, and the terminal's ^Z stops us: the shell takes the terminal back. */
static void take_for_rest(const struct ms_signals *signals, const struct signalfd_siginfo *info)
{
	if (is_stop((int)info->ssi_signo) && info->ssi_code > 0)
		stop_self((int)info->ssi_signo);
	else
		forward_to_rest(signals, info);
}

/* Also when it was not reaped yet: a signal would be lost on it. */
static bool has_ended(const struct ms_child *child)
{
	siginfo_t info = {0};

	if (child->ended)
		return true;
	return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == child->pid;
}

static void take(struct ms_signals *signals, struct ms_child *child, const struct signalfd_siginfo *info)
{
	int number = (int)info->ssi_signo;

	if (number == SIGCHLD)
		return;
	if (number == SIGHUP || number == SIGINT || number == SIGQUIT || number == SIGTERM) {
		signals->end_signal = number;
		signals->end_seen_ns = ms_clock_ns();
	}
	if (has_ended(child)) {
		take_for_rest(signals, info);
		return;
	}
	if (is_stop(number))
		signals->stop_seen_ns = ms_clock_ns();
	if (number == SIGCONT) {
		signals->stop_seen_ns = 0;
		signals->continued = true;
		if (signals->was_stopped && has_continued(child))
			return;
	}
	if (!command_has_it(info))
		forward(child->pid, info);
}

static bool is_foreground_job(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return false;
	bool foreground = tcgetpgrp(fd) == getpgrp() && getpgrp() == getpid() && getsid(0) != getpid();
	close(fd);
	return foreground;
}

/* A stop signal that did not stop the command says nothing about a stop much later. */
static bool meant_for_group(const struct ms_signals *signals)
{
	return signals->stop_seen_ns != 0 && ms_clock_ns() - signals->stop_seen_ns < STOP_MEMORY_NS;
}

static void follow_stop(struct ms_signals *signals, int number)
{
	if (getpid() == 1 || signals->continued || !(meant_for_group(signals) || is_foreground_job()))
		return;
	signals->stop_seen_ns = 0;
	stop_self(number);
	signals->was_stopped = true;
}

/* Everything that ended or stopped: the command, and orphans of the tree that became ours. */
static void reap(struct ms_signals *signals, struct ms_child *child)
{
	struct rusage usage;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG | WUNTRACED, &usage)) > 0) {
		if (pid == signals->helper_pid && !WIFSTOPPED(status))
			signals->helper_pid = 0;
		if (pid != child->pid)
			continue;
		if (WIFSTOPPED(status)) {
			follow_stop(signals, WSTOPSIG(status));
			continue;
		}
		assert(!child->ended && (WIFEXITED(status) || WIFSIGNALED(status)));
		child->ended = true;
		child->status = status;
		child->usage = usage;
	}
	child->job_ended = child->ended && (signals->children_fd < 0 || (pid < 0 && errno == ECHILD) ||
					    (signals->helper_pid && !has_rest(signals)));
}

void ms_signals_dispatch(struct ms_signals *signals, struct ms_child *child)
{
	struct signalfd_siginfo info;

	signals->continued = false;
	while (read(signals->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		take(signals, child, &info);
	signals->was_stopped = false;
	reap(signals, child);
}

void ms_signals_die_of(int number)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t one;

	if (getpid() == 1)
		return;
	prctl(PR_SET_DUMPABLE, 0); /* RLIMIT_CORE does not keep a kernel from piping a core to a program */
	sigemptyset(&one);
	sigaddset(&one, number);
	sigaction(number, &plain, NULL);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}
