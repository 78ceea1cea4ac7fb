/* SPDX-License-Identifier: MIT */
/*
 * Kill one side at every step of publishing, posting and answering; the other must go on.
 *
 * The table's sources are built with MS_TEST_KILL_POINTS, so that every MS_KILL_POINT() comes by here. A
 * victim is a forked process that at its n-th step dies, or stops for longer than any client waits and goes
 * on then, as a process does that was swapped out or debugged. n goes up until the victim gets through.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "table/control.h"
#include "table/shard.h"
#include "table/slot.h"
#include "table/reader.h"
#include "table/killpoint.h"
#include "table/writer.h"
#include "util/clock.h"

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: step %u: %s\n", __FILE__, __LINE__, fatal_step, #condition); \
			exit(1);                                                                             \
		}                                                                                            \
	} while (0)

static unsigned fatal_step;  /* of the victim that runs now */
static unsigned steps_taken; /* by this process, when it is one */
static int fatal_signal;     /* SIGKILL or SIGSTOP; 0 in every other process */

void ms_test_kill_point(const char *name)
{
	(void)name;
	if (fatal_signal && ++steps_taken == fatal_step)
		raise(fatal_signal);
}

static const uint64_t SHORT_US = 300 * 1000, LONG_US = 20 * 1000 * 1000;
static const uint64_t PATIENCE_NS = 6 * MS_NS_PER_S; /* more than an agent has */

static pid_t start_victim(int signal_number, void (*body)(void))
{
	pid_t victim = fork();

	CHECK(victim >= 0);
	if (victim > 0)
		return victim;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
	fatal_signal = signal_number;
	steps_taken = 0;
	body();
	_exit(0);
}

/* ---- a client is the victim ---- */

static struct ms_control_server server;
static struct ms_control_client healthy;
static uint64_t pretended_ns; /* added to the clock the agent sees */

static uint64_t agent_now(void)
{
	return ms_clock_ns() + pretended_ns;
}

static struct ms_order order_of(uint64_t number)
{
	return (struct ms_order){.seq = number, .scope = MS_SCOPE_ROW,
				 .row = (uint32_t)number, .generation = (uint32_t)number | 1,
				 .level = MS_LEVEL_TRIM, .target_bytes = number * 1000, .timeout_us = 5};
}

static bool is_whole(const struct ms_order *order)
{
	struct ms_order expected = order_of(order->seq);

	return memcmp(order, &expected, sizeof(expected)) == 0;
}

enum { VICTIMS_ORDER = 500 };

static struct ms_control_client open_in_child(void)
{
	struct ms_control_client client;

	CHECK(ms_control_open(&client, dup(server.fd), server.identity, -1, 0) == 0);
	return client;
}

static void post_and_wait(void)
{
	struct ms_control_client client = open_in_child();
	struct ms_order order = order_of(VICTIMS_ORDER);
	struct ms_order_handle handle;
	struct ms_answer answer;

	if (ms_control_post(&client, &order, &handle) < 0)
		return;
	int result = ms_control_wait(&client, &handle, SHORT_US, &answer, NULL);

	if (result == 1)
		CHECK(answer.status == MS_ANSWER_INVALID || answer.claimed_bytes == order.target_bytes);
	else
		CHECK(result == -ETIMEDOUT || result == -ESTALE);
	ms_control_abandon(&client, &handle);
}

static void post_and_give_up(void)
{
	struct ms_control_client client = open_in_child();
	struct ms_order order = order_of(VICTIMS_ORDER);
	struct ms_order_handle handle;

	if (ms_control_post(&client, &order, &handle) == 0)
		ms_control_abandon(&client, &handle);
}

/* Gives up while the agent works on it. */
static void post_and_give_up_running(void)
{
	struct ms_control_client client = open_in_child();
	struct ms_order order = order_of(VICTIMS_ORDER);
	struct ms_order_handle handle;
	struct ms_answer answer;
	bool running = false;
	uint64_t until = ms_clock_ns() + SHORT_US * MS_NS_PER_US;

	if (ms_control_post(&client, &order, &handle) < 0)
		return;
	while (!running && ms_clock_ns() < until && ms_control_poll(&client, &handle, &answer, &running) == 0)
		usleep(100);
	ms_control_abandon(&client, &handle);
}

/* One turn of the agent. What it takes is whole, also when a client died half-way through writing it. */
static bool serve_one(void)
{
	struct ms_order order;
	struct ms_order_handle handle;

	if (ms_control_take(&server, agent_now(), &order, &handle) != 1)
		return false;
	CHECK(is_whole(&order));
	ms_control_answer(&server, &handle,
			  &(struct ms_answer){.status = MS_ANSWER_DONE, .claimed_bytes = order.target_bytes});
	return true;
}

/* Return: true when it has ended, false when it has stopped. */
static bool serve_until_ended(pid_t victim, bool hold_back)
{
	struct ms_order order;
	struct ms_order_handle handle;
	bool held = false;
	int status;
	pid_t changed;

	while ((changed = waitpid(victim, &status, WNOHANG | WUNTRACED)) == 0) {
		if (hold_back && !held)
			held = ms_control_take(&server, agent_now(), &order, &handle) == 1;
		else if (!hold_back)
			serve_one();
		usleep(50);
	}
	CHECK(changed == victim);
	if (held)
		ms_control_answer(
			&server, &handle,
			&(struct ms_answer){.status = MS_ANSWER_DONE, .claimed_bytes = order.target_bytes});
	if (WIFSTOPPED(status))
		return false;
	CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
	return true;
}

static void others_are_served(void)
{
	struct ms_order order = order_of(7);
	struct ms_order_handle handle;
	struct ms_answer answer;

	CHECK(ms_control_post(&healthy, &order, &handle) == 0);
	while (serve_one())
		;
	CHECK(ms_control_poll(&healthy, &handle, &answer, NULL) == 1);
	CHECK(answer.status == MS_ANSWER_DONE && answer.claimed_bytes == order.target_bytes);
}

static void let_patience_pass(void)
{
	while (serve_one())
		;
	pretended_ns += PATIENCE_NS;
	while (serve_one())
		;
}

static void every_slot_is_free(void)
{
	let_patience_pass();
	for (unsigned i = 0; i < MS_SLOT_COUNT; i++)
		CHECK(ms_slot_state(server.page->slots[i].word) == MS_SLOT_FREE);
	CHECK(server.taken == 0);
}

/* All slots are posted again while the victim sleeps, then it wakes and writes where it left off: an
 * order may be refused for that, but only orders that were given are carried out. */
static void wake_victim_among_others(pid_t victim)
{
	struct ms_order_handle handles[MS_SLOT_COUNT];
	unsigned posted = 0;

	let_patience_pass();
	for (unsigned i = 0; i < MS_SLOT_COUNT; i++) {
		struct ms_order order = order_of(posted);

		posted += ms_control_post(&healthy, &order, &handles[posted]) == 0;
	}
	CHECK(posted >= MS_SLOT_COUNT - 1);
	CHECK(kill(victim, SIGCONT) == 0);
	CHECK(serve_until_ended(victim, true)); /* the victim meets them posted, one of them running */
	while (serve_one())
		;
	for (unsigned i = 0; i < posted; i++) {
		struct ms_answer answer;
		int result = ms_control_poll(&healthy, &handles[i], &answer, NULL);

		CHECK(result == 1);
		CHECK(answer.status == MS_ANSWER_INVALID ||
		      (answer.status == MS_ANSWER_DONE && answer.claimed_bytes == i * 1000));
	}
}

/* Return: false when the victim had no such step. */
static bool one_client_dies(int signal_number, void (*body)(void), bool hold_back)
{
	pid_t victim = start_victim(signal_number, body);
	bool ended = serve_until_ended(victim, hold_back);

	others_are_served();
	if (!ended)
		wake_victim_among_others(victim);
	others_are_served();
	every_slot_is_free();
	return signal_number == SIGSTOP ? !ended : true;
}

/* A victim that was not killed had fewer steps; it left by itself, which serve_until_ended() saw. */
static unsigned count_steps(void (*body)(void), bool hold_back)
{
	unsigned steps;

	for (fatal_step = 1; one_client_dies(SIGSTOP, body, hold_back); fatal_step++)
		;
	steps = fatal_step - 1;
	for (fatal_step = 1; fatal_step <= steps; fatal_step++)
		one_client_dies(SIGKILL, body, hold_back);
	return steps;
}

static void clients_die(void)
{
	CHECK(ms_control_create(&server, 42) == 0);
	CHECK(ms_control_open(&healthy, dup(server.fd), 42, -1, 0) == 0);
	unsigned waiting = count_steps(post_and_wait, false);
	unsigned giving_up = count_steps(post_and_give_up, true);
	unsigned running = count_steps(post_and_give_up_running, true);

	printf("client killed and stopped at %u + %u + %u steps\n", waiting, giving_up, running);
	/* Who is served at once need not sleep: two steps fewer. */
	CHECK(waiting >= 6 && giving_up >= 7 && running >= 7);
	ms_control_close(&healthy);
	ms_control_destroy(&server);
}

/* ---- the target is the victim ---- */

static struct ms_table table;
static struct ms_table_scratch scratch;
static const uint64_t IDENTITY = 4711;

static uint32_t add(const char *name, uint64_t now_ns)
{
	uint32_t row, generation;

	CHECK(ms_table_row_add(&table, &(struct ms_row_identity){.name = name}, now_ns, &row, &generation) ==
	      0);
	return row;
}

static void publish(void)
{
	CHECK(ms_table_create(&table, IDENTITY, 1) == 0);
	table.header->shard_high = 1;
	uint32_t a = add("a", 1);
	uint32_t b = add("b", 1);

	ms_shard_add(&ms_shard_row_at(ms_shard_at(table.shards, 0), a)->added_bytes, 1);
	ms_shard_add(&ms_shard_row_at(ms_shard_at(table.shards, 0), b)->added_bytes, 2);
	ms_table_row_retire(&table, a, 1);
	CHECK(add("c", PATIENCE_NS) == a);
	ms_shard_add(&ms_shard_row_at(ms_shard_at(table.shards, 0), a)->added_bytes, 3);
	ms_table_row_pulled(&table, b, &(struct ms_row_pulled){.fields = 2, .entries = 2});
	ms_table_row_result(&table, b, &(struct ms_row_result){.order_seq = 9, .orders = 1});
}

static void publish_and_answer(void)
{
	static struct ms_control_server own;
	struct ms_order order;
	struct ms_order_handle handle;

	CHECK(ms_control_create(&own, IDENTITY) == 0);
	publish();
	uint64_t until = ms_clock_ns() + LONG_US * MS_NS_PER_US;

	while (ms_control_take(&own, ms_clock_ns(), &order, &handle) != 1) {
		CHECK(ms_clock_ns() < until);
		ms_control_sleep(&own, ms_control_doorbell(&own), 1000);
	}
	ms_control_answer(&own, &handle, &(struct ms_answer){.status = MS_ANSWER_DONE, .claimed_bytes = 77});
}

struct observer {
	pid_t target;
	struct ms_table_reader reader; /* fd -1 until opened */
	struct ms_control_client client;
	struct ms_order_handle handle;
	bool posted, answered;
};

/* Return: whether there is a table to read. */
static bool look(struct observer *observer)
{
	int control_fd = -1;

	if (observer->reader.fd >= 0)
		return true;
	int error = ms_table_open_pid(&observer->reader, &scratch, observer->target, &control_fd);

	if (error) {
		/* Not there, not sealed, not finished, or gone. */
		CHECK(error == -ENOENT || error == -EPERM || error == -EBADMSG || error == -ESRCH ||
		      error == -EACCES);
		observer->reader.fd = -1;
		return false;
	}
	CHECK(ms_control_open(&observer->client, control_fd, IDENTITY, -1, 0) == 0);
	return true;
}

static void read_all(struct observer *observer)
{
	struct ms_row rows[8];
	int count = ms_table_read_rows(&observer->reader, rows, 8);

	CHECK(count >= 0 && count <= 2);
	for (int i = 0; i < count; i++) {
		CHECK(strlen(rows[i].name) == 1 && rows[i].name[0] >= 'a' && rows[i].name[0] <= 'c');
		CHECK(rows[i].bytes == 0 || rows[i].bytes == (uint64_t)(rows[i].name[0] - 'a' + 1));
	}
}

static void ask(struct observer *observer)
{
	struct ms_order order = order_of(1);
	struct ms_answer answer;

	if (!observer->posted)
		observer->posted = ms_control_post(&observer->client, &order, &observer->handle) == 0;
	CHECK(observer->posted);
	if (observer->answered)
		return;
	int result = ms_control_wait(&observer->client, &observer->handle, 1000, &answer, NULL);

	CHECK(result == 1 || result == -ETIMEDOUT);
	if (result == 1) {
		CHECK(answer.status == MS_ANSWER_DONE && answer.claimed_bytes == 77);
		observer->answered = true;
	}
}

/* Return: false when the target got through. */
static bool one_target_dies(void)
{
	struct observer observer = {.reader = {.fd = -1}};
	int status;
	pid_t changed;

	observer.target = start_victim(SIGSTOP, publish_and_answer);
	while ((changed = waitpid(observer.target, &status, WNOHANG | WUNTRACED)) == 0)
		if (look(&observer)) {
			read_all(&observer);
			ask(&observer);
		}
	CHECK(changed == observer.target);
	bool stopped = WIFSTOPPED(status);

	if (stopped && look(&observer)) { /* as it stands between two steps */
		read_all(&observer);
		ask(&observer);
	}
	if (stopped) {
		CHECK(kill(observer.target, SIGKILL) == 0);
		CHECK(waitpid(observer.target, &status, 0) == observer.target);
	} else {
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	if (observer.reader.fd >= 0) { /* what was opened outlives it, and no agent is waited for */
		read_all(&observer);
		ask(&observer);
		CHECK(stopped || observer.answered);
		ms_control_abandon(&observer.client, &observer.handle);
		ms_control_close(&observer.client);
		ms_table_close(&observer.reader);
	}
	CHECK(ms_table_open_pid(&observer.reader, &scratch, observer.target, NULL) == -ESRCH);
	return stopped;
}

static void targets_die(void)
{
	for (fatal_step = 1; one_target_dies(); fatal_step++)
		;
	printf("target stopped and killed at %u steps\n", fatal_step - 1);
	CHECK(fatal_step > 30);
}

int main(void)
{
	alarm(300);
	clients_die();
	targets_die();
	return 0;
}
