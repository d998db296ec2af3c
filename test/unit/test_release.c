/* release: what names a mail, and asking a service that is there, hangs,
 * lies or has gone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "wire/release.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "support.h"

#define MARK "0123456789abcdef0123456789abcdef"

/* A service that answers one request with what it is given, or with
 * nothing. */
struct service {
	char path[108];
	int listener;
	const void *answer;
	size_t answer_size;
	struct release_request got;
	pthread_t thread;
};

static void *
serve(void *context)
{
	struct service *service = context;
	int sock = accept(service->listener, NULL, NULL);
	char byte;

	assert_int_equal(recv(sock, &service->got, sizeof service->got, 0),
	    sizeof service->got);
	if (service->answer_size > 0)
		send(sock, service->answer, service->answer_size, 0);
	recv(sock, &byte, 1, 0);
	close(sock);
	return NULL;
}

static void
start(struct service *service, const void *answer, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(service->path, sizeof service->path,
	    "/tmp/vscan-test-release.%d", (int)getpid());
	strcpy(address.sun_path, service->path);
	unlink(service->path);
	service->answer = answer;
	service->answer_size = size;
	service->listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(service->listener,
			     (const struct sockaddr *)&address, sizeof address),
	    0);
	assert_int_equal(listen(service->listener, 1), 0);
	assert_int_equal(pthread_create(&service->thread, NULL, serve, service),
	    0);
}

static void
stop(struct service *service)
{
	pthread_join(service->thread, NULL);
	close(service->listener);
	unlink(service->path);
}

static const struct release_mail mail = {
	.queue_id = "4F2C1A0B",
	.mark = MARK,
	.size = 10,
	.arrived_at = 20,
};

static void
test_release_names_only_what_an_mta_may_have_named(void **state)
{
	static const struct {
		const char *id, *mark;
		bool valid;
	} cases[] = {
		{ "4F2C1A0B", MARK, true },
		{ "4XbTcD1zZz", MARK, true },
		{ "", MARK, false },
		{ "../../etc/x", MARK, false },
		{ "-d", MARK, false },
		{ "ALL ", MARK, false },
		{ "4F2C1A0B", "", false },
		{ "4F2C1A0B", "0123456789abcdef0123456789abcde", false },
		{ "4F2C1A0B", "0123456789ABCDEF0123456789abcdef", false },
		{ "4F2C1A0B", "0123456789abcdef0123456789abcde.", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct release_mail named = { .size = 1 };

		snprintf(named.queue_id, sizeof named.queue_id, "%s",
		    cases[i].id);
		snprintf(named.mark, sizeof named.mark, "%s", cases[i].mark);
		assert_int_equal(release_mail_is_valid(&named), cases[i].valid);
	}
}

static void
test_release_id_without_an_end_is_refused(void **state)
{
	struct release_mail named = mail;

	(void)state;
	memset(named.queue_id, 'A', sizeof named.queue_id);
	assert_false(release_mail_is_valid(&named));
}

static void
test_release_asks_and_is_answered(void **state)
{
	struct release_reply answer = { .result = RELEASE_NOT_HELD,
		.text = "gone\n" },
			     reply;
	struct service service;

	(void)state;
	start(&service, &answer, sizeof answer);
	assert_int_equal(release_ask(service.path, RELEASE_DELETE, &mail,
			     monotime_after(5 * MONOTIME_S), &reply, NULL),
	    ERROR_NONE);
	stop(&service);
	assert_int_equal(reply.result, RELEASE_NOT_HELD);
	assert_string_equal(reply.text, "gone?");
	assert_int_equal(service.got.verb, RELEASE_DELETE);
	assert_memory_equal(&service.got.mail, &mail, sizeof mail);
}

static void
test_release_nonsense_is_no_answer(void **state)
{
	struct release_reply unknown = { .result = RELEASE_RESULTS }, reply;
	struct service service;

	(void)state;
	start(&service, &unknown, sizeof unknown);
	assert_int_equal(release_ask(service.path, RELEASE_INSPECT, &mail,
			     monotime_after(5 * MONOTIME_S), &reply, NULL),
	    ERROR_PEER);
	stop(&service);
	start(&service, "short", 5);
	assert_int_equal(release_ask(service.path, RELEASE_INSPECT, &mail,
			     monotime_after(5 * MONOTIME_S), &reply, NULL),
	    ERROR_PEER);
	stop(&service);
}

static void
test_release_service_that_hangs_is_not_waited_for(void **state)
{
	struct release_reply reply;
	struct service service;
	int64_t began = monotime_now();

	(void)state;
	start(&service, NULL, 0);
	assert_int_equal(release_ask(service.path, RELEASE_INSPECT, &mail,
			     monotime_after(100 * MONOTIME_MS), &reply, NULL),
	    ERROR_TIMEOUT);
	assert_true(monotime_now() - began < 30 * MONOTIME_S);
	stop(&service);
}

static void
test_release_service_that_is_not_there_is_an_error(void **state)
{
	struct release_reply reply;
	struct error err;

	(void)state;
	assert_int_equal(release_ask("/nonexistent/release.sock",
			     RELEASE_INSPECT, &mail, monotime_after(MONOTIME_S),
			     &reply, &err),
	    ERROR_SYSTEM);
	assert_non_null(strstr(err.text, "/nonexistent/release.sock"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_release_names_only_what_an_mta_may_have_named),
		cmocka_unit_test(test_release_id_without_an_end_is_refused),
		cmocka_unit_test(test_release_asks_and_is_answered),
		cmocka_unit_test(test_release_nonsense_is_no_answer),
		cmocka_unit_test(
		    test_release_service_that_hangs_is_not_waited_for),
		cmocka_unit_test(
		    test_release_service_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
