/* value - a setting's text into its field in struct config, and back
 *
 * A row's type chooses a struct kind: what its text may be (check), how it
 * gets into the field (store), and how it is told.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "units.h"
#include "value.h"

#define NUMBER_SIZE 32 /* a formatted duration, size or mode */

static const char name_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789_.-";

struct kind {
	/* A kind that is stored as a number has both of these, others neither.
	 */
	bool (*parse)(const struct setting *setting, const char *text,
	    int64_t *value_r);
	const char *(*format)(const struct setting *setting, char *out,
	    size_t size, int64_t value);
	/* For what stays text. */
	bool (*check)(const struct setting *setting, const char *text);
	/* With bounds: followed by " from MIN to MAX". */
	const char *allowed;
	bool list;
};

static bool
parse_duration(const struct setting *setting, const char *text,
    int64_t *value_r)
{
	(void)setting;
	return units_parse_duration(text, value_r);
}

static bool
parse_size(const struct setting *setting, const char *text, int64_t *value_r)
{
	(void)setting;
	return units_parse_size(text, value_r);
}

static bool
parse_count(const struct setting *setting, const char *text, int64_t *value_r)
{
	(void)setting;
	return units_parse_count(text, value_r);
}

static bool
parse_mode(const struct setting *setting, const char *text, int64_t *value_r)
{
	size_t len = strlen(text);

	(void)setting;
	if (len < 3 || len > 4 || strspn(text, "01234567") != len)
		return false;
	*value_r = strtol(text, NULL, 8);
	return true;
}

static bool
parse_choice(const struct setting *setting, const char *text, int64_t *value_r)
{
	const struct choice *choice = setting->choices;

	while (choice->name != NULL && strcmp(choice->name, text) != 0)
		choice++;
	*value_r = choice->value;
	return choice->name != NULL;
}

static const char *
format_duration(const struct setting *setting, char *out, size_t size,
    int64_t value)
{
	(void)setting;
	return units_format_duration(out, size, value);
}

static const char *
format_size(const struct setting *setting, char *out, size_t size,
    int64_t value)
{
	(void)setting;
	return units_format_size(out, size, value);
}

static const char *
format_count(const struct setting *setting, char *out, size_t size,
    int64_t value)
{
	(void)setting;
	snprintf(out, size, "%" PRId64, value);
	return out;
}

static const char *
format_mode(const struct setting *setting, char *out, size_t size,
    int64_t value)
{
	(void)setting;
	snprintf(out, size, "%04" PRIo64, (uint64_t)value);
	return out;
}

static const char *
format_choice(const struct setting *setting, char *out, size_t size,
    int64_t value)
{
	const struct choice *choice = setting->choices;

	(void)out, (void)size;
	while (choice->name != NULL && choice->value != value)
		choice++;
	return choice->name != NULL ? choice->name : "";
}

/* True for names of hosts and accounts, which begin with a letter: 1.2.3 is
 * neither. */
static bool
is_name(const char *text)
{
	return text[0] > '9' && strspn(text, name_characters) == strlen(text);
}

/* PORT@ADDRESS or PORT@NAME. */
static bool
check_inet(const char *text, int family)
{
	unsigned char address[sizeof(struct in6_addr)];
	const char *host = strchr(text, '@');
	char port[8];
	int64_t number;

	if (host == NULL || (size_t)(host - text) >= sizeof(port))
		return false;
	snprintf(port, sizeof(port), "%.*s", (int)(host - text), text);
	if (!units_parse_count(port, &number) || number < 1 || number > 65535)
		return false;
	return inet_pton(family, host + 1, address) == 1 || is_name(host + 1);
}

static bool
check_socket(const struct setting *setting, const char *text)
{
	int64_t number;

	(void)setting;
	if (strncmp(text, "unix:/", 6) == 0)
		return strlen(text + 5) <= 107;
	if (strncmp(text, "inet:", 5) == 0)
		return check_inet(text + 5, AF_INET);
	if (strncmp(text, "inet6:", 6) == 0)
		return check_inet(text + 6, AF_INET6);
	return strncmp(text, "fd:", 3) == 0 &&
	    units_parse_count(text + 3, &number) && number <= 65535;
}

/* The filter must not stay root. */
static bool
check_user(const struct setting *setting, const char *text)
{
	(void)setting;
	return is_name(text) && strcmp(text, "root") != 0;
}

static bool
check_group(const struct setting *setting, const char *text)
{
	(void)setting;
	return text[0] == '\0' || is_name(text);
}

static bool
check_path(const struct setting *setting, const char *text)
{
	return text[0] == '/' || (text[0] == '\0' && setting->min == 0);
}

static bool
check_mta(const struct setting *setting, const char *text)
{
	(void)setting;
	return strncmp(text, "postfix:/", 9) == 0 ||
	    strncmp(text, "sendmail:/", 10) == 0;
}

static bool
check_template(const struct setting *setting, const char *text)
{
	(void)setting;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < ' ' || *p >= 0x7f)
			return false;
		if (*p == '%' && (*++p == '\0' || strchr("vi%", *p) == NULL))
			return false;
	}
	return true;
}

/* True if no bit of the address is set behind the first bits. */
static bool
is_network(const unsigned char *address, size_t size, int64_t bits)
{
	for (size_t bit = (size_t)bits; bit < size * 8; bit++)
		if (address[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

static bool
check_network(const struct setting *setting, const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];
	char host[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	size_t size = strchr(text, ':') != NULL ? 16 : 4;
	int64_t bits = (int64_t)size * 8;

	(void)setting;
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(size == 16 ? AF_INET6 : AF_INET, host, address) != 1)
		return false;
	if (text[len] == '/' &&
	    (!units_parse_count(text + len + 1, &bits) ||
		bits > (int64_t)size * 8))
		return false;
	return is_network(address, size, bits);
}

/* True if a mail is read differently without the headers that pattern, of len
 * characters before its "*", takes in. */
static bool
takes_in_needed(const char *pattern, size_t len, bool family)
{
	static const char *const needed[] = { "MIME-Version", "From", "To",
		"Cc", "Subject", "Sender", "Reply-To" };
	static const char content[] = "Content-";
	size_t common = len < strlen(content) ? len : strlen(content);

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (strncasecmp(pattern, needed[i], len) == 0 &&
		    (family || strlen(needed[i]) == len))
			return true;
	return strncasecmp(pattern, content, common) == 0 &&
	    (family || common == strlen(content));
}

/* A field name of RFC 5322, or the beginning of one and a "*". */
static bool
check_header(const struct setting *setting, const char *text)
{
	size_t len = strcspn(text, "*");
	bool family = text[len] == '*';

	(void)setting;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f || text[i] == ':')
			return false;
	return len > 0 && len <= 64 && strlen(text) == len + family &&
	    !takes_in_needed(text, len, family);
}

static const struct kind kinds[] = {
	[SETTING_SOCKET] = { .check = check_socket,
	    .allowed = "unix:PATH with an absolute path of up to 107 bytes, "
		       "inet:PORT@ADDRESS, inet6:PORT@ADDRESS or fd:NUMBER" },
	[SETTING_USER] = { .check = check_user,
	    .allowed = "the name of an account other than root" },
	[SETTING_GROUP] = { .check = check_group,
	    .allowed = "the name of a group, or empty" },
	[SETTING_PATH] = { .check = check_path, .allowed = "an absolute path" },
	[SETTING_TEMPLATE] = { .check = check_template,
	    .allowed = "1 to 400 printable ASCII characters, with %v (virus), "
		       "%i (queue ID) and %% (percent sign) only" },
	[SETTING_DURATION] = { .parse = parse_duration,
	    .format = format_duration,
	    .allowed = "a duration" },
	[SETTING_SIZE] = { .parse = parse_size,
	    .format = format_size,
	    .allowed = "a size" },
	[SETTING_COUNT] = { .parse = parse_count,
	    .format = format_count,
	    .allowed = "a number of" },
	[SETTING_MODE] = { .parse = parse_mode,
	    .format = format_mode,
	    .allowed = "an octal file mode" },
	[SETTING_CHOICE] = { .parse = parse_choice, .format = format_choice },
	[SETTING_PATHS] = { .check = check_path,
	    .allowed = "an absolute path",
	    .list = true },
	[SETTING_MTAS] = { .check = check_mta,
	    .allowed = "postfix:DIRECTORY or sendmail:FILE with an absolute "
		       "path",
	    .list = true },
	[SETTING_NETWORKS] = { .check = check_network,
	    .allowed = "an IPv4 or IPv6 ADDRESS or ADDRESS/BITS with no bit "
		       "set behind BITS",
	    .list = true },
	[SETTING_HEADERS] = { .check = check_header,
	    .allowed = "the name of a header, or its beginning and a \"*\", "
		       "but none that the mail is read by (Content-*, "
		       "MIME-Version, From, To, Cc, Subject, Sender, Reply-To)",
	    .list = true },
};

static void *
field(const struct setting *setting, struct config *config)
{
	return (char *)config + setting->offset;
}

static const void *
const_field(const struct setting *setting, const struct config *config)
{
	return (const char *)config + setting->offset;
}

static void
store_number(const struct setting *setting, struct config *config,
    int64_t value)
{
	void *to = field(setting, config);

	if (setting->type == SETTING_DURATION)
		*(int64_t *)to = value;
	else if (setting->type == SETTING_SIZE)
		*(uint64_t *)to = (uint64_t)value;
	else if (setting->type == SETTING_CHOICE)
		*(int *)to = (int)value;
	else
		*(unsigned *)to = (unsigned)value;
}

static int64_t
load_number(const struct setting *setting, const struct config *config)
{
	const void *from = const_field(setting, config);

	if (setting->type == SETTING_DURATION)
		return *(const int64_t *)from;
	if (setting->type == SETTING_SIZE)
		return (int64_t) * (const uint64_t *)from;
	if (setting->type == SETTING_CHOICE)
		return *(const int *)from;
	return *(const unsigned *)from;
}

static enum value_result
append(struct config_strings *list, const char *text)
{
	char **items;

	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (items == NULL)
		return VALUE_NO_MEMORY;
	list->items = items;
	items[list->count] = strdup(text);
	if (items[list->count] == NULL)
		return VALUE_NO_MEMORY;
	list->count++;
	return VALUE_OK;
}

static enum value_result
store_text(const struct setting *setting, struct config *config,
    const char *text)
{
	char **to = field(setting, config);
	char *copy = strdup(text);

	if (copy == NULL)
		return VALUE_NO_MEMORY;
	free(*to);
	*to = copy;
	return VALUE_OK;
}

static enum value_result
parse_number(const struct setting *setting, struct config *config,
    const char *text)
{
	int64_t value;

	if (!kinds[setting->type].parse(setting, text, &value))
		return VALUE_WRONG;
	if (setting->type != SETTING_CHOICE &&
	    (value < setting->min || value > setting->max))
		return VALUE_WRONG;
	store_number(setting, config, value);
	return VALUE_OK;
}

static enum value_result
parse_item(const struct setting *setting, struct config *config,
    const char *text)
{
	struct config_strings *list = field(setting, config);

	if (!kinds[setting->type].check(setting, text) || text[0] == '\0')
		return VALUE_WRONG;
	if (list->count >= (size_t)setting->max)
		return VALUE_FULL;
	return append(list, text);
}

enum value_result
value_parse(const struct setting *setting, struct config *config,
    const char *text)
{
	const struct kind *kind = &kinds[setting->type];
	int64_t len = (int64_t)strlen(text);

	if (kind->parse != NULL)
		return parse_number(setting, config, text);
	if (kind->list)
		return parse_item(setting, config, text);
	if (len < setting->min || len > setting->max ||
	    !kind->check(setting, text))
		return VALUE_WRONG;
	return store_text(setting, config, text);
}

enum value_result
value_default(const struct setting *setting, struct config *config)
{
	if (kinds[setting->type].list && setting->fallback[0] == '\0')
		return VALUE_OK;
	return value_parse(setting, config, setting->fallback);
}

enum value_result
value_copy(const struct setting *setting, struct config *config,
    const struct config *from)
{
	enum value_result result = VALUE_OK;
	const struct config_strings *list;
	char text[NUMBER_SIZE];

	if (!kinds[setting->type].list)
		return value_parse(setting, config,
		    value_text(setting, from, text, sizeof(text)));
	list = value_list(setting, from);
	value_clear(setting, config);
	for (size_t i = 0; i < list->count && result == VALUE_OK; i++)
		result = append(field(setting, config), list->items[i]);
	return result;
}

void
value_clear(const struct setting *setting, struct config *config)
{
	struct config_strings *list;
	char **text;

	if (kinds[setting->type].list) {
		list = field(setting, config);
		for (size_t i = 0; i < list->count; i++)
			free(list->items[i]);
		free(list->items);
		list->items = NULL;
		list->count = 0;
	} else if (kinds[setting->type].parse == NULL) {
		text = field(setting, config);
		free(*text);
		*text = NULL;
	}
}

bool
value_is_list(const struct setting *setting)
{
	return kinds[setting->type].list;
}

const struct config_strings *
value_list(const struct setting *setting, const struct config *config)
{
	return const_field(setting, config);
}

const char *
value_text(const struct setting *setting, const struct config *config,
    char *buf, size_t size)
{
	const struct kind *kind = &kinds[setting->type];

	if (kind->parse != NULL)
		return kind->format(setting, buf, size,
		    load_number(setting, config));
	return *(char *const *)const_field(setting, config);
}

static bool
lists_are_equal(const struct config_strings *a, const struct config_strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

bool
value_is_equal(const struct setting *setting, const struct config *a,
    const struct config *b)
{
	char text[64], other[64];

	if (value_is_list(setting))
		return lists_are_equal(value_list(setting, a),
		    value_list(setting, b));
	return strcmp(value_text(setting, a, text, sizeof text),
		   value_text(setting, b, other, sizeof other)) == 0;
}

static const char *
allowed_choices(const struct setting *setting, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (const struct choice *c = setting->choices; c->name != NULL; c++) {
		snprintf(out + len, size - len, "%s\"%s\"",
		    c == setting->choices   ? ""
			: c[1].name == NULL ? " or "
					    : ", ",
		    c->name);
		len += strlen(out + len);
	}
	return out;
}

const char *
value_allowed(const struct setting *setting, char *out, size_t size)
{
	const struct kind *kind = &kinds[setting->type];
	char min[NUMBER_SIZE], max[NUMBER_SIZE];

	if (setting->choices != NULL)
		return allowed_choices(setting, out, size);
	if (kind->parse != NULL)
		snprintf(out, size, "%s%s%s from %s to %s", kind->allowed,
		    setting->unit != NULL ? " " : "",
		    setting->unit != NULL ? setting->unit : "",
		    kind->format(setting, min, sizeof(min), setting->min),
		    kind->format(setting, max, sizeof(max), setting->max));
	else if (setting->type == SETTING_PATH)
		snprintf(out, size, "%s of up to %" PRId64 " bytes%s",
		    kind->allowed, setting->max,
		    setting->min == 0 ? ", or empty" : "");
	else
		snprintf(out, size, "%s", kind->allowed);
	return out;
}
