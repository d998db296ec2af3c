/* check_mta_socket - whether the milter that an MTA asks is ours
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "check_mta_internal.h"

/* What follows prefix in text; NULL if text begins otherwise. */
static const char *
after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncasecmp(text, prefix, len) == 0 ? text + len : NULL;
}

const char *
check_mta_unix_path(const char *spec)
{
	const char *path = after(spec, "unix:");

	if (path == NULL)
		path = after(spec, "local:");
	return path == NULL && spec[0] == '/' ? spec : path;
}

/* Joins directory and path, and leaves empty and "." parts out.  False if the
 * result is too long. */
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

/* True if a and b are the same name in the same directory, also where links
 * lead to that directory.  Cuts both. */
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

bool
check_mta_same_path(const char *ours, const char *directory, const char *path)
{
	char a[PATH_MAX], b[PATH_MAX];
	size_t len = strlen(path);

	/* A path with a slash at its end can only be a directory. */
	if (len != 0 && path[len - 1] == '/')
		return false;
	return tidy(a, "", ours) && tidy(b, directory, path) &&
	    same_place(a, b);
}

bool
check_mta_split_port_at_host(const char *spec,
    struct check_mta_internet *internet)
{
	const char *rest = after(spec, "inet:");

	if (rest == NULL)
		rest = after(spec, "inet6:");
	internet->host[0] = '\0';
	return rest != NULL &&
	    sscanf(rest, "%31[^@]@%255[^\n]", internet->port, internet->host) >=
	    1;
}

/* Takes Postfix's inet:HOST:PORT apart.  inet:PORT is a port of this host. */
static bool
split_host_port(const char *spec, struct check_mta_internet *internet)
{
	const char *rest, *colon;
	size_t len;

	if (strncmp(spec, "inet:", 5) != 0)
		return false;
	rest = spec + 5;
	colon = strrchr(rest, ':');
	if (colon == NULL) {
		internet->host[0] = '\0';
		snprintf(internet->port, sizeof internet->port, "%.31s", rest);
		return true;
	}
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

static const char *const here[] = { "localhost", "127.0.0.1", "::1", "", NULL };

static bool
is_one_of(const char *host, const char *const *names)
{
	while (*names != NULL)
		if (strcasecmp(host, *names++) == 0)
			return true;
	return false;
}

bool
check_mta_same_internet(const struct check_mta_internet *ours,
    const struct check_mta_internet *theirs)
{
	static const char *const any[] = { "0.0.0.0", "::", "", NULL };

	if (strcmp(ours->port, theirs->port) != 0)
		return false;
	return is_one_of(ours->host, any) ||
	    strcasecmp(ours->host, theirs->host) == 0 ||
	    (is_one_of(ours->host, here) && is_one_of(theirs->host, here));
}

bool
check_mta_is_here(enum check_mta_kind kind, const char *name, char *port_r,
    size_t size)
{
	struct check_mta_internet internet;

	if (!(kind == CHECK_MTA_POSTFIX
		    ? split_host_port(name, &internet)
		    : check_mta_split_port_at_host(name, &internet)) ||
	    !is_one_of(internet.host, here))
		return false;
	snprintf(port_r, size, "%s", internet.port);
	return true;
}

/* The path of a UNIX socket as Postfix takes it: with a prefix in lower case.
 * NULL if spec is another kind of socket. */
static const char *
postfix_path(const char *spec)
{
	if (strncmp(spec, "unix:", 5) == 0)
		return spec + 5;
	return strncmp(spec, "local:", 6) == 0 ? spec + 6 : NULL;
}

/* Compares paths.  Postfix takes a relative path from its queue directory, in
 * its chroot and without one. */
static enum check_mta_match
match_path(const char *ours, const char *theirs, const char *queue_directory,
    char chroot)
{
	bool inside = check_mta_same_path(ours, queue_directory, theirs);
	bool outside = theirs[0] == '/' &&
	    check_mta_same_path(ours, "", theirs);

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
	struct check_mta_internet a, b;
	const char *path = check_mta_unix_path(ours);
	const char *their_path = postfix_path(theirs);

	if (path != NULL && their_path != NULL)
		return match_path(path, their_path, queue_directory, chroot);
	if (check_mta_split_port_at_host(ours, &a) &&
	    split_host_port(theirs, &b) && check_mta_same_internet(&a, &b))
		return CHECK_MTA_OURS;
	return CHECK_MTA_OTHER;
}

bool
check_mta_match_sendmail(const char *ours, const char *theirs)
{
	struct check_mta_internet a, b;
	const char *path = check_mta_unix_path(ours);
	const char *their_path = check_mta_unix_path(theirs);

	if (path != NULL && their_path != NULL)
		return check_mta_same_path(path, "", their_path);
	return strchr(theirs, '@') != NULL &&
	    check_mta_split_port_at_host(ours, &a) &&
	    check_mta_split_port_at_host(theirs, &b) &&
	    check_mta_same_internet(&a, &b);
}
