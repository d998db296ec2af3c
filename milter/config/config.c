/* config - the configuration: one table row for each setting
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/config.h"
#include "mistakes.h"
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

/* The function that is told each mistake; NULL where only the first one is
 * wanted. */
struct listener {
	config_mistake_function *each;
	void *context;
};

/* Fills in config with what the source says. */
static enum error_code
take_source(struct config *config, struct source *source, const char *name,
    const struct listener *listener, struct error *err)
{
	unsigned lines[SETTINGS_MAX] = { 0 };
	struct mistakes *mistakes = malloc(sizeof(*mistakes));
	enum error_code code;

	if (mistakes == NULL)
		return error_sys(err, ENOMEM, "cannot read configuration %s",
		    name);
	mistakes_init(mistakes);
	parse_source(source, config, lines, mistakes);
	resolve(config);
	if (!mistakes->unread)
		rules_check(config, lines, mistakes);
	code = mistakes_tell(mistakes, name, listener->each, listener->context,
	    err);
	mistakes_fini(mistakes);
	free(mistakes);
	return code;
}

static enum error_code
load_fd(int fd, const char *name, const struct listener *listener,
    struct config **config_r, struct error *err)
{
	struct config *config;
	struct source source;
	enum error_code code;

	*config_r = NULL;
	code = source_read(&source, fd, name, err);
	if (code == ERROR_INPUT && listener->each != NULL && err != NULL)
		listener->each(listener->context, err->text);
	if (code != ERROR_NONE)
		return code;
	config = config_create();
	if (config == NULL)
		code = error_sys(err, ENOMEM, "cannot read configuration %s",
		    name);
	else
		code = take_source(config, &source, name, listener, err);
	source_fini(&source);
	if (code != ERROR_NONE)
		config_destroy(&config);
	*config_r = config;
	return code;
}

enum error_code
config_load_fd(int fd, const char *name, struct config **config_r,
    struct error *err)
{
	static const struct listener nobody = { .each = NULL };

	return load_fd(fd, name, &nobody, config_r, err);
}

/* Whoever may write to the file decides what is let through, and root obeys
 * it. */
static enum error_code
check_owner(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot read configuration %s",
		    path);
	/* Everybody may write to /dev/null, which is no regular file, and is no
	 * danger. */
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return ERROR_NONE;
	if ((st.st_mode & S_IWOTH) != 0)
		return error_set(err, ERROR_INPUT,
		    "%s: everybody may write to this file, so it is not read; "
		    "chmod o-w mends that",
		    path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return error_set(err, ERROR_INPUT,
		    "%s: this file belongs to account number %u, so it is not "
		    "read; it must belong to root%s",
		    path, (unsigned)st.st_uid,
		    geteuid() != 0 ? ", or to the account that reads it" : "");
	return ERROR_NONE;
}

static enum error_code
check_fd(int fd, const char *path, const struct listener *listener,
    struct config **config_r, struct error *err)
{
	struct error why;
	enum error_code code = check_owner(fd, path, &why);

	if (code == ERROR_NONE)
		return load_fd(fd, path, listener, config_r, err);
	if (code == ERROR_INPUT && listener->each != NULL)
		listener->each(listener->context, why.text);
	if (err != NULL)
		*err = why;
	return code;
}

enum error_code
config_check(const char *path, config_mistake_function *each, void *context,
    struct config **config_r, struct error *err)
{
	const struct listener listener = { each, context };
	/* O_NONBLOCK: the open of a FIFO that nobody writes to would wait for
	 * ever. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum error_code code;

	*config_r = NULL;
	if (fd == -1 || fcntl(fd, F_SETFL, O_RDONLY) == -1) {
		code = error_sys(err, errno, "cannot open configuration %s",
		    path);
		fd_close(&fd);
		return code;
	}
	code = check_fd(fd, path, &listener, config_r, err);
	close(fd);
	return code;
}

enum error_code
config_load(const char *path, struct config **config_r, struct error *err)
{
	return config_check(path, NULL, NULL, config_r, err);
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

/* Readers have a pointer to a constant snapshot, but each of them changes the
 * number of its references. */
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
