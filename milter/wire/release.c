/* release - asks for a mail to be let out of the MTA's quarantine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "wire/release.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/seqpacket.h"
#include "base/text.h"

#define HEXADECIMAL "0123456789abcdef"
#define ALPHANUMERIC \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789"

bool
release_id_is_valid(const char *queue_id)
{
	size_t len = strlen(queue_id);

	return len > 0 && len < RELEASE_ID_SIZE &&
	    strspn(queue_id, ALPHANUMERIC) == len;
}

bool
release_mail_is_valid(const struct release_mail *mail)
{
	size_t mark = strnlen(mail->mark, sizeof mail->mark);

	return memchr(mail->queue_id, '\0', sizeof mail->queue_id) != NULL &&
	    release_id_is_valid(mail->queue_id) &&
	    mark == sizeof mail->mark - 1 &&
	    strspn(mail->mark, HEXADECIMAL) == mark && mail->size <= INT64_MAX;
}

static enum error_code
connect_to(const char *path, int *sock_r, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*sock_r = -1;
	if (strlen(path) >= sizeof address.sun_path)
		return error_set(err, ERROR_INPUT, "%s: too long", path);
	strcpy(address.sun_path, path);
	/* Not blocking: where the service hangs, its backlog is full. */
	*sock_r = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (*sock_r < 0)
		return error_sys(err, errno, "socket");
	if (connect(*sock_r, (const struct sockaddr *)&address,
		sizeof address) == 0)
		return ERROR_NONE;
	error_sys(err, errno, "%s", path);
	fd_close(sock_r);
	return ERROR_SYSTEM;
}

enum error_code
release_probe(const char *path, struct error *err)
{
	enum error_code code;
	int sock;

	code = connect_to(path, &sock, err);
	fd_close(&sock);
	return code;
}

static enum error_code
check_reply(struct release_reply *reply, struct error *err)
{
	char safe[sizeof reply->text];

	reply->text[sizeof reply->text - 1] = '\0';
	text_ascii(safe, sizeof safe, reply->text);
	memcpy(reply->text, safe, sizeof safe);
	if (reply->result == 0 || reply->result >= RELEASE_RESULTS)
		return error_set(err, ERROR_PEER, "a reply of no known kind");
	return ERROR_NONE;
}

enum error_code
release_ask(const char *path, enum release_verb verb,
    const struct release_mail *mail, int64_t until,
    struct release_reply *reply_r, struct error *err)
{
	struct release_request request = { .verb = verb, .mail = *mail };
	enum error_code code;
	int sock;

	memset(reply_r, 0, sizeof *reply_r);
	code = connect_to(path, &sock, err);
	if (code == ERROR_NONE)
		code = seqpacket_send(sock, &request, sizeof request, -1, err);
	if (code == ERROR_NONE)
		code = seqpacket_recv(sock, reply_r, sizeof *reply_r, NULL,
		    until, err);
	if (code == ERROR_NONE)
		code = check_reply(reply_r, err);
	fd_close(&sock);
	return code;
}
