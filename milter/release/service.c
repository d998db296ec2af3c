/* service - admits the one account, and answers its requests one by one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "base/text.h"
#include "base/unixsock.h"
#include "config/config.h"
#include "wire/release.h"
#include "release/answer.h"
#include "release/mtas.h"

#define BACKLOG 128

enum { POLL_SIGNALS, POLL_LISTENER, POLL_PEERS };

/* The umask gives the socket its mode, so that it is never open to anybody
 * else, not even for a moment. */
static enum error_code
open_listener(struct service *service, const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int bound;

	if (strlen(path) >= sizeof address.sun_path)
		return error_set(err, ERROR_INPUT, "%s: too long", path);
	strcpy(address.sun_path, path);
	service->listener = socket(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (service->listener < 0)
		return error_sys(err, errno, "socket");
	mask = umask(0117);
	bound = bind(service->listener, (const struct sockaddr *)&address,
	    sizeof address);
	umask(mask);
	if (bound == 0 && lchown(path, 0, service->account.gid) == 0 &&
	    listen(service->listener, BACKLOG) == 0)
		return ERROR_NONE;
	error_sys(err, errno, "opening the socket %s", path);
	if (bound == 0)
		unlink(path);
	return ERROR_SYSTEM;
}

static enum error_code
open_signals(struct service *service, struct error *err)
{
	sigset_t handled;

	sigemptyset(&handled);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	service->signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (service->signals < 0)
		return error_sys(err, errno, "signalfd");
	return ERROR_NONE;
}

enum error_code
service_open(struct service *service, const struct config *config,
    struct error *err)
{
	const char *path = config->hold_release_socket;
	enum error_code code;

	memset(service, 0, sizeof *service);
	service->config = config;
	service->signals = service->listener = -1;
	for (size_t i = 0; i < SERVICE_PEERS; i++)
		service->peers[i].sock = -1;
	code = priv_lookup(config->user, &service->account, err);
	if (code == ERROR_NONE)
		code = open_signals(service, err);
	if (code == ERROR_NONE)
		code = unixsock_make_directory("hold.release_socket", path,
		    err);
	if (code == ERROR_NONE)
		code = unixsock_remove_stale(path, SOCK_SEQPACKET, err);
	if (code == ERROR_NONE)
		code = open_listener(service, path, err);
	if (code != ERROR_NONE) {
		fd_close(&service->listener);
		fd_close(&service->signals);
	}
	return code;
}

void
service_close(struct service *service)
{
	for (size_t i = 0; i < SERVICE_PEERS; i++)
		fd_close(&service->peers[i].sock);
	unlink(service->config->hold_release_socket);
	fd_close(&service->listener);
	fd_close(&service->signals);
}

/* Logs that a peer was sent away, up to SERVICE_LINES times in a minute. */
static void __attribute__((format(printf, 2, 3)))
log_sent_away(struct service *service, const char *fmt, ...)
{
	int64_t now = monotime_now();
	char text[256];
	va_list ap;

	if (service->lines == 0 || now - service->minute >= 60 * MONOTIME_S) {
		service->minute = now;
		service->lines = 0;
	}
	if (++service->lines > SERVICE_LINES)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_msg(LOG_LEVEL_WARNING, "release: %s%s", text,
	    service->lines == SERVICE_LINES ? "; more like this are not "
					      "logged for a minute"
					    : "");
}

static bool
is_admitted(struct service *service, int sock)
{
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof peer;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == service->account.uid)
		return true;
	log_sent_away(service,
	    "refused: process %d of uid %u is neither %s "
	    "nor root",
	    (int)peer.pid, (unsigned)peer.uid, service->account.name);
	return false;
}

static void
drop(struct service *service, struct service_peer *peer, const char *why)
{
	log_sent_away(service, "closed a connection: %s", why);
	fd_close(&peer->sock);
}

/* A free place, or that of the peer that has been silent for longest. */
static struct service_peer *
find_place(struct service *service)
{
	struct service_peer *oldest = &service->peers[0];

	for (size_t i = 0; i < SERVICE_PEERS; i++) {
		struct service_peer *peer = &service->peers[i];

		if (peer->sock < 0)
			return peer;
		if (peer->until < oldest->until)
			oldest = peer;
	}
	drop(service, oldest, "it was silent, and another wants to ask");
	return oldest;
}

static void
accept_peer(struct service *service)
{
	int sock = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC);
	struct service_peer *peer;

	if (sock < 0)
		return; /* the peer has gone, or no descriptor is left */
	if (!is_admitted(service, sock)) {
		close(sock);
		return;
	}
	peer = find_place(service);
	peer->sock = sock;
	peer->until = monotime_after(SERVICE_PATIENCE_S * MONOTIME_S);
}

static void
log_answer(const struct release_request *request, const char *mta,
    const struct release_reply *reply)
{
	enum log_level level = reply->result == RELEASE_FAILED ||
		reply->result == RELEASE_OTHER
	    ? LOG_LEVEL_WARNING
	    : LOG_LEVEL_INFO;
	char about[256];

	log_msg(level, "release: %s: verb=%s, result=%s, mta=%s%s%s",
	    request->mail.queue_id, answer_verb_name(request->verb),
	    answer_result_name(reply->result),
	    mta == NULL ? "-" : text_field(about, sizeof about, mta),
	    reply->text[0] == '\0' ? "" : ": ", reply->text);
}

/* To be asked before anything of a request is used. */
static bool
is_valid(const struct release_request *request)
{
	return request->verb >= RELEASE_INSPECT &&
	    request->verb < RELEASE_VERBS && request->reserved == 0 &&
	    release_mail_is_valid(&request->mail);
}

static void
serve(struct service *service, struct service_peer *peer)
{
	struct release_request request;
	struct release_reply reply;
	const char *mta;
	struct error err;

	if (seqpacket_recv(peer->sock, &request, sizeof request, NULL, 0,
		&err) != ERROR_NONE) {
		drop(service, peer, err.text);
		return;
	}
	if (!is_valid(&request)) {
		drop(service, peer, "what it asked for makes no sense");
		return;
	}
	mta = mtas_act(service->config, (enum release_verb)request.verb,
	    &request.mail, &reply);
	log_answer(&request, mta, &reply);
	if (seqpacket_send(peer->sock, &reply, sizeof reply, -1, &err) !=
	    ERROR_NONE)
		log_error(LOG_LEVEL_NOTICE,
		    "release: who asked has gone without the answer", &err);
	fd_close(&peer->sock);
}

/* Closes what has been silent for too long; returns when the next peer will
 * have been. */
static int64_t
drop_silent(struct service *service)
{
	int64_t next = MONOTIME_NEVER, now = monotime_now();

	for (size_t i = 0; i < SERVICE_PEERS; i++) {
		struct service_peer *peer = &service->peers[i];

		if (peer->sock >= 0 && peer->until <= now)
			drop(service, peer, "it asked for nothing in time");
		if (peer->sock >= 0 && peer->until < next)
			next = peer->until;
	}
	return next;
}

/* The peer that has waited longest, of those that have sent something; NULL if
 * none has. */
static struct service_peer *
next_to_speak(struct service *service, const struct pollfd *fds)
{
	struct service_peer *first = NULL;

	for (size_t i = 0; i < SERVICE_PEERS; i++) {
		struct service_peer *peer = &service->peers[i];

		if (fds[POLL_PEERS + i].revents != 0 &&
		    (first == NULL || peer->until < first->until))
			first = peer;
	}
	return first;
}

/* Answers one request at most, so that signals are seen between requests. */
static void
handle(struct service *service, const struct pollfd *fds)
{
	struct service_peer *peer = next_to_speak(service, fds);

	if (peer != NULL)
		serve(service, peer);
	if (fds[POLL_LISTENER].revents != 0)
		accept_peer(service);
}

enum error_code
service_run(struct service *service, struct log_writer *log, struct error *err)
{
	struct pollfd fds[POLL_PEERS + SERVICE_PEERS];

	for (;;) {
		int64_t until = drop_silent(service);

		fds[POLL_SIGNALS] = (struct pollfd){ .fd = service->signals,
			.events = POLLIN };
		fds[POLL_LISTENER] = (struct pollfd){ .fd = service->listener,
			.events = POLLIN };
		for (size_t i = 0; i < SERVICE_PEERS; i++)
			fds[POLL_PEERS + i] = (struct pollfd){
				.fd = service->peers[i].sock,
				.events = POLLIN
			};
		if (poll(fds, POLL_PEERS + SERVICE_PEERS,
			monotime_poll_ms(until)) < 0) {
			if (errno != EINTR)
				return error_sys(err, errno, "poll");
			continue;
		}
		log_writer_check(log);
		if (fds[POLL_SIGNALS].revents != 0)
			return ERROR_NONE;
		handle(service, fds);
	}
}
