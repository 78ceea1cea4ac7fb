/* SPDX-License-Identifier: MIT */
/*
 * bench_sample.c - what a reading costs, and how fast a writer is, which the sampler's pace is built on.
 *
 * A reading is measured on this process itself, beside opening the file each time. The cgroup is this
 * process's own, with the limits that happen to be there; without a limit a level is not read, so its usage
 * is read here directly. The writer touches fresh pages of BENCH_WRITER_MIB, 32 by default, which are given
 * back.
 *
 * BENCH_SAMPLES (5,000): how many readings per repetition; there are 7, and the median is printed.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "sample/budget.h"
#include "sample/pace.h"

enum { REPETITIONS = 7 };

static struct ms_root root;
static struct ms_tree tree;
static struct ms_budget budget;
static struct ms_process process;
static int meminfo_fd, usage_fd = -1, stat_fd = -1;

static unsigned long read_env(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void read_kept(void)
{
	struct ms_process_memory memory;

	if (ms_process_sample(&process, &root, &memory) != 0)
		abort();
}

static void read_opening(void)
{
	char text[256];

	if (ms_root_read_text(&root, text, sizeof(text), "proc/%d/statm", (int)process.pid) <= 0)
		abort();
}

static void read_file(int fd)
{
	char text[8192];

	if (pread(fd, text, sizeof(text), 0) <= 0)
		abort();
}

static void read_usage(void)
{
	read_file(usage_fd);
}

static void read_stat(void)
{
	read_file(stat_fd);
}

static void read_meminfo(void)
{
	read_file(meminfo_fd);
}

static void read_all(void)
{
	struct ms_sample sample;

	ms_sample_take(&tree, &budget, ms_clock_ns(), &sample);
}

static void scan(void)
{
	if (ms_tree_scan(&tree) != 0)
		abort();
}

static double measure(void (*reading)(void), unsigned long count)
{
	double ns[REPETITIONS];

	for (int i = 0; i < REPETITIONS; i++) {
		uint64_t from = ms_clock_ns();

		for (unsigned long k = 0; k < count; k++)
			reading();
		ns[i] = (double)(ms_clock_ns() - from) / (double)count;
	}
	return bench_quantile(ns, REPETITIONS, 0.5);
}

/* Return: bytes per second, or 0 when there was no memory to be had. */
static double write_pages(size_t bytes, int advice)
{
	double rate[REPETITIONS];

	for (int i = 0; i < REPETITIONS; i++) {
		char *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (pages == MAP_FAILED || madvise(pages, bytes, advice) < 0)
			return 0;
		uint64_t from = ms_clock_ns();

		for (size_t at = 0; at < bytes; at += 4096)
			((volatile char *)pages)[at] = 1;
		rate[i] = (double)bytes / (double)(ms_clock_ns() - from) * 1e9;
		munmap(pages, bytes);
	}
	return bench_quantile(rate, REPETITIONS, 0.5);
}

static void measure_writers(void)
{
	size_t bytes = read_env("BENCH_WRITER_MIB", 32) << 20;
	double small = write_pages(bytes, MADV_NOHUGEPAGE), huge = write_pages(bytes, MADV_HUGEPAGE);

	if (small > 0)
		bench_line("one writer, small pages, beside what the pace assumes", small / 1e9, "MB/ms",
			   (double)MS_PACE_WRITER_BYTES_PER_S / 1e9);
	if (huge > 0)
		bench_line("one writer, huge pages, beside what the pace assumes", huge / 1e9, "MB/ms",
			   (double)MS_PACE_HUGE_WRITER_BYTES_PER_S / 1e9);
}

static void measure_cgroup(unsigned long samples)
{
	if (budget.cgroup.level_count == 0)
		return;
	usage_fd = budget.cgroup.levels[0].usage_fd;
	stat_fd = budget.cgroup.levels[0].stat_fd;
	bench_line("sample of one cgroup's usage", measure(read_usage, samples), "ns", 0);
	if (stat_fd >= 0)
		bench_line("sample of one cgroup's memory.stat", measure(read_stat, samples / 10 + 1), "ns",
			   0);
}

int main(void)
{
	unsigned long samples = read_env("BENCH_SAMPLES", 5000);

	if (ms_root_init(&root, "/") < 0 || ms_process_open(&process, &root, getpid(), 0, NULL) < 0 ||
	    ms_tree_init(&tree, &root, getpid(), 0, 0) < 0 || ms_budget_open(&budget, &root, getpid(), 0) < 0)
		abort();
	meminfo_fd = ms_root_open(&root, "proc/meminfo");
	bench_line("sample of one process, beside opening its file", measure(read_kept, samples), "ns",
		   measure(read_opening, samples));
	measure_cgroup(samples);
	if (meminfo_fd >= 0)
		bench_line("sample of the machine's meminfo", measure(read_meminfo, samples / 10 + 1), "ns",
			   0);
	bench_line("sample of a tree of one and all its limits", measure(read_all, samples), "ns", 0);
	bench_line("scan for the processes of the tree", measure(scan, samples / 50 + 1) / 1000, "us", 0);
	measure_writers();
	ms_budget_close(&budget);
	ms_tree_fini(&tree);
	ms_process_close(&process);
	ms_root_fini(&root);
	return 0;
}
