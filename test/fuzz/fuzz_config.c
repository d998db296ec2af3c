/* fuzz_config - configuration files of any bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "filter/netlist.h"
#include "filter/reply.h"
#include "fuzz.h"

void
fuzz_begin(void)
{
}

/* NULL and *err_r if the text is refused. */
static struct config *
load(const char *text, size_t len, struct error *err_r)
{
	int fd = fuzz_memory(text, len);
	struct config *config = (struct config *)(void *)&fd;
	enum error_code code;

	code = config_load_fd(fd, "fuzz.conf", &config, err_r);
	assert((code == ERROR_NONE) == (config != NULL));
	if (code != ERROR_NONE)
		fuzz_check_error(err_r, (int)code);
	close(fd);
	return config;
}

static char *
print(const struct config *config, bool with_comments)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert(out != NULL);
	config_print(config, out, with_comments);
	fclose(out);
	assert(strlen(text) == size);
	return text;
}

/* What the supervisor hands to its children means to them what it does to
 * itself. */
static void
check_print(const struct config *config)
{
	char *plain = print(config, false);

	for (int with_comments = 0; with_comments < 2; with_comments++) {
		char *text = print(config, with_comments), *again;
		struct config *copy;
		struct error err;

		copy = load(text, strlen(text), &err);
		assert(copy != NULL);
		again = print(copy, false);
		assert(strcmp(again, plain) == 0);
		free(again);
		free(text);
		config_destroy(&copy);
	}
	free(plain);
}

/* A mistake says where it is: "fuzz.conf:LINE: ...". */
static void
check_mistake(const struct error *err)
{
	assert(err->code == ERROR_INPUT);
	assert(strncmp(err->text, "fuzz.conf:", 10) == 0);
}

/* The rules that the product relies on. */
static void
check_bounds(const struct config *config)
{
	assert(config->engine_workers > 0 && config->engine_background > 0);
	assert(config->deadline_progress > 0 &&
	    config->deadline_slow_after > 0 && config->deadline_failures > 0);
	assert(config->deadline_scan_cpu <= config->deadline_scan_wall);
	assert(config->engine_scratch >
	    config->engine_max_scan_size + 2 * config->engine_max_file_size);
	assert(config->buffer_message_memory <= config->buffer_memory);
	assert(config->socket_mode <= 0777);
	assert(config->state_directory[0] == '/');
	assert(config->action_clean == ACTION_ACCEPT ||
	    config->action_clean == ACTION_QUARANTINE);
	assert(config->action_error != ACTION_REJECT &&
	    config->action_error != ACTION_DISCARD);
	assert(strcmp(config->user, "root") != 0);
}

/* What it is made of is what the filter takes. */
static void
check_use(const struct config *config)
{
	struct verdict verdict = verdict_make(VERDICT_INFECTED, "x");
	struct netlist *list;
	enum error_code code;
	struct reply reply;
	struct error err;

	code = netlist_create(&config->headers_keep_from, &list, &err);
	assert(code == ERROR_NONE);
	netlist_destroy(&list);
	reply_make(config, ACTION_REJECT, &verdict, "Q1", &reply);
	assert(reply.text[0] != '\0');
}

void
fuzz_one(struct fuzz_input *in)
{
	size_t len = in->left;
	char *text = fuzz_rest(in);
	struct config *config;
	struct error err;

	config = load(text, len, &err);
	free(text);
	if (config == NULL) {
		check_mistake(&err);
		return;
	}
	check_bounds(config);
	check_use(config);
	check_print(config);
	config_destroy(&config);
	assert(config == NULL);
}
