/* opaque - recognises mail that is encrypted as such
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/opaque.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* RFC 2046, 5.1.1 allows 70 characters. */
#define BOUNDARY_MAX 70
/* Nested deeper, the outermost ones are no longer looked for. */
#define BOUNDARIES 16
/* Of one Content-Type, unfolded; no parameter of interest comes later. */
#define VALUE_MAX 1024

static const char pgp_line[] = "-----BEGIN PGP MESSAGE-----";
static const char pgp_base64[] = "LS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0t";

struct line {
	const char *text;
	size_t len;		/* without the line end */
};

struct reader {
	const char *next, *end;
	bool in_headers;
	bool in_type;		/* of a Content-Type, which may go on */
	bool message_follows;	/* message/rfc822: its body has headers */
	char type[VALUE_MAX];	/* Content-Type of the part, unfolded */
	size_t type_len;
	char boundary[BOUNDARIES][BOUNDARY_MAX + 1];
	size_t boundaries;	/* set so far; the place goes round */
	const char *found;
};

static bool
next_line(struct reader *reader, struct line *line)
{
	const char *lf;

	if (reader->next == reader->end)
		return false;
	line->text = reader->next;
	lf = memchr(reader->next, '\n', (size_t)(reader->end - reader->next));
	reader->next = lf != NULL ? lf + 1 : reader->end;
	line->len = (size_t)((lf != NULL ? lf : reader->end) - line->text);
	if (line->len > 0 && line->text[line->len - 1] == '\r')
		line->len--;
	return true;
}

static bool
begins_with(const struct line *line, const char *prefix)
{
	size_t len = strlen(prefix);

	return line->len >= len &&
	    strncasecmp(line->text, prefix, len) == 0;
}

static void
add_to_type(struct reader *reader, const char *text, size_t len)
{
	size_t room = sizeof reader->type - 1 - reader->type_len;

	if (len > room)
		len = room;
	memcpy(reader->type + reader->type_len, text, len);
	reader->type_len += len;
	reader->type[reader->type_len] = '\0';
}

/* Copies a parameter's value, a token or a quoted string (RFC 2045, 5.1). */
static void
copy_value(const char *at, char *out, size_t size)
{
	bool quoted = *at == '"';
	size_t len = 0;

	for (at += quoted; *at != '\0' && len + 1 < size; at++) {
		if (quoted ? *at == '"' : strchr("; \t()\"", *at) != NULL)
			break;
		if (quoted && *at == '\\' && at[1] != '\0')
			at++;
		out[len++] = *at;
	}
	out[len] = '\0';
}

/* False, and out empty, if the type has no such parameter. */
static bool
parameter(const char *type, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);
	const char *at = type;

	out[0] = '\0';
	while ((at = strchr(at, ';')) != NULL) {
		at++;
		at += strspn(at, " \t");
		if (strncasecmp(at, name, len) != 0)
			continue;
		at += len;
		at += strspn(at, " \t");
		if (*at != '=')
			continue;
		at++;
		copy_value(at + strspn(at, " \t"), out, size);
		return true;
	}
	return false;
}

/* True for a media type as in "type/subtype", alone or before parameters. */
static bool
is_type(const char *type, const char *name)
{
	size_t len = strlen(name);

	return strncasecmp(type, name, len) == 0 &&
	    strchr("; \t(", type[len]) != NULL;
}

static bool
is_enveloped(const char *type)
{
	static const char *const open[] = {
		"signed-data", "certs-only", "compressed-data",
	};
	char kind[32];

	if (!is_type(type, "application/pkcs7-mime") &&
	    !is_type(type, "application/x-pkcs7-mime"))
		return false;
	parameter(type, "smime-type", kind, sizeof kind);
	for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
		if (strcasecmp(kind, open[i]) == 0)
			return false;
	return true;
}

/* At the empty line after a part's headers. */
static void
judge_type(struct reader *reader)
{
	const char *type = reader->type + strspn(reader->type, " \t");
	char *boundary = reader->boundary[reader->boundaries % BOUNDARIES];

	if (is_type(type, "multipart/encrypted"))
		reader->found = "PGP-MIME";
	else if (is_enveloped(type))
		reader->found = "S-MIME";
	else if (strncasecmp(type, "multipart/", 10) == 0 &&
	    parameter(type, "boundary", boundary, BOUNDARY_MAX + 1) &&
	    boundary[0] != '\0')
		reader->boundaries++;
	reader->message_follows = is_type(type, "message/rfc822") ||
	    is_type(type, "message/global");
}

static void
begin_headers(struct reader *reader)
{
	reader->in_headers = true;
	reader->in_type = false;
	reader->message_follows = false;
	reader->type_len = 0;
	reader->type[0] = '\0';
}

static void
read_header(struct reader *reader, const struct line *line)
{
	static const char name[] = "Content-Type:";

	if (line->len == 0) {
		judge_type(reader);
		if (reader->message_follows)
			begin_headers(reader);
		else
			reader->in_headers = false;
	} else if (line->text[0] == ' ' || line->text[0] == '\t') {
		if (reader->in_type)
			add_to_type(reader, line->text, line->len);
	} else {
		reader->in_type = reader->type_len == 0 &&
		    begins_with(line, name);
		if (reader->in_type)
			add_to_type(reader, line->text + strlen(name),
			    line->len - strlen(name));
	}
}

/* "--boundary" of any part that is open, but not its end "--boundary--". */
static bool
is_boundary(const struct reader *reader, const struct line *line)
{
	size_t count = reader->boundaries < BOUNDARIES ? reader->boundaries
						       : BOUNDARIES;

	if (line->len < 3 || memcmp(line->text, "--", 2) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(reader->boundary[i]);

		if (line->len >= 2 + len &&
		    memcmp(line->text + 2, reader->boundary[i], len) == 0 &&
		    (line->len < 4 + len ||
		    memcmp(line->text + 2 + len, "--", 2) != 0))
			return true;
	}
	return false;
}

static bool
is_armour(const struct line *line)
{
	return begins_with(line, pgp_line) ||
	    (line->len >= strlen(pgp_base64) &&
	    memcmp(line->text, pgp_base64, strlen(pgp_base64)) == 0);
}

/* A sender may have chosen a boundary, such as "---BEGIN", that makes one of
 * the armour's first line. */
static void
read_body(struct reader *reader, const struct line *line)
{
	if (is_armour(line))
		reader->found = "PGP";
	else if (is_boundary(reader, line))
		begin_headers(reader);
}

const char *
opaque_find(const char *data, size_t size)
{
	struct reader reader = { .next = data, .end = data + size };
	struct line line;

	begin_headers(&reader);
	while (reader.found == NULL && next_line(&reader, &line)) {
		if (reader.in_headers && !is_boundary(&reader, &line))
			read_header(&reader, &line);
		else
			read_body(&reader, &line);
	}
	return reader.found;
}
