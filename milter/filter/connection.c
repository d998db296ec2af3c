/* connection - the MTA's connections, from accept(2) to close(2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/connection.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/monotime.h"
#include "base/tally.h"
#include "filter/netlist.h"
#include "filter/wakeup.h"

/* How often the thread looks. */
#define TICK_US 500000

/* Seconds of silence after which the kernel asks an MTA's host whether it is
 * still there. */
#define KEEPALIVE_IDLE 600

/* Memory goes back to the system when half of the connections have ended, but
 * no more often than this: it takes the C library's locks. */
#define TRIM_PAUSE (10 * MONOTIME_S)

/* libmilter frees what it has of a session after its close(): how long after,
 * a busy machine decides. */
#define FREEING_TIME (60 * MONOTIME_S)

#define ARENA_END (256 * 1024)
#define ARENAS 16

/* Without descriptors libmilter would try again at once, and for ever. */
#define NO_DESCRIPTOR_US 20000

#define PEER_SIZE 96

/* Descriptors; a page of the table is only there once it is used. */
#define TABLE_MAX ((size_t)1 << 20)

static struct tally foreign = TALLY_INIT(
    "connections of hosts that `access` doesn't name were closed");
static struct tally crowded = TALLY_INIT(
    "connections were closed, since there are more than limits.sessions "
    "allows");
static struct tally silent = TALLY_INIT(
    "connections were closed, since their peers said nothing");
static struct tally displaced = TALLY_INIT(
    "connections were closed, since their peers said nothing and others "
    "needed their places");
static struct tally short_of_descriptors = TALLY_INIT(
    "times there was no descriptor left for a connection");
static struct tally faulty = TALLY_INIT(
    "sessions were ended, since their peers broke the protocol");
static struct tally overfull = TALLY_INIT(
    "times an envelope did not fit buffer.envelope");

static struct {
	struct connections_limits limits;
	/* By descriptor.  Read without the lock by whoever owns the
	 * descriptor. */
	struct connection *_Atomic *table;
	size_t table_size;
	atomic_size_t memory; /* limits.memory */
	atomic_size_t kept;

	pthread_mutex_t lock;
	unsigned open;
	unsigned most; /* that were open since memory was given back */
	int64_t trimmed_at;
	int64_t closed_at;               /* the last one */
	TAILQ_HEAD(, connection) silent; /* the oldest first */
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
connections_init(void)
{
	struct rlimit descriptors = { .rlim_max = TABLE_MAX };

	/* malloc_trim() doesn't reach the end of an arena: up to this much of
	 * each stays.  Without it the C library raises the size by itself. */
	mallopt(M_TRIM_THRESHOLD, ARENA_END);
	mallopt(M_ARENA_MAX, ARENAS);
	/* The soft limit may still be raised. */
	getrlimit(RLIMIT_NOFILE, &descriptors);
	state.table_size = descriptors.rlim_max < TABLE_MAX
	    ? (size_t)descriptors.rlim_max
	    : TABLE_MAX;
	state.table = calloc(state.table_size, sizeof *state.table);
	if (state.table == NULL)
		abort();
	TAILQ_INIT(&state.silent);
}

void
connections_limit(const struct connections_limits *limits)
{
	struct netlist *before;

	pthread_mutex_lock(&state.lock);
	before = state.limits.access;
	state.limits = *limits;
	state.memory = limits->memory;
	pthread_mutex_unlock(&state.lock);
	netlist_destroy(&before);
}

struct connection *
connection_of(int fd)
{
	if (fd < 0 || (size_t)fd >= state.table_size)
		return NULL;
	return state.table[fd];
}

/* Who is at the other end: an address, or a process of this machine. */
static const char *
peer_of(int fd, char out[PEER_SIZE])
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	struct ucred process = { 0 };
	socklen_t size = sizeof address, process_size = sizeof process;
	char text[INET6_ADDRSTRLEN] = "unknown";

	getpeername(fd, (struct sockaddr *)&address, &size);
	if (address.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr,
		    text, sizeof text);
	else if (address.ss_family == AF_INET6)
		inet_ntop(AF_INET6,
		    &((struct sockaddr_in6 *)&address)->sin6_addr, text,
		    sizeof text);
	else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &process,
		     &process_size) == 0 &&
	    process.pid > 0) {
		snprintf(out, PEER_SIZE, "process %d of uid %u",
		    (int)process.pid, (unsigned)process.uid);
		return out;
	}
	snprintf(out, PEER_SIZE, "%s", text);
	return out;
}

static bool
is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;

	return address->ss_family == AF_INET &&
	    ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* Both ends of a connection that this machine has made to itself have the same
 * address, unless they are of the loopback network. */
static bool
comes_from_here(int fd, const struct sockaddr_storage *peer)
{
	struct sockaddr_storage own = { 0 };
	socklen_t size = sizeof own;

	if (is_loopback(peer))
		return true;
	if (getsockname(fd, (struct sockaddr *)&own, &size) < 0 ||
	    own.ss_family != peer->ss_family)
		return false;
	if (own.ss_family == AF_INET)
		return ((struct sockaddr_in *)&own)->sin_addr.s_addr ==
		    ((const struct sockaddr_in *)peer)->sin_addr.s_addr;
	return own.ss_family == AF_INET6 &&
	    memcmp(&((struct sockaddr_in6 *)&own)->sin6_addr,
		&((const struct sockaddr_in6 *)peer)->sin6_addr,
		sizeof(struct in6_addr)) == 0;
}

/* Whether `access` lets the peer in.  A Unix socket has its file's mode.  Lock
 * held. */
static bool
is_admitted(int fd, const struct sockaddr_storage *peer)
{
	char who[PEER_SIZE];

	if (peer->ss_family != AF_INET && peer->ss_family != AF_INET6)
		return true;
	if (netlist_contains(state.limits.access,
		(const struct sockaddr *)peer) ||
	    comes_from_here(fd, peer))
		return true;
	if (tally_add(&foreign))
		log_msg(LOG_LEVEL_WARNING,
		    "the connection of %s was closed: `access` doesn't name "
		    "this host",
		    peer_of(fd, who));
	return false;
}

/* Ends a silent connection: libmilter reads an end of file, and closes it.
 * Lock held. */
static void
end_silent(struct connection *connection)
{
	TAILQ_REMOVE(&state.silent, connection, link);
	connection->silent = false;
	connection->ended = true;
	state.open--;
	shutdown(connection->fd, SHUT_RDWR);
}

/* Makes room for a new connection, at the expense of the one that has been
 * silent for longest.  False if none is.  Lock held. */
static bool
end_oldest_silent(void)
{
	struct connection *oldest = TAILQ_FIRST(&state.silent);
	char who[PEER_SIZE];

	if (oldest == NULL)
		return false;
	if (tally_add(&displaced))
		log_msg(LOG_LEVEL_WARNING,
		    "the connection of %s was closed: it has said nothing, and "
		    "others need its place",
		    peer_of(oldest->fd, who));
	end_silent(oldest);
	return true;
}

/* Lock held. */
static bool
has_room(int fd, bool is_wakeup)
{
	char who[PEER_SIZE];

	if (state.open < state.limits.capacity || end_oldest_silent() ||
	    is_wakeup)
		return true;
	if (tally_add(&crowded))
		log_msg(LOG_LEVEL_WARNING,
		    "the connection of %s was closed: there are %u of them, "
		    "and limits.sessions allows no more",
		    peer_of(fd, who), state.open);
	return false;
}

static void
add(int fd)
{
	struct connection *connection = calloc(1, sizeof *connection);

	if (connection == NULL)
		abort();
	connection->fd = fd;
	connection->accepted_at = monotime_now();
	connection->silent = true;
	TAILQ_INSERT_TAIL(&state.silent, connection, link);
	state.table[fd] = connection;
	if (++state.open > state.most)
		state.most = state.open;
}

/* Replies are small and come in a row; each is to leave at once.  An MTA whose
 * host has gone without a word is given up by the kernel, since libmilter lets
 * a session wait for its next command for ever (main.c). */
static void
set_up_tcp(int fd, int family)
{
	int on = 1, idle = KEEPALIVE_IDLE;

	if (family != AF_INET && family != AF_INET6)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
}

/* False if the connection is to be closed. */
static bool
take(int fd, const struct sockaddr_storage *peer)
{
	bool is_wakeup = wakeup_take(), taken;

	set_up_tcp(fd, peer->ss_family);
	pthread_mutex_lock(&state.lock);
	taken = (size_t)fd < state.table_size && is_admitted(fd, peer) &&
	    has_room(fd, is_wakeup);
	if (taken)
		add(fd);
	pthread_mutex_unlock(&state.lock);
	return taken;
}

static void
wait_for_descriptor(void)
{
	if (tally_add(&short_of_descriptors))
		log_msg(LOG_LEVEL_ERROR,
		    "there is no descriptor left for a connection: raise "
		    "RLIMIT_NOFILE (LimitNOFILE=)");
	pthread_mutex_lock(&state.lock);
	end_oldest_silent();
	pthread_mutex_unlock(&state.lock);
	usleep(NO_DESCRIPTOR_US);
}

typedef int close_function(int fd);

/* The C library's close(), or that of a sanitizer before it. */
static close_function *
next_close(void)
{
	static _Atomic(close_function *) next;
	close_function *found = atomic_load(&next);
	void *symbol;

	if (found == NULL) {
		symbol = dlsym(RTLD_NEXT, "close");
		memcpy(&found, &symbol, sizeof found);
		atomic_store(&next, found);
	}
	return found;
}

/* In the place of the C library's, see connection.h.  libmilter goes on in
 * silence after ECONNABORTED. */
int
accept(int sock, struct sockaddr *address, socklen_t *size)
{
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	socklen_t peer_size = sizeof peer;
	int fd;

	fd = accept4(sock, (struct sockaddr *)&peer, &peer_size, SOCK_CLOEXEC);
	if (fd < 0) {
		int why = errno;

		if (why == EMFILE || why == ENFILE)
			wait_for_descriptor();
		errno = why;
		return -1;
	}
	if (state.table != NULL && !(wakeup_admits(fd) && take(fd, &peer))) {
		next_close()(fd);
		errno = ECONNABORTED;
		return -1;
	}
	if (address != NULL && size != NULL) {
		memcpy(address, &peer, *size < peer_size ? *size : peer_size);
		*size = peer_size;
	}
	return fd;
}

static void
forget(struct connection *connection)
{
	pthread_mutex_lock(&state.lock);
	state.table[connection->fd] = NULL;
	if (connection->silent)
		TAILQ_REMOVE(&state.silent, connection, link);
	if (!connection->ended)
		state.open--;
	state.closed_at = monotime_now();
	pthread_mutex_unlock(&state.lock);
	connection_drop(connection, connection->kept);
	free(connection);
}

/* The same; closes whatever this program closes. */
int
close(int fd)
{
	struct connection *connection = connection_of(fd);

	if (connection != NULL)
		forget(connection);
	return next_close()(fd);
}

bool
connection_speaks(struct connection *connection)
{
	bool ended;

	pthread_mutex_lock(&state.lock);
	if (connection->silent)
		TAILQ_REMOVE(&state.silent, connection, link);
	connection->silent = false;
	ended = connection->ended;
	pthread_mutex_unlock(&state.lock);
	return !ended;
}

void
connection_blame(const struct connection *connection, const char *fault)
{
	char who[PEER_SIZE];

	if (tally_add(&faulty))
		log_msg(LOG_LEVEL_WARNING,
		    "the session of %s was ended: it breaks the milter "
		    "protocol: %s",
		    peer_of(connection->fd, who), fault);
}

bool
connection_keep(struct connection *connection, size_t size)
{
	size_t before = atomic_fetch_add(&state.kept, size);

	if (before + size <= state.memory) {
		connection->kept += size;
		return true;
	}
	atomic_fetch_sub(&state.kept, size);
	if (tally_add(&overfull))
		log_msg(LOG_LEVEL_WARNING,
		    "recipients, macros and half-sent commands of all sessions "
		    "take %zu bytes, and buffer.envelope allows no more",
		    before);
	return false;
}

void
connection_drop(struct connection *connection, size_t size)
{
	connection->kept -= size;
	atomic_fetch_sub(&state.kept, size);
}

static void
end_those_that_say_nothing(int64_t now)
{
	struct connection *oldest;
	char who[PEER_SIZE];

	while ((oldest = TAILQ_FIRST(&state.silent)) != NULL &&
	    now - oldest->accepted_at >= CONNECTION_SILENCE) {
		if (tally_add(&silent))
			log_msg(LOG_LEVEL_WARNING,
			    "the connection of %s was closed: it has said "
			    "nothing for %d s",
			    peer_of(oldest->fd, who),
			    (int)(CONNECTION_SILENCE / MONOTIME_S));
		end_silent(oldest);
	}
}

/* Whether it is time to give memory back.  Lock held. */
static bool
is_quiet(int64_t now)
{
	if (state.most == 0 || 2 * state.open > state.most ||
	    now - state.trimmed_at < TRIM_PAUSE)
		return false;
	state.trimmed_at = now;
	if (now - state.closed_at >= FREEING_TIME)
		state.most = state.open;
	return true;
}

static void *
connections_thread(void *unused)
{
	(void)unused;
	for (;;) {
		int64_t now = monotime_now();
		bool quiet;

		pthread_mutex_lock(&state.lock);
		end_those_that_say_nothing(now);
		quiet = is_quiet(now);
		pthread_mutex_unlock(&state.lock);
		if (quiet)
			malloc_trim(0);
		tally_report_all();
		usleep(TICK_US);
	}
	return NULL;
}

enum error_code
connections_start(struct error *err)
{
	pthread_t thread;
	int failed;

	failed = pthread_create(&thread, NULL, connections_thread, NULL);
	if (failed)
		return error_sys(err, failed,
		    "starting the thread that watches connections");
	pthread_detach(thread);
	return ERROR_NONE;
}
