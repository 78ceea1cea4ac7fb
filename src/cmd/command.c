/* SPDX-License-Identifier: MIT */
/* cmd/command.c - see command.h. */
#include "cmd/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

enum { LINE_BYTES = 4096, COMM_BYTES = 15 };

/* Also with a version at the end of the name: python3.11. */
static const struct interpreter {
	const char *name;
	const char *with_value; /* letters of options that take the next word */
	const char *instead;    /* letters of options that stand for the script */
} interpreters[] = {
	{.name = "python", .with_value = "WXQ", .instead = "mc"},
	{.name = "pypy", .with_value = "WXQ", .instead = "mc"},
	{.name = "node", .with_value = "rC", .instead = "ep"},
	{.name = "ruby", .with_value = "rIEKT", .instead = "e"},
	{.name = "perl", .with_value = "", .instead = "eE"},
	{.name = "php", .with_value = "dcz", .instead = "rB"},
	{.name = "bash", .with_value = "oO", .instead = "c"},
	{.name = "dash", .with_value = "o", .instead = "c"},
	{.name = "sh", .with_value = "o", .instead = "c"},
	{.name = "zsh", .with_value = "o", .instead = "c"},
	{.name = "lua", .with_value = "l", .instead = "e"},
	{.name = "Rscript", .with_value = "", .instead = "e"},
};

/* Long options that take the next word; "--name=value" is one word. */
static const char *const long_with_value[] = {"--require", "--import", "--loader", "--rcfile"};

static bool takes_next_word(const struct interpreter *interpreter, const char *word)
{
	for (unsigned i = 0; i < sizeof(long_with_value) / sizeof(long_with_value[0]); i++)
		if (strcmp(word, long_with_value[i]) == 0)
			return true;
	return word[1] != '-' && word[2] == '\0' && strchr(interpreter->with_value, word[1]);
}

/* "-c", "-um", but not "-Xm". */
static bool stands_for_script(const struct interpreter *interpreter, const char *word)
{
	return word[1] != '-' && !strchr(interpreter->with_value, word[1]) &&
	       strchr(interpreter->instead, word[strlen(word) - 1]);
}

static const struct interpreter *find_interpreter(const char *name)
{
	for (unsigned i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		size_t length = strlen(interpreters[i].name);

		if (strncmp(name, interpreters[i].name, length) == 0 &&
		    strspn(name + length, "0123456789.-") == strlen(name + length))
			return &interpreters[i];
	}
	return NULL;
}

/* The words of a command line, one after the other; NULL after the last. */
struct words {
	const char *next, *end;
};

static const char *next_word(struct words *words)
{
	const char *word = words->next;

	if (word >= words->end)
		return NULL;
	words->next = word + strlen(word) + 1;
	return word;
}

/*
 * The word that says what is interpreted: a script, or the option that stands for one.
 * @ret_module: the word behind -m, which people say too
 */
static const char *find_script(const struct interpreter *interpreter, struct words *words,
			       const char **ret_module)
{
	const char *word;

	*ret_module = NULL;
	while ((word = next_word(words)) && word[0] == '-' && word[1] != '\0') {
		if (strcmp(word, "--") == 0)
			return next_word(words);
		if (stands_for_script(interpreter, word)) {
			*ret_module = word[strlen(word) - 1] == 'm' ? next_word(words) : NULL;
			return word;
		}
		if (takes_next_word(interpreter, word))
			next_word(words);
	}
	return word;
}

void ms_command_parse(const char *comm, const char *line, size_t length, char text[MS_COMMAND_BYTES])
{
	struct words words = {.next = line, .end = line + length};
	const char *program = next_word(&words), *module;

	snprintf(text, MS_COMMAND_BYTES, "%s", comm);
	/* A login shell is called "-bash". */
	program = program ? basename(program) + (program[0] == '-') : "";
	const struct interpreter *interpreter = find_interpreter(program);
	if (!interpreter || strncmp(program, comm, COMM_BYTES) != 0)
		return;
	const char *script = find_script(interpreter, &words, &module);
	if (!script)
		return;
	snprintf(text, MS_COMMAND_BYTES, "%s %s%s%s", program, script[0] == '-' ? script : basename(script),
		 module ? " " : "", module ? module : "");
}

bool ms_command_names(const char *line, size_t length, const char *wanted)
{
	struct words words = {.next = line, .end = line + length};
	const char *program = next_word(&words), *module;

	if (!program)
		return false;
	if (strcmp(basename(program), wanted) == 0)
		return true;
	const struct interpreter *interpreter = find_interpreter(basename(program));
	const char *script = interpreter ? find_script(interpreter, &words, &module) : NULL;
	if (script && script[0] == '-')
		script = module;
	return script && strcmp(basename(script), wanted) == 0;
}

/* Return: the length; 0 for one that cannot be read, or has none. */
static size_t read_line(pid_t pid, char line[LINE_BYTES])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	int fd MS_CLEANUP_FD = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, line, LINE_BYTES - 1);

	length = length < 0 ? 0 : length;
	line[length] = '\0';
	return (size_t)length;
}

void ms_command_name(const struct ms_pid_facts *facts, char text[MS_COMMAND_BYTES])
{
	char line[LINE_BYTES];

	ms_command_parse(facts->comm, line, read_line(facts->pid, line), text);
}

bool ms_command_runs(const struct ms_pid_facts *facts, const char *wanted)
{
	char line[LINE_BYTES];

	return ms_command_names(line, read_line(facts->pid, line), wanted);
}
