/* fuzz_release - what a service that was taken over answers to release_ask()
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "fuzz.h"
#include "fuzz_time.h"
#include "wire/release.h"

#define PATIENCE (60 * MONOTIME_S)
#define HEXADECIMAL "0123456789abcdef"

/* The service; it acts when release_ask() waits. */
struct service {
	struct fuzz_input *in;
	int conn; /* -1: not connected, or closed */
	struct release_request asked;
	struct release_reply reply;
	size_t len; /* of what was sent; SIZE_MAX: nothing */
	bool with_descriptor;
};

static char path[108];
static int listener;

void
fuzz_begin(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int failed;

	snprintf(path, sizeof path, "%s/release.sock", fuzz_directory());
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	failed = bind(listener, (const struct sockaddr *)&address,
		     sizeof address) < 0 ||
	    listen(listener, 1) < 0;
	assert(!failed);
}

/* --- the service --- */

static void
make_reply(struct service *service)
{
	struct release_reply *reply = &service->reply;
	char *text;

	reply->result = (uint32_t)fuzz_number(service->in);
	reply->reserved = (uint32_t)fuzz_number(service->in);
	memset(reply->text, fuzz_yes(service->in) ? 'x' : '\0',
	    sizeof reply->text);
	text = fuzz_string(service->in);
	memcpy(reply->text, text, strnlen(text, sizeof reply->text));
	free(text);
	service->len = sizeof *reply;
	if (fuzz_yes(service->in))
		service->len = (size_t)fuzz_number(service->in) % sizeof *reply;
	service->with_descriptor = fuzz_yes(service->in);
}

static bool
serve(void *context)
{
	struct service *service = context;
	enum error_code code;

	if (service->conn < 0 && service->len == SIZE_MAX) {
		service->conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		assert(service->conn >= 0);
		code = seqpacket_recv(service->conn, &service->asked,
		    sizeof service->asked, NULL, 0, NULL);
		assert(code == ERROR_NONE);
		return true;
	}
	switch (fuzz_choice(service->in, 3)) {
	case 0:
		if (service->len != SIZE_MAX)
			return false;
		make_reply(service);
		code = seqpacket_send(service->conn, &service->reply,
		    service->len, service->with_descriptor ? listener : -1,
		    NULL);
		assert(code == ERROR_NONE);
		return true;
	case 1:
		if (service->conn < 0)
			return false;
		fd_close(&service->conn);
		if (service->len == SIZE_MAX)
			service->len = 0;
		return true;
	default:
		return false;
	}
}

/* --- what comes of it --- */

static enum error_code
expected(const struct service *service)
{
	if (service->len == SIZE_MAX)
		return ERROR_TIMEOUT;
	if (service->len == 0 && !service->with_descriptor)
		return ERROR_GONE;
	if (service->len != sizeof service->reply || service->with_descriptor ||
	    service->reply.result == 0 ||
	    service->reply.result >= RELEASE_RESULTS)
		return ERROR_PEER;
	return ERROR_NONE;
}

static void
check_asked(const struct service *service, enum release_verb verb,
    const struct release_mail *mail)
{
	assert(service->asked.verb == (uint32_t)verb);
	assert(service->asked.reserved == 0);
	assert(memcmp(&service->asked.mail, mail, sizeof *mail) == 0);
}

static void
try_ask(struct fuzz_input *in, const struct release_mail *mail)
{
	struct service service = { .in = in, .conn = -1, .len = SIZE_MAX };
	enum release_verb verb = (enum release_verb)(
	    1 + fuzz_choice(in, RELEASE_VERBS - 1));
	struct release_reply reply;
	enum error_code code;
	struct error err;

	fuzz_time_begin(serve, &service);
	code = release_ask(path, verb, mail, monotime_after(PATIENCE), &reply,
	    &err);
	assert(code == expected(&service));
	check_asked(&service, verb, mail);
	if (code == ERROR_NONE) {
		assert(reply.result == service.reply.result);
		assert(memchr(reply.text, '\0', sizeof reply.text) != NULL);
		assert(fuzz_is_line(reply.text, sizeof reply.text - 1));
	} else {
		fuzz_check_error(&err, (int)code);
	}
	fuzz_time_begin(NULL, NULL);
	fd_close(&service.conn);
}

static bool
is_alphanumeric(const char *s)
{
	for (; *s != '\0'; s++)
		if (!(*s >= '0' && *s <= '9') && !(*s >= 'A' && *s <= 'Z') &&
		    !(*s >= 'a' && *s <= 'z'))
			return false;
	return true;
}

/* As the service would be handed one by a filter that was taken over. */
static bool
mail_is_sound(const struct release_mail *mail)
{
	return memchr(mail->queue_id, '\0', sizeof mail->queue_id) != NULL &&
	    mail->queue_id[0] != '\0' && is_alphanumeric(mail->queue_id) &&
	    memchr(mail->mark, '\0', sizeof mail->mark) ==
	    mail->mark + sizeof mail->mark - 1 &&
	    strspn(mail->mark, HEXADECIMAL) == sizeof mail->mark - 1 &&
	    mail->size >> 63 == 0;
}

static void
make_mail(struct fuzz_input *in, struct release_mail *mail)
{
	char *id = fuzz_string(in), *mark = fuzz_string(in);

	memset(mail, fuzz_yes(in) ? 'a' : '\0', sizeof *mail);
	if (!fuzz_yes(in)) {
		memset(mail->mark, 'a', sizeof mail->mark - 1);
		mail->mark[sizeof mail->mark - 1] = '\0';
	}
	memcpy(mail->mark, mark, strnlen(mark, sizeof mail->mark));
	memcpy(mail->queue_id, id, strnlen(id, sizeof mail->queue_id));
	mail->size = fuzz_number(in);
	mail->arrived_at = (int64_t)fuzz_number(in);
	free(id);
	free(mark);
}

void
fuzz_one(struct fuzz_input *in)
{
	struct release_mail mail;

	make_mail(in, &mail);
	assert(release_mail_is_valid(&mail) == mail_is_sound(&mail));
	try_ask(in, &mail);
}
