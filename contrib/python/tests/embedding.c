/* SPDX-License-Identifier: MIT */
/*
 * embedding - a program that embeds Python, keeps the GIL between two calls, and forks by itself without
 * telling the interpreter, as some servers do; for test_embedding.py.
 *
 *	embedding LIBPYTHON
 *
 * Reads commands from standard input, one a line, and answers each with a line:
 *   run TEXT     evaluates TEXT: "done" or "error", after what it printed
 *   fork         a child takes over the commands, the parent waits for it: "child PID"
 *   releasefork  the same without the GIL, which the child takes
 *   hold MS      works in C with the GIL for so long
 *   release MS   the same, without the GIL
 * At the end of its input the child ends with 0, and the parent with the child's status, or 1 for a signal.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	void (*initialize)(void);
	int (*run)(const char *, void *);
	void *(*save)(void);
	void (*restore)(void *);
} python;

static void die(const char *what)
{
	fprintf(stderr, "embedding: %s\n", what);
	exit(2);
}

static void *find(void *library, const char *name)
{
	void *symbol = dlsym(library, name);

	if (!symbol)
		die(dlerror());
	return symbol;
}

static void load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);

	if (!library)
		die(dlerror());
	python.initialize = (void (*)(void))find(library, "Py_Initialize");
	python.run = (int (*)(const char *, void *))find(library, "PyRun_SimpleStringFlags");
	python.save = (void *(*)(void))find(library, "PyEval_SaveThread");
	python.restore = (void (*)(void *))find(library, "PyEval_RestoreThread");
}

static void say(const char *text, long number)
{
	if (number >= 0)
		printf("%s %ld\n", text, number);
	else
		printf("%s\n", text);
	fflush(stdout);
}

/* Return: in the child alone. */
static void fork_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		say("child", getpid());
		return;
	}
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void serve(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "run ", 4) == 0) {
		say(python.run(line + 4, NULL) == 0 ? "done" : "error", -1);
	} else if (strcmp(line, "fork") == 0) {
		fork_child();
	} else if (strcmp(line, "releasefork") == 0) {
		void *state = python.save();

		fork_child();
		python.restore(state);
	} else if (strncmp(line, "hold ", 5) == 0) {
		usleep((useconds_t)atol(line + 5) * 1000);
		say("held", -1);
	} else if (strncmp(line, "release ", 8) == 0) {
		void *state = python.save();

		usleep((useconds_t)atol(line + 8) * 1000);
		python.restore(state);
		say("released", -1);
	} else {
		die(line);
	}
}

int main(int argc, char **argv)
{
	static char line[4096];

	if (argc != 2)
		die("usage: embedding LIBPYTHON");
	load(argv[1]);
	python.initialize();
	say("ready", getpid());
	while (fgets(line, sizeof(line), stdin))
		serve(line);
	_exit(0);
}
