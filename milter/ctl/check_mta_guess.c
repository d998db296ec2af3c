/* check_mta_guess - whether a milter's name was meant to be ours, and how the
 * MTA has to write it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "check_mta_internal.h"

/* A socket with this in its name is vscan-milter's. */
#define OUR_NAME "vscan"

/* Up to MOST_WRONG letters of a name may be wrong.  Names that are shorter than
 * LEAST_LENGTH have to be right, since many short names are alike. */
#define MOST_WRONG 2
#define LEAST_LENGTH 8

#define DIGITS "0123456789"

/* The length of what stands before the first colon, and of the colon itself.  0
 * if there is no colon, or if it is a part of a path or of an address. */
static size_t
prefix_len(const char *name)
{
	size_t len = strcspn(name, ":/[@");

	return name[len] == ':' ? len + 1 : 0;
}

static bool
is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, DIGITS)] == '\0';
}

/* Whether name begins with a kind of socket. */
static bool
has_kind(const char *name)
{
	static const char *const kinds[] = { "unix:", "local:", "inet:",
		"inet6:", "tcp:" };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strncasecmp(name, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

/* --- what the MTA takes --- */

static bool
is_path(const char *path, bool relative)
{
	size_t len = strlen(path);

	return len > 1 && path[len - 1] != '/' && (relative || path[0] == '/');
}

static bool
is_port(const char *port)
{
	return is_number(port) || isalpha((unsigned char)port[0]);
}

static bool
postfix_takes(const char *name)
{
	char host[256];
	const char *colon;

	if (strncmp(name, "unix:", 5) == 0)
		return is_path(name + 5, true);
	if (strncmp(name, "local:", 6) == 0)
		return is_path(name + 6, true);
	if (strncmp(name, "inet:", 5) != 0 || strchr(name, '@') != NULL)
		return false;
	name += 5;
	colon = strrchr(name, ':');
	if (colon == NULL)
		return is_port(name);
	snprintf(host, sizeof host, "%.*s", (int)(colon - name), name);
	return !is_number(host) && is_port(colon + 1);
}

static bool
sendmail_takes(const char *name)
{
	const char *path = check_mta_unix_path(name);
	const char *at = strchr(name, '@');

	if (path != NULL)
		return is_path(path, false);
	if (at == NULL || at[1] == '\0' ||
	    (strncasecmp(name, "inet:", 5) != 0 &&
		strncasecmp(name, "inet6:", 6) != 0))
		return false;
	name = strchr(name, ':') + 1;
	return isalpha((unsigned char)name[0]) ||
	    (at > name && strspn(name, DIGITS) == (size_t)(at - name));
}

bool
check_mta_is_socket(enum check_mta_kind kind, const char *name)
{
	return kind == CHECK_MTA_POSTFIX ? postfix_takes(name)
					 : sendmail_takes(name);
}

/* --- how like ours it is --- */

/* A directory and the file in it, in lower case: the end of a path. */
static void
take_tail(const char *path, char *out, size_t size)
{
	size_t end = strlen(path), begin, slashes = 0;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (begin = end; begin > 0; begin--) {
		slashes += path[begin - 1] == '/';
		if (slashes == 2)
			break;
	}
	snprintf(out, size, "%.*s", (int)(end - begin), path + begin);
	for (; *out != '\0'; out++)
		*out = (char)tolower((unsigned char)*out);
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* What it costs to add or leave out a letter.  Another number is another name,
 * and no slip. */
static unsigned
cost(char letter)
{
	return isdigit((unsigned char)letter) ? MOST_WRONG + 1 : 1;
}

static unsigned
cost_of_change(char a, char b)
{
	if (a == b)
		return 0;
	return cost(a) > cost(b) ? cost(a) : cost(b);
}

#define TAIL_SIZE 128

/* The least number of letters to add, leave out, change, or exchange with
 * their neighbour, that makes one of the other. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned rows[3][TAIL_SIZE], *row = rows[0], *last = rows[1],
				     *before = rows[2], *spare;
	size_t width = strlen(b);

	row[0] = 0;
	for (size_t j = 1; j <= width; j++)
		row[j] = row[j - 1] + cost(b[j - 1]);
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		spare = before;
		before = last;
		last = row;
		row = spare;
		row[0] = last[0] + cost(a[i - 1]);
		for (size_t j = 1; j <= width; j++) {
			row[j] = least(last[j] + cost(a[i - 1]),
			    row[j - 1] + cost(b[j - 1]));
			row[j] = least(row[j],
			    last[j - 1] + cost_of_change(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[width];
}

static bool
is_like_path(const char *ours, const char *theirs)
{
	char a[TAIL_SIZE], b[TAIL_SIZE];

	if (strcasestr(theirs, OUR_NAME) != NULL)
		return true;
	take_tail(ours, a, sizeof a);
	take_tail(theirs + prefix_len(theirs), b, sizeof b);
	if (strlen(a) < LEAST_LENGTH)
		return strcmp(a, b) == 0;
	return distance(a, b) <= MOST_WRONG;
}

/* Copies a host, without the brackets that may stand around an address. */
static void
take_host(const char *text, char *out, size_t size)
{
	text += text[0] == '[';
	snprintf(out, size, "%.*s", (int)strcspn(text, "]"), text);
}

/* Takes host and port apart, in whichever order they stand. */
static void
split_any(const char *name, struct check_mta_internet *internet_r)
{
	char text[300], *sign;
	bool port_first;

	memset(internet_r, 0, sizeof *internet_r);
	if (has_kind(name))
		name += prefix_len(name);
	snprintf(text, sizeof text, "%s", name);
	sign = strrchr(text, '@');
	port_first = sign != NULL;
	if (sign == NULL) {
		sign = strrchr(text, ':');
		port_first = sign == NULL || !is_number(sign + 1);
	}
	if (sign != NULL) {
		*sign = '\0';
		take_host(port_first ? sign + 1 : text, internet_r->host,
		    sizeof internet_r->host);
	}
	snprintf(internet_r->port, sizeof internet_r->port, "%.31s",
	    port_first ? text : sign + 1);
}

bool
check_mta_is_like(const char *ours, const char *theirs)
{
	const char *path = check_mta_unix_path(ours);
	struct check_mta_internet a, b;

	if (path != NULL)
		return is_like_path(path, theirs);
	if (!check_mta_split_port_at_host(ours, &a))
		return false;
	split_any(theirs, &b);
	return check_mta_same_internet(&a, &b) ||
	    strcasestr(theirs, OUR_NAME) != NULL;
}

/* --- as it should be --- */

static void
spell_internet(const struct check_mta_internet *ours, bool port_first, bool six,
    char *out, size_t size)
{
	const char *host = ours->host;

	if (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	else if (strcmp(host, "::") == 0)
		host = "::1";
	if (port_first)
		snprintf(out, size, "%s:%s@%s", six ? "inet6" : "inet",
		    ours->port, host);
	else
		snprintf(out, size,
		    strchr(host, ':') != NULL ? "inet:[%s]:%s" : "inet:%s:%s",
		    host, ours->port);
}

bool
check_mta_spell(enum check_mta_kind kind, const char *ours,
    const char *queue_directory, char chroot, char *out, size_t size)
{
	const char *path = check_mta_unix_path(ours);
	bool sendmail = kind == CHECK_MTA_SENDMAIL;
	struct check_mta_internet internet;
	size_t len = strlen(queue_directory);
	bool in_queue = !sendmail && path != NULL &&
	    strncmp(path, queue_directory, len) == 0 && path[len] == '/';

	if (check_mta_split_port_at_host(ours, &internet))
		spell_internet(&internet, sendmail,
		    strncasecmp(ours, "inet6:", 6) == 0, out, size);
	else if (path == NULL || (!sendmail && !in_queue && chroot == 'y'))
		return false;
	else if (in_queue)
		path += len + strspn(path + len, "/");
	if (path != NULL)
		snprintf(out, size, "unix:%s", path);
	return true;
}
