/* config - the configuration: one table row for each setting
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "parse.h"
#include "rules.h"
#include "source.h"
#include "table.h"
#include "value.h"

static unsigned
cpus(void)
{
	cpu_set_t set;
	long n;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	else
		n = sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : (unsigned)n;
}

static void
resolve(struct config *config)
{
	const struct setting *workers;

	workers = setting_at(offsetof(struct config, engine_workers_given));
	config->engine_workers = config->engine_workers_given;
	if (config->engine_workers == 0)
		config->engine_workers = cpus();
	if (config->engine_workers > (unsigned)workers->max)
		config->engine_workers = (unsigned)workers->max;
}

static struct config *
config_create(void)
{
	struct config *config = calloc(1, sizeof(*config));
	enum value_result result;

	for (size_t i = 0; config != NULL && i < settings_count; i++) {
		result = value_default(&settings[i], config);
		assert(result == VALUE_OK || result == VALUE_NO_MEMORY);
		if (result != VALUE_OK)
			config_destroy(&config);
	}
	return config;
}

enum error_code
config_load_fd(int fd, const char *name, struct config **config_r,
    struct error *err)
{
	struct config *config = NULL;
	unsigned lines[SETTINGS_MAX] = { 0 };
	struct source source;
	enum error_code code;

	*config_r = NULL;
	code = source_read(&source, fd, name, err);
	if (code != ERROR_NONE)
		return code;
	config = config_create();
	if (config == NULL) {
		code = error_sys(err, ENOMEM, "cannot read configuration %s",
		    name);
		goto out;
	}
	code = parse_source(&source, name, config, lines, err);
	if (code != ERROR_NONE)
		goto out;
	resolve(config);
	code = rules_check(config, lines, name, err);
out:
	source_fini(&source);
	if (code != ERROR_NONE)
		config_destroy(&config);
	*config_r = config;
	return code;
}

enum error_code
config_load(const char *path, struct config **config_r, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum error_code code;

	*config_r = NULL;
	if (fd == -1)
		return error_sys(err, errno, "cannot open configuration %s",
		    path);
	code = config_load_fd(fd, path, config_r, err);
	close(fd);
	return code;
}

static void
give_back(struct config *config)
{
	if (config == NULL || atomic_fetch_sub(&config->references, 1) > 0)
		return;
	for (size_t i = 0; i < settings_count; i++)
		value_clear(&settings[i], config);
	free(config);
}

void
config_destroy(struct config **config)
{
	give_back(*config);
	*config = NULL;
}

/* To who only reads it a snapshot is constant; its references are not. */
static struct config *
unlocked(const struct config *config)
{
	return (struct config *)(uintptr_t)config;
}

const struct config *
config_ref(const struct config *config)
{
	atomic_fetch_add(&unlocked(config)->references, 1);
	return config;
}

void
config_unref(const struct config **config)
{
	give_back(unlocked(*config));
	*config = NULL;
}

void
config_replace(const struct config **place, const struct config *config)
{
	const struct config *before = *place;

	*place = config_ref(config);
	config_unref(&before);
}

const char *
config_action_name(enum action action)
{
	const struct choice *choice = setting_actions;

	while (choice->name != NULL && choice->value != (int)action)
		choice++;
	return choice->name != NULL ? choice->name : "unknown";
}
