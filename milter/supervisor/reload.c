/* reload - the configuration in force, and the way to the next one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/reload.h"

#include <stddef.h>

#include "base/log.h"
#include "base/text.h"
#include "config/change.h"
#include "config/config.h"
#include "supervisor/child.h"
#include "supervisor/generations.h"
#include "wire/wire.h"

void
reload_init(struct reload *reload, const char *path,
    const struct config *config, struct child_kit *kit,
    struct generations *generations)
{
	*reload = (struct reload){
		.path = path,
		.kit = kit,
		.generations = generations,
		.config = config_ref(config),
	};
}

void
reload_fini(struct reload *reload)
{
	config_unref(&reload->next);
	config_unref(&reload->config);
}

static const char *
effect_text(enum config_effect effect)
{
	switch (effect) {
	case CONFIG_BY_RESTART:
		return ": this needs a restart of vscan-milter, until then the "
		       "old value stays";
	case CONFIG_BY_RELEASE:
		return ": vscan-release needs a restart for it, too";
	case CONFIG_BY_ENGINE:
		return ", with a new engine";
	case CONFIG_AT_ONCE:
		break;
	}
	return "";
}

static void
log_change(void *context, const struct config_change *change)
{
	enum log_level level = change->effect == CONFIG_BY_RESTART
	    ? LOG_LEVEL_WARNING
	    : LOG_LEVEL_NOTICE;
	char before[256], after[256];

	(void)context;
	log_msg(level, "configuration: %s changes from %s to %s%s",
	    change->name, text_line(before, sizeof before, change->before),
	    text_line(after, sizeof after, change->after),
	    effect_text(change->effect));
}

static void
refuse(const char *path)
{
	log_msg(LOG_LEVEL_ERROR,
	    "the configuration %s is not taken over: the old configuration "
	    "stays in force",
	    path);
}

static void
log_mistake(void *context, const char *text)
{
	(void)context;
	log_msg(LOG_LEVEL_ERROR, "%s", text);
}

/* What the file says, with the old values of what needs a restart; NULL if it
 * can't be used, which is logged. */
static struct config *
read_file(const struct reload *reload)
{
	struct config *config = NULL;
	enum error_code code;
	struct error err;

	code = config_check(reload->path, log_mistake, NULL, &config, &err);
	if (code == ERROR_NONE) {
		config_compare(reload->config, config, log_change, NULL);
		code = config_keep(config, reload->config, &err);
	}
	if (code == ERROR_NONE)
		return config;
	if (code != ERROR_INPUT)
		log_error(LOG_LEVEL_ERROR,
		    "the supervisor can't read the configuration", &err);
	refuse(reload->path);
	config_destroy(&config);
	return NULL;
}

/* Sends the filter what is in force, if there is one that may go by something
 * else; tried again with the next event if its socket is full. */
static void
tell_filter(struct reload *reload, int filter)
{
	struct wire_message message = wire_make(WIRE_CONFIG);
	struct error err;

	if (!reload->untold || filter < 0)
		return;
	reload->untold = wire_send(filter, &message, reload->kit->config,
			     &err) != ERROR_NONE;
	if (reload->untold)
		log_error(LOG_LEVEL_ERROR,
		    "the supervisor can't send the filter its configuration",
		    &err);
}

/* The one place where a snapshot comes into force. */
static void
put_in_force(struct reload *reload, const struct config *config, int filter)
{
	config_replace(&reload->config, config);
	config_unref(&reload->next);
	child_kit_commit(reload->kit);
	log_set_level((enum log_level)config->log_level);
	log_msg(LOG_LEVEL_NOTICE, "the new configuration is in force");
	reload->untold = true;
	tell_filter(reload, filter);
}

static void
drop_next(struct reload *reload)
{
	config_unref(&reload->next);
	child_kit_drop(reload->kit);
	generations_configure(reload->generations, reload->config);
}

/* Takes over a snapshot that differs from what is in force, or from what is
 * waiting to be. */
static void
take(struct reload *reload, const struct config *config, int filter)
{
	bool other_engine = (config_compare(reload->generations->config, config,
				 NULL, NULL) &
				1u << CONFIG_BY_ENGINE) != 0;
	bool waits = other_engine || reload->next != NULL;
	struct error err;

	/* With no engine in service there is none whose options mail could
	 * have been scanned with. */
	waits = waits && generations_serving(reload->generations) != NULL;
	if (child_kit_prepare(reload->kit, config, &err) != ERROR_NONE) {
		log_error(LOG_LEVEL_ERROR,
		    "the new configuration can't be made ready for the filter",
		    &err);
		refuse(reload->path);
		return;
	}
	generations_configure(reload->generations, config);
	if (other_engine)
		generations_reload(reload->generations, true);
	if (waits)
		config_replace(&reload->next, config);
	else
		put_in_force(reload, config, filter);
}

void
reload_read(struct reload *reload, int filter)
{
	const struct config *latest = reload->next != NULL ? reload->next
							   : reload->config;
	struct config *config = read_file(reload);

	if (config == NULL)
		return;
	if (config_compare(latest, config, NULL, NULL) == 0)
		log_msg(LOG_LEVEL_NOTICE, "the configuration stays as it is");
	else if (config_compare(reload->config, config, NULL, NULL) == 0)
		drop_next(reload);
	else
		take(reload, config, filter);
	config_destroy(&config);
}

void
reload_settle(struct reload *reload, int filter)
{
	tell_filter(reload, filter);
	if (reload->next == NULL)
		return;
	if (generations_serving(reload->generations) == reload->next)
		put_in_force(reload, reload->next, filter);
	else if (generations_refused(reload->generations)) {
		drop_next(reload);
		refuse(reload->path);
	}
}
