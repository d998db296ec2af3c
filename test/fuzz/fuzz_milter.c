/* fuzz_milter - the whole filter, and a peer that sends it anything
 *
 * libmilter and all of the filter run in this process, with the threads that
 * they have; only the engine is a played one (unit/fake_engine.h).  An input
 * is what a peer sends over one connection: commands as MTAs send them, in any
 * order, commands of any content, lengths that are not true, bytes.  The
 * filter must answer in whole replies, end the session when the peer has sent
 * all, and hold no descriptor afterwards; and an MTA that comes now and then
 * between the inputs must have its mail scanned.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmilter/mfapi.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../unit/fake_engine.h"
#include "base/monotime.h"
#include "config/config.h"
#include "filter/callbacks.h"
#include "filter/connection.h"
#include "filter/filter_state.h"
#include "filter/msgbuf.h"
#include "filter/msgpool.h"
#include "filter/netlist.h"
#include "filter/transport.h"
#include "fuzz.h"
#include "hold/hold.h"
#include "scan/engines.h"
#include "scan/scanner.h"

#define ROOM (256 * 1024)
#define PATIENCE (60 * MONOTIME_S)
#define HONEST_EVERY 64
#define DESCRIPTORS 512

#define COMMAND(text) \
	{ \
		text, sizeof(text) - 1 \
	}

/* What an MTA sends, in its order. */
static const struct {
	const char *data;
	size_t len;
} commands[] = {
	COMMAND("O\0\0\0\006\0\0\001\377\0\037\377\377"),
	COMMAND("DCj\0mta.example\0{daemon_name}\0smtpd\0"),
	COMMAND("Cclient.example\0004\0\031192.0.2.1\0"),
	COMMAND("DM{auth_type}\0PLAIN\0"),
	COMMAND("M<a@example.com>\0SIZE=100\0"),
	COMMAND("R<b@example.com>\0"),
	COMMAND("DTi\0QUEUEID\0"),
	COMMAND("LSubject\0 hello\0"),
	COMMAND("LX-Virus-Status\0 Clean\0"),
	COMMAND("N"),
	COMMAND("Bbody\r\n"),
	COMMAND("DEi\0QUEUEID\0"),
	COMMAND("E"),
	COMMAND("A"),
	COMMAND("T"),
	COMMAND("K"),
	COMMAND("Q"),
};

/* The first of them, up to the end of the message. */
#define WHOLE 13

struct peer {
	int sock;
	char out[ROOM]; /* not sent yet */
	size_t out_len;
	char in[ROOM]; /* replies; what doesn't fit is not looked at */
	size_t in_len;
	bool full, ended;
};

static struct filter_state filter;
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static void
scan(int worker, const struct wire_message *job, const char *mail)
{
	struct wire_message result = fake_result(job, VERDICT_CLEAN, "");

	(void)mail;
	fake_send(worker, &result, -1);
}

static void *
run_libmilter(void *unused)
{
	(void)unused;
	if (smfi_main() != MI_SUCCESS)
		abort();
	return NULL;
}

/* As the supervisor does it. */
static void
listen_at(const char *directory)
{
	char name[16];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s/milter",
	    directory);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(fd, 64) < 0)
		abort();
	snprintf(name, sizeof name, "fd:%d", fd);
	if (smfi_setconn(name) != MI_SUCCESS ||
	    smfi_opensocket(false) != MI_SUCCESS)
		abort();
}

static struct config *
make_config(void)
{
	char text[1024];

	snprintf(text, sizeof text,
	    "state_directory = '%s' "
	    "engine { workers = 1 background = 1 } "
	    "deadline { reply = 5s reply_submission = 5s reply_local = 5s } "
	    "limits { sessions = 16 waiting = 8 queue = 8 } "
	    "buffer { directory = '%s' envelope = 1M message_max = 64K "
	    "disk = 1M } ",
	    fuzz_directory(), fuzz_directory());
	return fuzz_config(text);
}

static void
must(enum error_code code, const struct error *err)
{
	if (code == ERROR_NONE)
		return;
	fprintf(stderr, "%s\n", err->text);
	abort();
}

static void
start_parts(struct config *config)
{
	static struct fake_plan plan = { .scan = scan };
	static struct fake_engine engine;
	struct engines *engines = engines_create(NULL);
	struct error err;

	must(msgpool_create(config, &filter.pool, &err), &err);
	must(scanner_create(config, engines, &filter.scanner, &err), &err);
	must(hold_create(config, filter.scanner, &filter.hold, &err), &err);
	must(netlist_create(&config->headers_keep_from, &filter.keep_from,
		 &err),
	    &err);
	fake_engine_start(&engine, engines, "0123456789abcdef", &plan);
	scanner_engine_changed(filter.scanner);
}

/* What main() of the filter does. */
void
fuzz_begin(void)
{
	struct rlimit descriptors = { DESCRIPTORS, DESCRIPTORS };
	struct connections_limits limits = { .capacity = 32 };
	struct config *config;
	struct error err;
	pthread_t thread;

	if (sodium_init() < 0 || setrlimit(RLIMIT_NOFILE, &descriptors) < 0)
		abort();
	config = make_config();
	filter_state_init(&filter, config);
	limits.memory = config->buffer_envelope;
	must(netlist_create(&config->access, &limits.access, &err), &err);
	connections_limit(&limits);
	connections_init();
	transport_init(&filter.wakeup);
	must(callbacks_register(&filter, &err), &err);
	listen_at(fuzz_directory());
	must(wakeup_init(&filter.wakeup, &err), &err);
	start_parts(config);
	if (pthread_create(&thread, NULL, run_libmilter, NULL) != 0)
		abort();
}

/* --- the peer --- */

static void
add(struct peer *peer, const void *data, size_t len)
{
	if (len > ROOM - peer->out_len)
		len = ROOM - peer->out_len;
	memcpy(peer->out + peer->out_len, data, len);
	peer->out_len += len;
}

static void
add_frame(struct peer *peer, uint32_t length, const void *data, size_t len)
{
	length = htonl(length);
	add(peer, &length, sizeof length);
	add(peer, data, len);
}

static void
add_command(struct peer *peer, size_t i)
{
	add_frame(peer, (uint32_t)commands[i].len, commands[i].data,
	    commands[i].len);
}

/* Bytes of the input, with a letter before them or not. */
static void
add_bytes(struct peer *peer, struct fuzz_input *in, bool framed, bool lies)
{
	uint64_t claim = lies ? fuzz_number(in) : 0;
	size_t len = (size_t)fuzz_number(in) % 4096;
	char data[4096];

	if (len > in->left)
		len = in->left;
	fuzz_bytes(in, data, len);
	if (framed)
		add_frame(peer, lies ? (uint32_t)claim : (uint32_t)len, data,
		    len);
	else
		add(peer, data, len);
}

static void
receive(struct peer *peer)
{
	char rest[4096];
	size_t room = ROOM - peer->in_len;
	ssize_t n;

	peer->full |= room == 0;
	n = recv(peer->sock, room > 0 ? peer->in + peer->in_len : rest,
	    room > 0 ? room : sizeof rest, MSG_DONTWAIT);
	if (n > 0 && room > 0)
		peer->in_len += (size_t)n;
	else if (n == 0 || (n < 0 && errno != EAGAIN))
		peer->ended = true;
}

/* Sends what is there, and reads meanwhile, as an MTA would; whole: until the
 * filter has closed. */
static void
talk(struct peer *peer, bool whole)
{
	int64_t until = monotime_after(PATIENCE);
	size_t sent = 0;

	while (!peer->ended && (whole || sent < peer->out_len)) {
		bool more = sent < peer->out_len;
		struct pollfd link = { .fd = peer->sock,
			.events = (short)(POLLIN | (more ? POLLOUT : 0)) };

		assert(monotime_now() < until);
		poll(&link, 1, 1000);
		if (more && (link.revents & POLLOUT) != 0) {
			ssize_t n = send(peer->sock, peer->out + sent,
			    peer->out_len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

			sent += n > 0 ? (size_t)n : 0;
		}
		if (link.revents & (POLLIN | POLLHUP | POLLERR))
			receive(peer);
		if (whole && sent == peer->out_len)
			shutdown(peer->sock, SHUT_WR);
	}
	peer->out_len = 0;
}

/* Returns the letter of the last reply; 0 if there was none. */
static char
check_replies(const struct peer *peer)
{
	size_t at = 0;
	char letter = '\0';

	while (!peer->full && at < peer->in_len) {
		uint32_t len;

		assert(peer->in_len - at > sizeof len);
		memcpy(&len, peer->in + at, sizeof len);
		len = ntohl(len);
		at += sizeof len;
		assert(len >= 1 && len <= peer->in_len - at);
		letter = peer->in[at];
		assert(strchr("Octydarhimqp", letter) != NULL);
		at += len;
	}
	return letter;
}

static struct peer *
open_peer(void)
{
	static struct peer peer;

	peer.out_len = peer.in_len = 0;
	peer.full = peer.ended = false;
	peer.sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(peer.sock >= 0);
	while (
	    connect(peer.sock, (struct sockaddr *)&address, sizeof address) < 0)
		assert(errno == EINTR || errno == EAGAIN);
	return &peer;
}

static char
close_peer(struct peer *peer)
{
	char letter = check_replies(peer);

	close(peer->sock);
	return letter;
}

static void
be_honest(void)
{
	struct peer *peer = open_peer();

	for (size_t i = 0; i < WHOLE; i++)
		add_command(peer, i);
	talk(peer, true);
	assert(close_peer(peer) == 'c');
}

static void
step(struct peer *peer, struct fuzz_input *in)
{
	switch (fuzz_choice(in, 6)) {
	case 0:
		add_command(peer, fuzz_choice(in, LENGTH(commands)));
		break;
	case 1:
		for (size_t i = 0; i < WHOLE; i++)
			add_command(peer, i);
		break;
	case 2:
		add_bytes(peer, in, true, false);
		break;
	case 3:
		add_bytes(peer, in, true, true);
		break;
	case 4:
		add_bytes(peer, in, false, false);
		break;
	case 5:
		talk(peer, false);
		break;
	}
}

void
fuzz_one(struct fuzz_input *in)
{
	static unsigned runs;
	struct peer *peer = open_peer();

	while (in->left > 0)
		step(peer, in);
	talk(peer, true);
	close_peer(peer);
	if (++runs % HONEST_EVERY == 0)
		be_honest();
}
