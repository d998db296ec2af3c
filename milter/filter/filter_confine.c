/* filter_confine - the filter keeps what it needs, and gives up the rest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/filter_confine.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/confine.h"
#include "base/log.h"
#include "base/process.h"
#include "config/config.h"
#include "filter/filter_state.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The port of our own socket, for wakeup_connect(); 0 if it has none. */
static uint16_t
own_port(const struct filter_state *filter)
{
	const struct sockaddr_storage *address = &filter->wakeup.address;

	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return 0;
}

static enum error_code
stay_inside(const struct filter_state *filter, struct error *err)
{
	const struct landlock_place places[] = {
		{ filter->config->state_directory, true },
		{ filter->config->buffer_directory, true },
		{ "/dev/null", true }, { "/dev/urandom", false }, /* SQLite's */
	};
	/* A socket that was handed over may be an abstract one. */
	const struct landlock_fence fence = {
		.places = places,
		.count = LENGTH(places),
		.port = own_port(filter),
		.abstract = true,
	};

	return confine_files(&fence, err);
}

void
filter_confine(const struct filter_state *filter)
{
	struct error err;

	process_keep_timezone();
	if (filter->config->engine_sandbox == SANDBOX_OFF)
		return;
	/* In this order, for Landlock wants no_new_privs. */
	if (confine_calls(CONFINE_FILTER, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the filter is not confined to "
		    "its system calls",
		    &err);
	if (stay_inside(filter, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the filter is not confined to "
		    "its directories",
		    &err);
}
