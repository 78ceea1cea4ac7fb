/* SPDX-License-Identifier: MIT */
/*
 * The allocator's row, under each allocator that is installed: which one it is, that an order has it give
 * memory back, and that it is asked by itself after a round that freed enough. Runs itself again with
 * LD_PRELOAD set.
 */
#include <dlfcn.h>

#include "lib_bed.h"

enum { BLOCKS = 4096, BLOCK_BYTES = 16384, SKIPPED = 77 };

static struct bed bed;
static void *blocks[BLOCKS];
static struct memshed_cache *cache;

static void fill(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BLOCK_BYTES);
		assert_non_null(blocks[i]);
		memset(blocks[i], 1, BLOCK_BYTES);
	}
}

/* One block of the last is kept, so that no allocator can give the rest back by cutting its end off. */
static void drop(void)
{
	for (int i = 0; i < BLOCKS - 1; i++) {
		free(blocks[i]);
		blocks[i] = NULL;
	}
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	drop();
	result->freed_bytes = (uint64_t)(BLOCKS - 1) * BLOCK_BYTES;
	return MEMSHED_DONE;
}

static void run_under(const char *allocator)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "blocks", .shrink = shrink);
	bool counts = strcmp(allocator, "mimalloc") != 0;
	uint64_t trims;

	assert_int_equal(memshed_register(&options, &cache), 0);
	bed_open(&bed, getpid());
	assert_string_equal(bed.reader.info.allocator, allocator);

	struct ms_row row = bed_row(&bed, "allocator");

	assert_int_equal(row.row, MS_ALLOCATOR_ROW);
	assert_int_equal(row.kind, MEMSHED_KIND_ALLOCATOR);
	fill();
	drop();
	free(blocks[BLOCKS - 1]);

	/* By an order of its own. What comes back is the allocator's affair, that it was asked is ours. */
	trims = bed.reader.info.trims;
	assert_int_equal(bed_do(&bed, "allocator", MS_LEVEL_EMERGENCY, 0).status, MS_ANSWER_UNSUPPORTED);
	ms_table_refresh(&bed.reader);
	assert_int_equal(bed.reader.info.trims, trims);

	struct ms_answer answer = bed_do(&bed, "allocator", MS_LEVEL_TRIM, 0);

	assert_true(answer.status == MS_ANSWER_DONE || answer.status == MS_ANSWER_EMPTY);
	ms_table_refresh(&bed.reader);
	assert_int_equal(bed.reader.info.trims, trims + 1);
	if (counts) {
		assert_int_equal(bed_do(&bed, "allocator", MS_LEVEL_COUNT, 0).status, MS_ANSWER_DONE);
		assert_true(bed_row(&bed, "allocator").pulled_at_ns > 0);
	}

	/* After a round that freed enough, in an emergency too. The claim and what came back stand apart. */
	fill();
	answer = bed_do(&bed, "blocks", MS_LEVEL_EMERGENCY, 0);
	assert_int_equal(answer.status, MS_ANSWER_DONE);
	ms_table_refresh(&bed.reader);
	assert_int_equal(bed.reader.info.trims, trims + 2);
	free(blocks[BLOCKS - 1]);
	fill();
	answer = bed_do(&bed, "blocks", MS_LEVEL_CLEAR, 0);
	assert_int_equal(answer.claimed_bytes, (uint64_t)(BLOCKS - 1) * BLOCK_BYTES);
	ms_table_refresh(&bed.reader); /* the answer came after the allocator was asked */
	assert_int_equal(bed.reader.info.trims, trims + 3);
	free(blocks[BLOCKS - 1]);
	memshed_unregister(cache);
	bed_close(&bed);
}

/* The dynamic linker only warns about a library that it cannot preload. */
static bool is_loaded(const char *allocator)
{
	const char *symbol = strcmp(allocator, "jemalloc") == 0   ? "mallctl"
			     : strcmp(allocator, "tcmalloc") == 0 ? "MallocExtension_ReleaseFreeMemory"
								  : "mi_collect";

	return dlsym(RTLD_DEFAULT, symbol) != NULL;
}

static void test_under(void **state)
{
	run_under(*state);
}

static int run_child(const char *preload, const char *allocator)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		execl("/proc/self/exe", "test_lib_allocator", allocator, NULL);
		_exit(1);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *allocator, *preload;
	} cases[] = {
		{"glibc", NULL},
		{"jemalloc", "libjemalloc.so.2"},
		{"tcmalloc", "libtcmalloc_minimal.so.4"},
		{"mimalloc", "libmimalloc.so.2"},
	};
	int failed = 0, left_out = 0;

	if (argc > 1) {
		const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_under, argv[1])};

		if (strcmp(argv[1], "glibc") != 0 && !is_loaded(argv[1]))
			return SKIPPED;
		return cmocka_run_group_tests(tests, NULL, NULL);
	}
	if (SANITIZED) {
		fprintf(stderr, "skipped: the sanitizer is the allocator\n");
		return SKIPPED;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = run_child(cases[i].preload, cases[i].allocator);

		if (status == SKIPPED) {
			fprintf(stderr, "%s is not installed\n", cases[i].preload);
			left_out++;
		} else if (status != 0) {
			fprintf(stderr, "failed under %s\n", cases[i].allocator);
			failed++;
		}
	}
	return failed ? 1 : left_out == 3 ? SKIPPED : 0;
}
