/* check_mta_socket - whether the milter that an MTA asks is ours
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "ctl/check_mta.h"

/* What follows prefix in text; NULL if text begins otherwise. */
static const char *
after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncasecmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* The path of a UNIX socket; NULL if spec is another kind. */
static const char *
unix_path(const char *spec)
{
	const char *path = after(spec, "unix:");

	if (path == NULL)
		path = after(spec, "local:");
	return path == NULL && spec[0] == '/' ? spec : path;
}

/* Without empty and "." parts.  False if it is too long. */
static bool
tidy(char out[PATH_MAX], const char *directory, const char *path)
{
	char joined[2 * PATH_MAX], *rest = joined, *part;
	size_t len = 0;
	int n;

	n = snprintf(joined, sizeof joined, "%s/%s", directory, path);
	if (n < 0 || n >= PATH_MAX)
		return false;
	out[0] = '\0';
	while ((part = strsep(&rest, "/")) != NULL)
		if (part[0] != '\0' && strcmp(part, ".") != 0) {
			n = snprintf(out + len, PATH_MAX - len, "/%s", part);
			len += (size_t)n;
		}
	return true;
}

/* The same name in the same directory, by whatever way that is reached.  Cuts
 * both. */
static bool
same_place(char *a, char *b)
{
	char *name_a = strrchr(a, '/'), *name_b = strrchr(b, '/');
	struct stat stat_a, stat_b;

	if (name_a == NULL || name_b == NULL || strcmp(name_a, name_b) != 0)
		return false;
	*name_a = *name_b = '\0';
	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &stat_a) == 0 && stat(b, &stat_b) == 0 &&
	    stat_a.st_dev == stat_b.st_dev && stat_a.st_ino == stat_b.st_ino;
}

static bool
same_path(const char *ours, const char *directory, const char *path)
{
	char a[PATH_MAX], b[PATH_MAX];

	return tidy(a, "", ours) && tidy(b, directory, path) &&
	    same_place(a, b);
}

struct internet {
	char host[256];
	char port[32];
};

/* PORT@HOST of libmilter and Sendmail; false if spec is another kind. */
static bool
split_port_at_host(const char *spec, struct internet *internet)
{
	const char *rest = after(spec, "inet:");

	if (rest == NULL)
		rest = after(spec, "inet6:");
	internet->host[0] = '\0';
	return rest != NULL &&
	    sscanf(rest, "%31[^@]@%255[^\n]", internet->port, internet->host) >=
	    1;
}

/* inet:HOST:PORT of Postfix. */
static bool
split_host_port(const char *spec, struct internet *internet)
{
	const char *rest = after(spec, "inet:"), *colon;
	size_t len;

	colon = rest == NULL ? NULL : strrchr(rest, ':');
	if (colon == NULL)
		return false;
	len = (size_t)(colon - rest);
	if (len >= 2 && rest[0] == '[' && colon[-1] == ']') {
		rest++;
		len -= 2;
	}
	if (len >= sizeof internet->host)
		return false;
	memcpy(internet->host, rest, len);
	internet->host[len] = '\0';
	snprintf(internet->port, sizeof internet->port, "%.31s", colon + 1);
	return true;
}

static bool
is_one_of(const char *host, const char *const *names)
{
	while (*names != NULL)
		if (strcasecmp(host, *names++) == 0)
			return true;
	return false;
}

static bool
same_internet(const struct internet *ours, const struct internet *theirs)
{
	static const char *const any[] = { "0.0.0.0", "::", "", NULL };
	static const char *const here[] = { "localhost", "127.0.0.1", "::1", "",
		NULL };

	if (strcmp(ours->port, theirs->port) != 0)
		return false;
	return is_one_of(ours->host, any) ||
	    strcasecmp(ours->host, theirs->host) == 0 ||
	    (is_one_of(ours->host, here) && is_one_of(theirs->host, here));
}

/* A relative path starts at the queue directory in the chroot and without. */
static enum check_mta_match
match_path(const char *ours, const char *theirs, const char *queue_directory,
    char chroot)
{
	bool inside = same_path(ours, queue_directory, theirs);
	bool outside = theirs[0] == '/' && same_path(ours, "", theirs);

	if (!inside && !outside)
		return CHECK_MTA_OTHER;
	if (theirs[0] != '/' || chroot == '-')
		return CHECK_MTA_OURS;
	return (chroot == 'y' ? inside : outside) ? CHECK_MTA_OURS
						  : CHECK_MTA_ASTRAY;
}

enum check_mta_match
check_mta_match_postfix(const char *ours, const char *theirs,
    const char *queue_directory, char chroot)
{
	struct internet a, b;
	const char *path = unix_path(ours), *their_path = unix_path(theirs);

	if (path != NULL && their_path != NULL)
		return match_path(path, their_path, queue_directory, chroot);
	if (split_port_at_host(ours, &a) && split_host_port(theirs, &b) &&
	    same_internet(&a, &b))
		return CHECK_MTA_OURS;
	return CHECK_MTA_OTHER;
}

bool
check_mta_match_sendmail(const char *ours, const char *theirs)
{
	struct internet a, b;
	const char *path = unix_path(ours), *their_path = unix_path(theirs);

	if (path != NULL && their_path != NULL)
		return same_path(path, "", their_path);
	return split_port_at_host(ours, &a) && split_port_at_host(theirs, &b) &&
	    same_internet(&a, &b);
}
