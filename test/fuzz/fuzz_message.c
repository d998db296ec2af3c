/* fuzz_message - what an MTA hands over of a mail, and what is made of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/config.h"
#include "filter/connection.h"
#include "filter/filter_state.h"
#include "filter/msgpool.h"
#include "filter/netlist.h"
#include "filter/record.h"
#include "filter/session.h"
#include "fuzz.h"

#define HEADERS 16
#define CHUNKS 4
#define CHUNK_MAX 40000
#define MESSAGE_MAX 65536 /* as in the settings below */

static const char received[] =
    "Received: from localhost by localhost with vscan-milter; "
    "Thu, 01 Jan 1970 00:00:00 +0000\r\n";
static const char message_id[] =
    "Message-ID: <message@vscan-milter.invalid>\r\n";
static const char date[] = "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n";

/* DESIGN: the headers that change between two tries of one mail. */
static const char *const trace[] = {
	"Received", "Return-Path", "Delivered-To", "X-Received", "Received-SPF",
	"DKIM-Signature", "Authentication-Results", "X-Spam", "DKIM-Filter",
	"DMARC-Filter", "X-Comment", "X-Quarantine-ID", "X-Bogosity",
	"X-Fuzz", /* by headers.ignore */
};
static const char *const trace_families[] = {
	"ARC-",
	"X-Google-",
	"X-MS-Exchange-",
	"X-Forefront-",
	"X-Spam-",
	"X-Spamd-",
	"X-Rspamd-",
	"X-Greylist",
	"X-Amavis-",
	"X-DSPAM-",
};

struct header {
	char *name, *value;
	bool has_space;
};

struct mail {
	struct header headers[HEADERS];
	size_t header_count;
	char *chunks[CHUNKS];
	size_t sizes[CHUNKS];
	size_t chunk_count;
};

/* What is to come of a mail. */
struct expected {
	char *bytes;
	size_t size;     /* of all bytes, before any cut */
	size_t left_out; /* bytes of the headers that are not among them */
	uint64_t given;  /* as the MTA counts them */
	unsigned own[HEADER_OWN_COUNT];
};

static struct config *config;
static struct connection connection;
static struct filter_state filter;

void
fuzz_begin(void)
{
	char text[512];
	enum error_code code;
	struct error err;

	if (sodium_init() < 0)
		abort();
	snprintf(text, sizeof text,
	    "buffer { memory = \"1M\" "
	    "message_memory = \"4K\" message_max = \"64K\" disk = \"1M\" "
	    "directory = \"%s\" }\nheaders { keep_from = {\"10.0.0.0/8\"} "
	    "ignore = {\"X-Fuzz\"} }\n",
	    fuzz_directory());
	config = fuzz_config(text);
	filter_state_init(&filter, config);
	code = msgpool_create(config, &filter.pool, &err);
	if (code == ERROR_NONE)
		code = netlist_create(&config->headers_keep_from,
		    &filter.keep_from, &err);
	assert(code == ERROR_NONE);
}

/* --- the mail --- */

static char *
make_name(struct fuzz_input *in)
{
	static const char *const names[] = {
		"Subject",
		"Message-ID",
		"Date",
		"Content-Type",
		"Received",
		"X-Virus-Status",
		"x-virus-scanned",
		"ARC-Seal",
	};
	unsigned which = fuzz_choice(in, LENGTH(names) + 1);
	char *name;

	if (which == LENGTH(names))
		return fuzz_string(in);
	name = strdup(names[which]);
	assert(name != NULL);
	return name;
}

static void
make_chunk(struct fuzz_input *in, struct mail *mail)
{
	size_t size = (size_t)fuzz_number(in) % CHUNK_MAX;
	char *pattern = fuzz_string(in), *chunk = malloc(size + 1);
	size_t len = strlen(pattern);

	assert(chunk != NULL);
	for (size_t i = 0; i < size; i++)
		chunk[i] = len > 0 ? pattern[i % len] : '\0';
	mail->chunks[mail->chunk_count] = chunk;
	mail->sizes[mail->chunk_count++] = size;
	free(pattern);
}

static void
make_mail(struct fuzz_input *in, struct mail *mail)
{
	size_t headers = fuzz_choice(in, HEADERS + 1);
	size_t chunks = fuzz_choice(in, CHUNKS + 1);

	memset(mail, 0, sizeof *mail);
	while (mail->header_count < headers) {
		struct header *header = &mail->headers[mail->header_count++];

		header->name = make_name(in);
		header->value = fuzz_string(in);
		header->has_space = fuzz_yes(in);
	}
	while (mail->chunk_count < chunks)
		make_chunk(in, mail);
}

static void
free_mail(struct mail *mail)
{
	for (size_t i = 0; i < mail->header_count; i++) {
		free(mail->headers[i].name);
		free(mail->headers[i].value);
	}
	for (size_t i = 0; i < mail->chunk_count; i++)
		free(mail->chunks[i]);
}

/* --- what is to come of it --- */

static bool
is_trace(const char *name)
{
	for (size_t i = 0; i < LENGTH(trace); i++)
		if (strcasecmp(name, trace[i]) == 0)
			return true;
	for (size_t i = 0; i < LENGTH(trace_families); i++)
		if (strncasecmp(name, trace_families[i],
			strlen(trace_families[i])) == 0)
			return true;
	return false;
}

/* Only what is plain and not too much may be left out. */
static bool
is_left_out(const struct header *header, struct expected *expected)
{
	size_t size = strlen(header->name) + strlen(header->value);

	if (strcasecmp(header->name, "Message-ID") != 0 &&
	    strcasecmp(header->name, "Date") != 0 && !is_trace(header->name))
		return false;
	for (size_t i = 0; i < size; i++) {
		size_t at = i - strlen(header->name);
		char c = i < strlen(header->name) ? header->name[i]
						  : header->value[at];

		if ((c < ' ' || c > '~') && c != '\t' && c != '\r' && c != '\n')
			return false;
	}
	if (size > HEADER_LEFT_OUT_VALUE ||
	    expected->left_out + size > HEADER_LEFT_OUT_BYTES)
		return false;
	expected->left_out += size;
	return true;
}

/* Each LF, with the CR before it or without, as CRLF. */
static void
expect_value(FILE *out, const char *value)
{
	for (; *value != '\0'; value++) {
		if (value[0] == '\r' && value[1] == '\n')
			continue;
		fputs(*value == '\n' ? "\r" : "", out);
		fputc(*value, out);
	}
}

static void
expect_header(FILE *out, const struct header *header, struct expected *expected)
{
	expected->given += strlen(header->name) + strlen(header->value) + 3;
	expected->own[HEADER_SCANNED] += strcasecmp(header->name,
					     "X-Virus-Scanned") == 0;
	expected->own[HEADER_STATUS] += strcasecmp(header->name,
					    "X-Virus-Status") == 0;
	if (is_left_out(header, expected)) {
		if (strcasecmp(header->name, "Message-ID") == 0)
			fputs(message_id, out);
		else if (strcasecmp(header->name, "Date") == 0)
			fputs(date, out);
	} else {
		fprintf(out, "%s:%s", header->name,
		    header->has_space ? "" : " ");
		expect_value(out, header->value);
		fputs("\r\n", out);
	}
}

static void
expect(const struct mail *mail, struct expected *expected)
{
	FILE *out = open_memstream(&expected->bytes, &expected->size);

	assert(out != NULL);
	fputs(received, out);
	for (size_t i = 0; i < mail->header_count; i++)
		expect_header(out, &mail->headers[i], expected);
	fputs("\r\n", out);
	for (size_t i = 0; i < mail->chunk_count; i++) {
		fwrite(mail->chunks[i], 1, mail->sizes[i], out);
		expected->given += mail->sizes[i];
	}
	fclose(out);
}

/* --- what comes of it --- */

static void
check_content(const struct message *message, const struct expected *expected)
{
	size_t size = expected->size < MESSAGE_MAX ? expected->size
						   : MESSAGE_MAX;
	struct scan_content content = msgbuf_content(message->buf);
	char *bytes = malloc(size + 1);
	ssize_t n;

	assert(bytes != NULL);
	assert(content.size == size && msgbuf_size(message->buf) == size);
	assert(msgbuf_is_cut(message->buf) == (expected->size > MESSAGE_MAX));
	n = pread(content.fd, bytes, size + 1, 0);
	assert(n == (ssize_t)size);
	assert(memcmp(bytes, expected->bytes, size) == 0);
	free(bytes);
	content.release(content.owner);
}

static void
check_message(const struct message *message, const struct expected *expected)
{
	assert(message->size == expected->given);
	assert(memcmp(message->own_headers, expected->own,
		   sizeof expected->own) == 0);
	assert(message->structure < COST_STRUCTURES);
	assert(memchr(message->message_id, '\0', sizeof message->message_id) !=
	    NULL);
	check_content(message, expected);
}

/* Hands it over as the callbacks do; with another try's trace headers. */
static struct key
hand_over(struct session *session, const struct mail *mail, bool again)
{
	struct message *message = session->message;
	enum error_code code;
	struct error err;

	if (again) {
		message_add_header(message, "Received", "by\n\tanother", false);
		message_add_header(message, "X-Spam-Score", "7", true);
	}
	for (size_t i = 0; i < mail->header_count; i++)
		message_add_header(message, mail->headers[i].name,
		    mail->headers[i].value, mail->headers[i].has_space);
	for (size_t i = 0; i < mail->chunk_count; i++)
		message_add_body(message, mail->chunks[i], mail->sizes[i]);
	message_complete(message);
	code = msgbuf_seal(message->buf, monotime_after(20 * MONOTIME_S), &err);
	assert(code == ERROR_NONE);
	return msgbuf_key(message->buf);
}

static size_t
count(const char *line, const char *what)
{
	size_t found = 0;

	for (; (line = strstr(line, what)) != NULL; line++)
		found++;
	return found;
}

/* One line, with the fields that it is to have, and no other. */
static void
check_record(struct fuzz_input *in, const struct session *session,
    const struct key *key)
{
	char *queue_id = fuzz_string(in), *name = fuzz_string(in);
	struct record record = {
		.session = session,
		.queue_id = queue_id,
		.key = key,
		.outcome.verdict =
		    verdict_make((enum verdict_kind)fuzz_choice(in,
				     VERDICT_KINDS),
			name),
		.action = ACTION_ACCEPT,
	};
	const char *line;

	record_log(&record);
	line = fuzz_logged();
	assert(count(line, " ") == 15 && count(line, ", ") == 14);
	assert(count(line, ", action=accept, ") == 1);
	assert(count(line, "\"") == 0);
	free(queue_id);
	free(name);
}

static struct session *
connect_session(struct fuzz_input *in)
{
	struct session *session = session_create(&filter, &connection, 0);
	struct sockaddr_in address = { .sin_family = AF_INET };
	char *name = fuzz_string(in), *sender = fuzz_string(in);
	char *recipient = fuzz_string(in);
	bool no_address;

	assert(session != NULL);
	fuzz_bytes(in, &address.sin_addr, sizeof address.sin_addr);
	no_address = fuzz_yes(in);
	session_connected(session, name,
	    no_address ? NULL : (const struct sockaddr *)&address, name);
	assert(!session->keep_own ||
	    (!no_address && ntohl(address.sin_addr.s_addr) >> 24 == 10));
	session_begin_message(session, sender, NULL);
	message_add_recipient(session->message, recipient);
	assert(strlen(session->message->sender) <= MESSAGE_ADDRESS);
	assert(strlen(session->message->recipients[0]) <= MESSAGE_ADDRESS);
	free(name);
	free(sender);
	free(recipient);
	return session;
}

/* The pool's own thread frees what was on disk. */
static void
wait_for_pool(void)
{
	struct msgpool_usage usage = msgpool_usage(filter.pool);

	while (usage.memory > 0 || usage.disk > 0) {
		poll(NULL, 0, 0);
		usage = msgpool_usage(filter.pool);
	}
}

void
fuzz_one(struct fuzz_input *in)
{
	struct session *session = connect_session(in);
	struct expected expected = { .bytes = NULL };
	struct mail mail;
	struct key first, again;

	make_mail(in, &mail);
	expect(&mail, &expected);
	first = hand_over(session, &mail, false);
	check_message(session->message, &expected);
	check_record(in, session, &first);
	session_begin_message(session, "<>", NULL);
	again = hand_over(session, &mail, true);
	assert(memcmp(&first, &again, sizeof first) == 0);
	session_destroy(&session);
	wait_for_pool();
	free(expected.bytes);
	free_mail(&mail);
}
