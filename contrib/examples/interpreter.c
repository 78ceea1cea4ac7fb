/* SPDX-License-Identifier: MIT */
/*
 * interpreter.c - a stack language in one thread, with a cache that may be touched only between instructions.
 *
 *	interpreter [-s] 'PROGRAM'
 *
 *	cc -O2 interpreter.c $(pkg-config --cflags --libs memshed) -o interpreter
 *
 * Words: a number pushes itself; + * dup drop swap; . prints; collatz replaces n by the number of steps to 1;
 * { ... } N times repeats, with i for the turn. For example: 0 { i collatz + } 1000 times .
 *
 * The steps of each number on the way are kept. No lock guards them, and an instruction that uses them must not
 * find them gone half-way; so shrink() may run only where the interpreter calls memshed_poll(), between two
 * instructions. There are two ways to have that:
 *   MEMSHED_THREAD_OWNER   as here: libmemshed's thread takes orders and answers them, and leaves this cache's
 *                          callbacks to the thread that registered it
 *   MEMSHED_AGENT_SIGNAL   -s: there is no other thread at all, for programs that may not have one; then all
 *                          callbacks run in memshed_poll()
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <memshed.h>

enum { BUCKETS = 1 << 16, STACK = 256, WORDS = 1024 };

struct known {
	struct known *next;
	uint64_t number, steps;
};

static struct known *buckets[BUCKETS];
static struct memshed_cache *cache;

static uint64_t stack[STACK];
static unsigned height;
static char *words[WORDS];
static unsigned word_count;

static void die(const char *what)
{
	fprintf(stderr, "interpreter: %s\n", what);
	exit(1);
}

/* ---- the cache ---- */

static struct known **bucket_of(uint64_t number)
{
	return &buckets[(number * UINT64_C(0x9e3779b97f4a7c15)) >> 48];
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	(void)ctx;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (buckets[i] && (!request->target_bytes || result->freed_bytes < request->target_bytes)) {
			struct known *known = buckets[i];

			buckets[i] = known->next;
			free(known);
			result->freed_bytes += sizeof(*known);
			result->freed_entries++;
		}
	}
	memshed_uncharge(cache, result->freed_bytes, result->freed_entries);
	return result->freed_entries ? MEMSHED_DONE : MEMSHED_EMPTY;
}

static void keep(uint64_t number, uint64_t steps)
{
	struct known *known = malloc(sizeof(*known));

	if (!known)
		return;
	*known = (struct known){.next = *bucket_of(number), .number = number, .steps = steps};
	*bucket_of(number) = known;
	memshed_charge(cache, sizeof(*known), 1);
}

static uint64_t count_steps(uint64_t number)
{
	const struct known *known = *bucket_of(number);

	if (number <= 1)
		return 0;
	while (known && known->number != number)
		known = known->next;
	if (known)
		return known->steps;

	uint64_t steps = 1 + count_steps(number % 2 ? 3 * number + 1 : number / 2);

	keep(number, steps);
	return steps;
}

/* ---- the language ---- */

static void push(uint64_t value)
{
	if (height == STACK)
		die("the stack is full");
	stack[height++] = value;
}

static uint64_t pop(void)
{
	if (height == 0)
		die("the stack is empty");
	return stack[--height];
}

static void run_word(const char *word, uint64_t turn)
{
	char *end;
	uint64_t number = strtoull(word, &end, 10), a, b;

	if (end != word && !*end) {
		push(number);
	} else if (strcmp(word, "+") == 0) {
		push(pop() + pop());
	} else if (strcmp(word, "*") == 0) {
		push(pop() * pop());
	} else if (strcmp(word, "dup") == 0) {
		push((a = pop()));
		push(a);
	} else if (strcmp(word, "drop") == 0) {
		pop();
	} else if (strcmp(word, "swap") == 0) {
		a = pop(), b = pop();
		push(a);
		push(b);
	} else if (strcmp(word, ".") == 0) {
		printf("%llu\n", (unsigned long long)pop());
	} else if (strcmp(word, "i") == 0) {
		push(turn);
	} else if (strcmp(word, "collatz") == 0) {
		push(count_steps(pop()));
	} else {
		die("there is no such word");
	}
}

/* The word behind the brace that closes the one at @at. */
static unsigned behind(unsigned at)
{
	unsigned open = 0;

	for (; at < word_count; at++) {
		open += strcmp(words[at], "{") == 0;
		open -= strcmp(words[at], "}") == 0;
		if (!open)
			return at + 1;
	}
	die("a { is not closed");
	return at;
}

static void run(unsigned from, unsigned to, uint64_t turn)
{
	for (unsigned at = from; at < to; at++) {
		memshed_poll(); /* the safe point: one load where there is nothing to do */
		if (strcmp(words[at], "{") != 0) {
			run_word(words[at], turn);
			continue;
		}

		unsigned next = behind(at);

		if (next + 1 >= to || strcmp(words[next + 1], "times") != 0)
			die("behind } a number and 'times' are wanted");
		uint64_t turns = strtoull(words[next], NULL, 10);

		for (uint64_t i = 0; i < turns; i++)
			run(at + 1, next - 1, i + 1);
		at = next + 1;
	}
}

int main(int argc, char **argv)
{
	struct memshed_agent_options agent = {.size = sizeof(agent)};
	bool by_signal = argc > 1 && strcmp(argv[1], "-s") == 0;

	if (argc != 2 + by_signal)
		die("usage: interpreter [-s] 'PROGRAM'");
	agent.mode = by_signal ? MEMSHED_AGENT_SIGNAL : MEMSHED_AGENT_THREAD;
	/* Without memshed the program runs too; it only keeps everything. */
	if (memshed_start(&agent) < 0 ||
	    memshed_register(&MEMSHED_CACHE_OPTIONS(.name = "collatz", .kind = MEMSHED_KIND_MEMO,
						    .thread_class = MEMSHED_THREAD_OWNER, .shrink = shrink), &cache) < 0)
		fprintf(stderr, "interpreter: the cache is not registered\n");
	for (char *word = strtok(argv[1 + by_signal], " \n\t"); word && word_count < WORDS; word = strtok(NULL, " \n\t"))
		words[word_count++] = word;
	run(0, word_count, 0);
	return 0;
}
