/* SPDX-License-Identifier: MIT */
/*
 * run/helper.c - a process that was forked early and waits, for what cannot be done when memory has run out.
 *
 * In a full memory cgroup fork() and execve() call the OOM killer, and a send on a socket fails. So the
 * helper exists before the job begins, and waits on a futex in shared memory. The helper of a hook keeps some
 * memory, which it gives up before it runs the hook. That much is there for the hook then; where the job is
 * in the same cgroup, only until the job takes it.
 *
 * It is forked in the same state as the command's own process, before the supervisor changes anything of
 * itself. So a command that it starts finds everything as the caller of memshed left it: descriptors, limits,
 * scheduling, oom_score_adj. For that the helper of --on-exhausted=restart keeps the caller's descriptors;
 * the helper of a hook keeps stderr alone. The command is a child of the supervisor (CLONE_PARENT). Before
 * its process executes anything it waits until the supervisor has put it into the job's cgroup, where one was
 * made: the helper is not in that.
 *
 * The helper blocks all signals, so that those of the terminal do not end it, and ends with the supervisor.
 * It may be killed at any moment: then a command that it was to start either runs, and its pid is known, or
 * will never run, because the supervisor gave it up first (STEP_ENDS).
 *
 *   [helper.H1] the request comes before bell (release); the helper loads bell (acquire) before it reads the
 *               request; pairs with [helper.H1]
 *   [helper.H2] the outcome comes before answered (release); the supervisor loads answered (acquire) before
 *               it reads the outcome, or asks again; pairs with [helper.H2]
 *   [helper.H3] the new process's pid comes before step is WAITS (release); the supervisor loads step
 *               (acquire) before it reads the pid, and has moved the process before it sets step (release);
 *               pairs with [helper.H3]
 */
#include "run/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/futex.h"
#include "util/saturate.h"

enum { BALLAST_BYTES = 4 << 20, VARIABLES = 7, VARIABLE_BYTES = 64 };
#define START_TIMEOUT_NS (30 * MS_NS_PER_S)
#define PARENT_LOOK_NS MS_NS_PER_S
#define HELPER_LOOK_NS (10 * MS_NS_PER_MS) /* a helper that was killed neither answers nor wakes us */

/* The steps of a process that is to become the command: it WAITS until it was put into the job's cgroup. */
enum step { STEP_NONE = 0, STEP_WAITS, STEP_GOES, STEP_ENDS };

enum request { REQUEST_HOOK = 1, REQUEST_REST, REQUEST_START };

struct ms_helper_page {
	_Atomic uint32_t bell, answered; /* the same number: nothing is asked */
	uint32_t request;                /* enum request; writer: the supervisor */
	struct ms_helper_facts facts;    /* likewise */
	_Atomic uint32_t step;           /* enum step, of REQUEST_START; writers: the new process, the supervisor */
	_Atomic int32_t error;           /* of REQUEST_START; writers: the helper, the new process */
	int32_t pid;                     /* of the new process, which writes it */
};

/* ---- the helper's side ---- */

struct inner {
	struct ms_helper_page *page;
	const struct ms_child_setup *setup;
	const char *hook;
	pid_t supervisor;
	void *ballast; /* MAP_FAILED: given up */
	char **environment; /* the facts, then the variables of the command */
	char variables[VARIABLES][VARIABLE_BYTES];
};

static void hold_ballast(struct inner *inner)
{
	if (inner->ballast == MAP_FAILED)
		inner->ballast = mmap(NULL, BALLAST_BYTES, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static void drop_ballast(struct inner *inner)
{
	if (inner->ballast != MAP_FAILED)
		munmap(inner->ballast, BALLAST_BYTES);
	inner->ballast = MAP_FAILED;
}

static int make_environment(struct inner *inner)
{
	size_t count = 0, own = VARIABLES;

	while (environ[count])
		count++;
	inner->environment = calloc(VARIABLES + count + 1, sizeof(*inner->environment));
	if (!inner->environment)
		return -ENOMEM;
	for (size_t i = 0; i < VARIABLES; i++)
		inner->environment[i] = inner->variables[i];
	for (size_t i = 0; i < count; i++)
		inner->environment[own++] = environ[i];
	return 0;
}

static void put(struct inner *inner, unsigned index, const char *name, uint64_t value)
{
	snprintf(inner->variables[index], VARIABLE_BYTES, "MEMSHED_%s=%llu", name, (unsigned long long)value);
}

static void put_facts(struct inner *inner)
{
	const struct ms_helper_facts *facts = &inner->page->facts;

	put(inner, 0, "PID", (uint64_t)facts->pid);
	put(inner, 1, "PROCESSES", facts->processes);
	put(inner, 2, "USED", facts->used_bytes);
	put(inner, 3, "MAX", facts->max_bytes);
	put(inner, 4, "RSS", facts->rss_bytes);
	put(inner, 5, "IN_CACHES", facts->in_caches_bytes);
	put(inner, 6, "UNEXPLAINED", facts->unexplained_bytes);
}

static void run_hook(struct inner *inner)
{
	char shell[] = _PATH_BSHELL, option[] = "-c";
	char *const argv[] = {shell, option, (char *)(uintptr_t)inner->hook, NULL};
	posix_spawnattr_t attr;
	pid_t pid;

	put_facts(inner);
	drop_ballast(inner);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &inner->setup->signals->original_mask);
	if (posix_spawn(&pid, shell, NULL, &attr, argv, inner->environment) == 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	posix_spawnattr_destroy(&attr);
}

/* Return: whether it was @from, and is @to now. */
static bool move_step(struct ms_helper_page *page, uint32_t from, enum step to)
{
	bool moved = atomic_compare_exchange_strong_explicit(&page->step, &from, to, memory_order_acq_rel, /* [helper.H3] */
							     memory_order_acquire);

	if (moved)
		ms_futex_wake_all(&page->step);
	return moved;
}

/* Return: whether to execute the command: not when it was given up, or the supervisor has ended. */
static bool wait_for_place(const struct inner *inner)
{
	struct ms_helper_page *page = inner->page;
	uint32_t step;

	page->pid = (int32_t)syscall(SYS_getpid);
	if (!move_step(page, STEP_NONE, STEP_WAITS))
		return false;
	while ((step = atomic_load_explicit(&page->step, memory_order_acquire)) == STEP_WAITS && /* [helper.H3] */
	       getppid() == inner->supervisor)
		ms_futex_wait(&page->step, STEP_WAITS, ms_clock_ns() + PARENT_LOOK_NS);
	return step == STEP_GOES;
}

static _Noreturn void become_command(const struct inner *inner)
{
	if (!wait_for_place(inner))
		_exit(EXIT_FAILURE);
	ms_signals_restore(inner->setup->signals);
	execvp(inner->setup->argv[0], inner->setup->argv);
	atomic_store_explicit(&inner->page->error, -errno, memory_order_relaxed);
	_exit(EXIT_FAILURE);
}

/* Returns in the helper when the command was executed, or its process has ended. */
static void start_command(const struct inner *inner)
{
	struct ms_helper_page *page = inner->page;

	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		become_command(inner);
	if (pid < 0)
		atomic_store_explicit(&page->error, -errno, memory_order_relaxed);
}

static void serve(struct inner *inner)
{
	switch (inner->page->request) {
	case REQUEST_HOOK:
		run_hook(inner);
		break;
	case REQUEST_REST:
		hold_ballast(inner);
		break;
	case REQUEST_START:
		start_command(inner);
		break;
	}
}

/* stdin and stdout are the command's; what a hook prints goes to stderr. */
static void keep_stderr_alone(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDIN_FILENO);
	else
		close(STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	close_range(STDERR_FILENO + 1, ~0u, 0);
}

static _Noreturn void be_helper(struct inner *inner)
{
	uint32_t seen = 0, bell;

	prctl(PR_SET_NAME, "memshed-helper");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != inner->supervisor || ms_child_environment(inner->setup) < 0 || make_environment(inner) < 0)
		_exit(EXIT_FAILURE);
	if (inner->hook) {
		keep_stderr_alone();
		hold_ballast(inner);
	}
	for (;;) {
		while ((bell = atomic_load_explicit(&inner->page->bell, memory_order_acquire)) == seen) /* [helper.H1] */
			ms_futex_wait(&inner->page->bell, seen, UINT64_MAX);
		serve(inner);
		seen = bell;
		atomic_store_explicit(&inner->page->answered, seen, memory_order_release); /* [helper.H2] */
		ms_futex_wake_all(&inner->page->answered);
	}
}

/* ---- the supervisor's ---- */

int ms_helper_fork(struct ms_helper *helper, const struct ms_child_setup *setup, const char *hook)
{
	pid_t supervisor = getpid();
	struct ms_helper_page *page =
		mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	pid_t pid = fork();
	if (pid < 0) {
		int error = -errno;

		munmap(page, sizeof(*page));
		return error;
	}
	if (pid == 0) {
		struct inner inner = {.page = page, .setup = setup, .hook = hook, .supervisor = supervisor, .ballast = MAP_FAILED};

		be_helper(&inner);
	}
	*helper = (struct ms_helper){.pid = pid, .page = page};
	return 0;
}

static bool is_busy(const struct ms_helper *helper)
{
	return atomic_load_explicit(&helper->page->answered, memory_order_acquire) != /* [helper.H2] */
	       atomic_load_explicit(&helper->page->bell, memory_order_relaxed);
}

static void ask(struct ms_helper *helper, enum request request)
{
	helper->page->request = request;
	atomic_fetch_add_explicit(&helper->page->bell, 1, memory_order_release); /* [helper.H1] */
	ms_futex_wake_all(&helper->page->bell);
}

int ms_helper_hook(struct ms_helper *helper, const struct ms_helper_facts *facts)
{
	if (helper->pid == 0)
		return -ESRCH;
	if (is_busy(helper))
		return -EBUSY;
	helper->page->facts = *facts;
	ask(helper, REQUEST_HOOK);
	return 0;
}

void ms_helper_rest(struct ms_helper *helper)
{
	if (helper->pid != 0 && !is_busy(helper))
		ask(helper, REQUEST_REST);
}

/* Not reaped: signals.c does that. */
static bool is_gone(const struct ms_helper *helper)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)helper->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == helper->pid;
}

/* Wait until @word is other than @seen, or the request was answered. Return: 0; -ETIMEDOUT at @until_ns;
 * -ESRCH when the helper has ended. */
static int wait_for(struct ms_helper *helper, _Atomic uint32_t *word, uint32_t seen, uint64_t until_ns)
{
	bool gone = false;

	while (atomic_load_explicit(word, memory_order_acquire) == seen && is_busy(helper)) { /* [helper.H2] [helper.H3] */
		uint64_t now_ns = ms_clock_ns();

		if (gone || now_ns >= until_ns)
			return gone ? -ESRCH : -ETIMEDOUT;
		ms_futex_wait(word, seen, ms_least(until_ns, now_ns + HELPER_LOOK_NS));
		gone = is_gone(helper); /* then look once more: it may have done its work before it ended */
	}
	return 0;
}

/* No process came, and none will. Return: why. */
static int why_none(struct ms_helper *helper, int error)
{
	int said = atomic_load_explicit(&helper->page->error, memory_order_relaxed);

	return error < 0 ? error : said < 0 ? said : -ESRCH;
}

pid_t ms_helper_start(struct ms_helper *helper, int (*place)(void *arg, pid_t pid), void *arg)
{
	struct ms_helper_page *page = helper->page;
	uint64_t until_ns = ms_clock_ns() + START_TIMEOUT_NS;
	int error;

	if (helper->pid == 0)
		return -ESRCH;
	uint32_t answered = atomic_load_explicit(&page->answered, memory_order_relaxed);

	atomic_store_explicit(&page->error, 0, memory_order_relaxed);
	atomic_store_explicit(&page->step, STEP_NONE, memory_order_relaxed);
	ask(helper, REQUEST_START);
	error = wait_for(helper, &page->step, STEP_NONE, until_ns);
	if (move_step(page, STEP_NONE, STEP_ENDS))
		return why_none(helper, error);
	error = place(arg, page->pid);
	move_step(page, STEP_WAITS, error < 0 ? STEP_ENDS : STEP_GOES);
	/* A process that goes is known by its pid, whatever becomes of the helper. */
	(void)wait_for(helper, &page->answered, answered, until_ns);
	if (error == 0)
		error = atomic_load_explicit(&page->error, memory_order_relaxed);
	return error < 0 ? error : page->pid;
}
