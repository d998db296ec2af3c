/* opaque - recognises mail that is encrypted, or not seen whole
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "coverage/opaque.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* RFC 2046, 5.1.1 allows 70 characters. */
#define BOUNDARY_MAX 70
/* Nested deeper, the outermost ones are no longer looked for. */
#define BOUNDARIES 16
/* Bytes of one unfolded Content-Type; no parameter of interest comes later. */
#define VALUE_MAX 1024

static const char pgp_line[] = "-----BEGIN PGP MESSAGE-----";
static const char pgp_base64[] = "LS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0t";

struct line {
	const char *text;
	size_t len; /* without the line end */
};

/* A multipart that has begun. */
struct open_part {
	char boundary[BOUNDARY_MAX + 1];
	bool signs;       /* multipart/signed */
	bool is_parallel; /* multipart/parallel */
	unsigned parts;
};

/* What the headers belong to that are being read. */
enum owner { THE_MESSAGE, A_PART, A_FORWARDED_MESSAGE };

struct reader {
	const char *next, *end;
	bool in_headers;
	enum owner owner;
	const struct open_part *parent; /* of a part */
	bool is_first;                  /* no header of it was read yet */
	bool begins_as_mail;            /* to libclamav, by its first header */
	bool in_type;                   /* of a Content-Type, which may go on */
	bool in_encoding;               /* of a Content-Transfer-Encoding */
	bool is_base64;
	bool is_encoded;      /* base64 or quoted-printable */
	bool message_follows; /* message/rfc822: its body has headers */
	char type[VALUE_MAX]; /* Content-Type of the part, unfolded */
	size_t type_len;
	struct open_part open[BOUNDARIES];
	size_t boundaries; /* set so far; their places are used in turn */
	const char *found;
	const char *unread;
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

	return line->len >= len && strncasecmp(line->text, prefix, len) == 0;
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

static bool
is_blank(const struct line *line)
{
	for (size_t i = 0; i < line->len; i++)
		if (line->text[i] != ' ' && line->text[i] != '\t')
			return false;
	return true;
}

/* True for a header (RFC 5322, 2.2), the continuation of one, and the empty
 * line at their end. */
static bool
is_header(const struct line *line)
{
	size_t i = 0;

	if (line->len == 0 || line->text[0] == ' ' || line->text[0] == '\t')
		return true;
	while (i < line->len && line->text[i] > ' ' && line->text[i] <= '~' &&
	    line->text[i] != ':')
		i++;
	return i > 0 && i < line->len && line->text[i] == ':';
}

/* libclamav takes only what begins with one of these for mail.  The list was
 * found by trying, with 1.4. */
static bool
is_mail_to_libclamav(const struct line *line)
{
	static const char *const names[] = {
		"Received:",
		"From:",
		"Return-Path:",
		"Date:",
		"Message-ID:",
		"Message-Id:",
		"Subject:",
		"To:",
		"MIME-Version:",
		"Mime-Version:",
		"Content-Type:",
		"Content-Transfer-Encoding:",
		"Delivered-To:",
		"X-Original-To:",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (line->len >= strlen(names[i]) &&
		    memcmp(line->text, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Only the first kind that is found is reported. */
static void
find(struct reader *reader, const char *kind)
{
	if (reader->found == NULL)
		reader->found = kind;
}

static void
read_encoding(struct reader *reader, const char *text, size_t len)
{
	static const char base64[] = "base64", quoted[] = "quoted-printable";

	while (len > 0 && isspace((unsigned char)*text)) {
		text++;
		len--;
	}
	if (len >= strlen(base64) &&
	    strncasecmp(text, base64, strlen(base64)) == 0)
		reader->is_base64 = reader->is_encoded = true;
	if (len >= strlen(quoted) &&
	    strncasecmp(text, quoted, strlen(quoted)) == 0)
		reader->is_encoded = true;
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
		"signed-data",
		"certs-only",
		"compressed-data",
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

static bool
is_signature(const char *type)
{
	return is_type(type, "application/pgp-signature") ||
	    is_type(type, "application/pkcs7-signature") ||
	    is_type(type, "application/x-pkcs7-signature");
}

static bool
is_multipart(const char *type)
{
	return strncasecmp(type, "multipart/", 10) == 0;
}

static bool
is_message(const char *type)
{
	return is_type(type, "message/rfc822") ||
	    is_type(type, "message/global");
}

static void
begin_multipart(struct reader *reader, const char *type)
{
	struct open_part *open = &reader->open[reader->boundaries % BOUNDARIES];

	if (!parameter(type, "boundary", open->boundary,
		sizeof open->boundary) ||
	    open->boundary[0] == '\0')
		return;
	open->signs = is_type(type, "multipart/signed");
	open->is_parallel = is_type(type, "multipart/parallel");
	open->parts = 0;
	reader->boundaries++;
}

/* True if libclamav doesn't look at all of the body that has these headers. */
static bool
is_passed_over(const struct reader *reader, const char *type)
{
	/* RFC 2045, 6.4 forbids this, but some programs decode it. */
	if (is_multipart(type))
		return reader->is_base64;
	if (reader->owner == THE_MESSAGE)
		return reader->is_encoded && is_message(type);
	if (reader->owner == A_PART)
		return reader->parent->signs && reader->parent->parts == 2 &&
		    !is_signature(type);
	return !reader->begins_as_mail && reader->is_encoded;
}

/* At the empty line after a part's headers. */
static void
judge_type(struct reader *reader)
{
	const char *type = reader->type + strspn(reader->type, " \t");

	if (is_passed_over(reader, type))
		reader->unread = "MIME-in-part";
	if (is_type(type, "multipart/encrypted"))
		find(reader, "PGP-MIME");
	else if (is_enveloped(type))
		find(reader, "S-MIME");
	else if (is_multipart(type))
		begin_multipart(reader, type);
	reader->message_follows = is_message(type);
}

static void
begin_headers(struct reader *reader, enum owner owner)
{
	reader->in_headers = true;
	reader->owner = owner;
	reader->is_first = true;
	reader->begins_as_mail = false;
	reader->in_type = false;
	reader->in_encoding = false;
	reader->is_base64 = false;
	reader->is_encoded = false;
	reader->message_follows = false;
	reader->type_len = 0;
	reader->type[0] = '\0';
}

/* libclamav reads one part of a multipart/parallel, and of a multipart/signed
 * that is not as it has to be. */
static void
begin_part(struct reader *reader, struct open_part *parent)
{
	parent->parts++;
	if ((parent->is_parallel && parent->parts > 1) ||
	    (parent->signs && parent->parts > 2))
		reader->unread = "MIME-in-part";
	reader->parent = parent;
	begin_headers(reader, A_PART);
}

static void
begin_header(struct reader *reader, const struct line *line)
{
	static const char type[] = "Content-Type:";
	static const char encoding[] = "Content-Transfer-Encoding:";

	if (reader->is_first)
		reader->begins_as_mail = is_mail_to_libclamav(line);
	reader->is_first = false;
	reader->in_type = reader->type_len == 0 && begins_with(line, type);
	reader->in_encoding = begins_with(line, encoding);
	if (reader->in_type)
		add_to_type(reader, line->text + strlen(type),
		    line->len - strlen(type));
	if (reader->in_encoding)
		read_encoding(reader, line->text + strlen(encoding),
		    line->len - strlen(encoding));
}

static void
continue_header(struct reader *reader, const struct line *line)
{
	if (reader->in_type)
		add_to_type(reader, line->text, line->len);
	if (reader->in_encoding)
		read_encoding(reader, line->text, line->len);
	/* In a part libclamav takes a line of blanks for the end of the
	 * headers; others don't (RFC 5322, 4.2). */
	if (reader->owner != THE_MESSAGE && is_blank(line))
		reader->unread = "MIME-in-part";
}

static void
read_header(struct reader *reader, const struct line *line)
{
	if (line->len == 0) {
		judge_type(reader);
		if (reader->message_follows)
			begin_headers(reader, A_FORWARDED_MESSAGE);
		else
			reader->in_headers = false;
	} else if (line->text[0] == ' ' || line->text[0] == '\t') {
		continue_header(reader, line);
	} else {
		begin_header(reader, line);
	}
}

/* Returns the multipart of which a line "--boundary" begins a part (its end,
 * "--boundary--", does not).  If several fit, it is the one with the longest
 * boundary. */
static struct open_part *
boundary_of(struct reader *reader, const struct line *line)
{
	size_t count = reader->boundaries < BOUNDARIES ? reader->boundaries
						       : BOUNDARIES;
	struct open_part *best = NULL;

	if (line->len < 3 || memcmp(line->text, "--", 2) != 0)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const char *boundary = reader->open[i].boundary;
		size_t len = strlen(boundary);

		if (line->len >= 2 + len &&
		    memcmp(line->text + 2, boundary, len) == 0 &&
		    (line->len < 4 + len ||
			memcmp(line->text + 2 + len, "--", 2) != 0) &&
		    (best == NULL || strlen(best->boundary) < len))
			best = &reader->open[i];
	}
	return best;
}

static bool
is_armour(const struct line *line)
{
	return begins_with(line, pgp_line) ||
	    (line->len >= strlen(pgp_base64) &&
		memcmp(line->text, pgp_base64, strlen(pgp_base64)) == 0);
}

const char *
opaque_find(const char *data, size_t size, const char **unread_r)
{
	struct reader reader = { .next = data, .end = data + size };
	struct open_part *parent;
	struct line line;

	begin_headers(&reader, THE_MESSAGE);
	while (next_line(&reader, &line)) {
		parent = boundary_of(&reader, &line);
		/* A sender may have chosen a boundary, such as "---BEGIN",
		 * that makes one of the armour's first line. */
		if ((parent != NULL || !reader.in_headers) && is_armour(&line))
			find(&reader, "PGP");
		else if (parent != NULL)
			begin_part(&reader, parent);
		else if (reader.in_headers)
			read_header(&reader, &line);
	}
	*unread_r = reader.unread;
	return reader.found;
}

bool
opaque_is_mail(const char *data, size_t size)
{
	struct reader reader = { .next = data, .end = data + size };
	struct line line;
	bool ended = false;

	begin_headers(&reader, THE_MESSAGE);
	while (!ended && next_line(&reader, &line)) {
		if (!is_header(&line))
			return false;
		ended = line.len == 0;
		if (ended)
			judge_type(&reader);
		else
			read_header(&reader, &line);
	}
	return ended && !reader.is_first && reader.next < reader.end &&
	    (reader.is_encoded || reader.message_follows ||
		reader.boundaries > 0);
}
