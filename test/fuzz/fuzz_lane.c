/* fuzz_lane - a lane whose engine and worker say what the input says
 *
 * The input is a script.  Whenever the lane waits, its engine or its worker
 * does the next step of it, be that honest or not; at its end they fall
 * silent, or are gone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "base/text.h"
#include "config/config.h"
#include "fuzz.h"
#include "fuzz_time.h"
#include "scan/lane.h"
#include "wire/wire.h"

#define ROUNDS 4
#define CLAIMS 64

/* lane.h's bounds. */
#define WARM_MAX (35 * MONOTIME_S)
#define END_MAX (10 * MONOTIME_S)

struct peer {
	struct fuzz_input *in;
	int link, slot, worker; /* the other ends; -1: closed */
	int cancel;             /* an eventfd */
	uint64_t job;           /* the last one, counted as the lane does */
	bool silent;            /* at the end of the script */
	bool told_end;          /* an ENDED was sent */
	struct wire_message claims[CLAIMS]; /* what a worker has sent */
	unsigned claim_count;
	enum lane_slow slow; /* the last answer */
	unsigned lost, released;
};

static struct config *config;
static int mail;

void
fuzz_begin(void)
{
	config = fuzz_config("deadline { slow_after = \"1s\" scan_cpu = \"1s\" "
			     "scan_wall = \"2s\" }");
	mail = fuzz_memory("mail", 4);
}

static void
send_message(int sock, const struct wire_message *message, int fd)
{
	struct error err;

	/* Who is gone, or doesn't read, doesn't hear it. */
	if (sock < 0 || wire_send(sock, message, fd, &err) != ERROR_NONE)
		return;
}

static void
claim(struct peer *peer, const struct wire_message *message)
{
	if (peer->claim_count < CLAIMS)
		peer->claims[peer->claim_count++] = *message;
	else
		fd_close(&peer->worker);
	send_message(peer->worker, message, -1);
}

static struct wire_message
any_message(struct fuzz_input *in)
{
	struct wire_message message = wire_make(
	    (enum wire_type)fuzz_choice(in, WIRE_TYPES + 1));
	char *text;

	message.flags = (uint32_t)fuzz_number(in);
	message.status = (int32_t)fuzz_number(in);
	message.id = fuzz_number(in);
	message.value = fuzz_number(in);
	text = fuzz_string(in);
	strncpy(message.text, text, sizeof message.text);
	free(text);
	return message;
}

/* --- what an engine does --- */

/* What it hands over as the socket of a worker: one, or anything else. */
static int
worker_socket(struct peer *peer, unsigned kind)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM };
	int pair[2];

	if (kind == 3)
		return dup(mail);
	if (kind == 4)
		return eventfd(1, EFD_CLOEXEC);
	if (socketpair(AF_UNIX, types[kind] | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	fd_close(&peer->worker);
	peer->worker = pair[0];
	return pair[1];
}

static void
engine_spawns(struct peer *peer, unsigned kind)
{
	struct wire_message message = wire_make(WIRE_SPAWNED);
	int fd = worker_socket(peer, kind);

	send_message(peer->slot, &message, fd);
	fd_close(&fd);
}

static void
engine_ends(struct peer *peer, int status, uint64_t cpu_time)
{
	struct wire_message message = wire_make(WIRE_ENDED);

	message.status = status;
	message.value = cpu_time;
	peer->told_end = true;
	fd_close(&peer->worker);
	send_message(peer->slot, &message, -1);
}

/* Does what it was told. */
static void
engine_obeys(struct peer *peer)
{
	struct wire_message message;
	struct error err;

	if (peer->slot < 0 ||
	    wire_recv(peer->slot,
		WIRE_ACCEPT(WIRE_SPAWN) | WIRE_ACCEPT(WIRE_KILL) |
		    WIRE_ACCEPT(WIRE_NICE),
		&message, NULL, 0, &err) != ERROR_NONE)
		return;
	if (message.type == WIRE_SPAWN)
		engine_spawns(peer, 0);
	else if (message.type == WIRE_KILL)
		engine_ends(peer, SIGKILL, 1000);
}

static void
engine_says_anything(struct peer *peer)
{
	struct wire_message message = any_message(peer->in);
	bool with = fuzz_yes(peer->in);

	peer->told_end |= message.type == WIRE_ENDED;
	send_message(peer->slot, &message, with ? mail : -1);
}

/* --- what a worker does --- */

static void
worker_answers(struct peer *peer)
{
	static const char *const names[] = { "", "Eicar-Test", "a b", "x,y=z" };
	struct wire_message message = wire_make(WIRE_RESULT);

	message.id = peer->job + fuzz_choice(peer->in, 2);
	message.status = (int32_t)fuzz_choice(peer->in, VERDICT_KINDS);
	message.flags = fuzz_choice(peer->in, 2);
	message.value = fuzz_number(peer->in);
	strcpy(message.text, names[fuzz_choice(peer->in, LENGTH(names))]);
	claim(peer, &message);
}

static void
worker_says_hello(struct peer *peer)
{
	struct wire_message message = wire_make(WIRE_HELLO);

	send_message(peer->worker, &message, -1);
}

static void
worker_says_anything(struct peer *peer)
{
	struct wire_message message = any_message(peer->in);

	claim(peer, &message);
}

static void
say_bytes(struct peer *peer, int sock)
{
	char bytes[2 * sizeof(struct wire_message)];
	size_t len = (size_t)fuzz_number(peer->in) % sizeof bytes;
	struct error err;

	fuzz_bytes(peer->in, bytes, len);
	if (sock >= 0 &&
	    seqpacket_send(sock, bytes, len, fuzz_yes(peer->in) ? mail : -1,
		&err) != ERROR_NONE)
		return;
}

/* --- the script --- */

static bool
end_script(struct peer *peer)
{
	bool any = peer->link >= 0 || peer->slot >= 0 || peer->worker >= 0;

	if (peer->silent || !any)
		return false;
	fd_close(&peer->worker);
	fd_close(&peer->slot);
	fd_close(&peer->link);
	return true;
}

/* The next step; false if time is to pass. */
static bool
step(void *context)
{
	struct peer *peer = context;

	if (peer->in->left == 0)
		return end_script(peer);
	switch (fuzz_choice(peer->in, 15)) {
	case 0:
		return false;
	case 1:
		engine_obeys(peer);
		break;
	case 2:
		worker_says_hello(peer);
		break;
	case 3:
		worker_answers(peer);
		break;
	case 4:
		worker_says_anything(peer);
		break;
	case 5:
		say_bytes(peer, peer->worker);
		break;
	case 6:
		engine_spawns(peer, fuzz_choice(peer->in, 5));
		break;
	case 7:
		engine_ends(peer, (int)fuzz_number(peer->in),
		    fuzz_number(peer->in));
		break;
	case 8:
		engine_says_anything(peer);
		break;
	case 9:
		say_bytes(peer, peer->slot);
		break;
	case 10:
		fd_close(&peer->worker);
		break;
	case 11:
		fd_close(&peer->slot);
		break;
	case 12:
		fd_close(&peer->link);
		break;
	case 13:
		eventfd_write(peer->cancel, 1);
		break;
	case 14:
		if (peer->worker >= 0)
			shutdown(peer->worker, SHUT_WR);
		break;
	}
	return true;
}

/* --- what must come of it --- */

static enum lane_slow
answer_slow(void *context)
{
	struct peer *peer = context;

	peer->slow = (enum lane_slow)fuzz_choice(peer->in, 3);
	return peer->slow;
}

/* A verdict is one that a worker has sent for this very job. */
static void
check_verdict(const struct peer *peer, const struct verdict *verdict)
{
	if (verdict->kind == VERDICT_ERROR)
		return;
	if (verdict->kind == VERDICT_INCOMPLETE && peer->told_end)
		return; /* SIGXFSZ */
	for (unsigned i = 0; i < peer->claim_count; i++) {
		const struct wire_message *said = &peer->claims[i];

		if (said->type == WIRE_RESULT && said->id == peer->job &&
		    said->status == (int32_t)verdict->kind &&
		    strncmp(said->text, verdict->name, sizeof said->text) == 0)
			return;
	}
	assert(!"a verdict that nobody gave");
}

static void
check_result(const struct peer *peer, const struct lane *lane,
    const struct lane_result *result)
{
	const struct verdict *verdict = &result->verdict;

	check_verdict(peer, verdict);
	assert(verdict->kind != VERDICT_LATE &&
	    verdict->kind != VERDICT_UNSCANNABLE);
	assert((verdict->kind == VERDICT_CLEAN) == (verdict->name[0] == '\0'));
	assert(
	    verdict->name[0] == '\0' || text_is_signature_name(verdict->name));
	assert(!result->counts ||
	    (verdict->kind == VERDICT_ERROR && peer->told_end));
	assert(!result->put_off || peer->slow == LANE_END);
	assert(fuzz_is_line(result->ended, sizeof result->ended - 1));
	assert(result->cpu_time >= 0 && result->cpu_time <= result->scan_time);
	assert(result->scan_time >= 0 &&
	    result->scan_time <= config->deadline_scan_wall + END_MAX);
	/* Whatever ended oddly gets no other message. */
	assert(result->ended[0] == '\0' || !lane_is_ready(lane));
}

static void
scan(struct peer *peer, struct lane *lane)
{
	bool background = fuzz_yes(peer->in);
	struct lane_result result;

	peer->job++;
	lane_scan(lane, mail, 4, peer->cancel, background ? NULL : answer_slow,
	    peer, &result);
	check_result(peer, lane, &result);
}

static bool
warm(struct lane *lane)
{
	int64_t began = monotime_now();
	struct error err;
	enum error_code code = lane_warm(lane, &err);

	assert(monotime_now() - began <= WARM_MAX);
	if (code == ERROR_NONE)
		return true;
	fuzz_check_error(&err, (int)code);
	return false;
}

static void
note_lost(void *context, const char *name, uint64_t serial)
{
	struct peer *peer = context;

	(void)name;
	(void)serial;
	peer->lost++;
}

static void
note_released(void *context, const char *name, uint64_t serial)
{
	struct peer *peer = context;

	(void)name;
	(void)serial;
	peer->released++;
}

static void
use_lane(struct peer *peer, struct engines *engines, struct engine *engine)
{
	struct wire_message message;
	struct lane *lane;
	enum error_code code;
	struct error err;

	code = lane_open(engines, engine, config, &lane, &err);
	assert(code == ERROR_NONE);
	code = wire_recv(peer->link, WIRE_ACCEPT(WIRE_SLOT), &message,
	    &peer->slot, 0, &err);
	assert(code == ERROR_NONE);
	for (int i = 0; i < ROUNDS; i++)
		if (warm(lane))
			scan(peer, lane);
	lane_close(&lane);
}

void
fuzz_one(struct fuzz_input *in)
{
	struct peer peer = { .in = in, .slot = -1, .worker = -1 };
	struct engines_reports reports = { .lost = note_lost,
		.released = note_released,
		.context = &peer };
	struct engines *engines = engines_create(&reports);
	enum error_code code;
	struct error err;
	int pair[2];

	peer.silent = fuzz_yes(in);
	peer.cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	code = seqpacket_pair(pair, &err);
	assert(code == ERROR_NONE && peer.cancel >= 0);
	peer.link = pair[0];
	fuzz_time_begin(step, &peer);
	engines_publish(engines, pair[1], "0123456789abcdef", 1);
	use_lane(&peer, engines, engines_get(engines));
	assert(peer.lost <= 1);
	engines_destroy(&engines);
	assert(peer.released == 1);
	fuzz_time_begin(NULL, NULL);
	fd_close(&peer.worker);
	fd_close(&peer.slot);
	fd_close(&peer.link);
	fd_close(&peer.cancel);
}
