/* SPDX-License-Identifier: MIT */
/* A thread in a sandbox that kills for any other system call than those that the manual names may charge, and be held. */
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "lib_brake_bed.h"

/* As SANDBOXES in the manual names them; the kernel's names and numbers of what the C library makes of them. */
static const struct {
	const char *name;
	unsigned number;
} allowed[] = {
	{"clock_gettime", SYS_clock_gettime},
	{"futex", SYS_futex},
	{"pread64", SYS_pread64},
	{"newfstatat", SYS_newfstatat},
	{"fstat", SYS_fstat},
};

static _Atomic int forbidden; /* the last system call that was made and is not among them; 0: none */

static void note_call(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	forbidden = info->si_syscall;
}

static bool allow_only(void)
{
	struct sock_filter filter[2 * (sizeof(allowed) / sizeof(allowed[0]) + 1) + 2];
	struct sock_fprog program = {.filter = filter};

	filter[program.len++] =
		(struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i <= sizeof(allowed) / sizeof(allowed[0]); i++) {
		unsigned number = i ? allowed[i - 1].number : SYS_rt_sigreturn;

		filter[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
		filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

/* It may not even end: it waits for ever. */
static void *charge_in_sandbox(void *done)
{
	if (!allow_only())
		forbidden = -1;
	for (unsigned i = 0; i < 8; i++)
		charge(2 * MIB);
	memshed_hit(grower.handle, 1);
	memshed_uncharge(grower.handle, MIB, 1);
	memshed_brake(0);
	sem_post(done);
	for (;;)
		syscall(SYS_futex, &forbidden, FUTEX_WAIT, forbidden, NULL, NULL, 0);
	return NULL;
}

static void expect_in_manual(const char *name)
{
	static const char path[] = TEST_DATA "/../../man/libmemshed.3.scd";
	char text[16384] = "", entry[64];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	snprintf(entry, sizeof(entry), "*%s*(2)", name);

	const char *section = strstr(text, "# SANDBOXES"), *end = strstr(text, "# ENVIRONMENT"),
		   *found = section ? strstr(section, entry) : NULL;

	if (!found || found > end)
		fail_msg("SANDBOXES does not name %s", entry);
}

static void test_what_a_thread_that_charges_calls(void **state)
{
	struct fake fake = {0};
	struct sigaction action = {.sa_sigaction = note_call, .sa_flags = SA_SIGINFO}, old;
	uint64_t brakes = info().brakes;
	pthread_t thread;
	sem_t done;

	(void)state;
	for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		expect_in_manual(allowed[i].name);
	assert_int_equal(sigaction(SIGSYS, &action, &old), 0);
	sem_init(&done, 0, 0);
	begin_blocked(&fake, "sandbox");
	tell(BRAKE + 10 * MIB);
	assert_int_equal(pthread_create(&thread, NULL, charge_in_sandbox, &done), 0);
	pthread_detach(thread);
	while (sem_wait(&done) < 0)
		;
	while (sem_wait(&fake.began) < 0)
		;
	let_go(&fake);
	assert_true(info().brakes > brakes);
	sigaction(SIGSYS, &old, NULL);
	if (forbidden < 0)
		skip(); /* no filters here */
	assert_int_equal(forbidden, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_what_a_thread_that_charges_calls, settle),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}
