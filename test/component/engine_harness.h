/* engine_harness - starts a real engine and plays supervisor and filter
 *
 * Each test has an engine of its own, in real namespaces, with a private
 * state directory and a small set of signatures.  What can't be set up fails
 * the test (cmocka's asserts); waiting is bounded by HARNESS_PATIENCE.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_HARNESS_H
#define ENGINE_HARNESS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/callfilter.h"
#include "base/monotime.h"
#include "wire/verdict.h"
#include "wire/wire.h"

#define HARNESS_PATIENCE (20 * MONOTIME_S)

/* The beginning of the EICAR test file, for which there is a signature here;
 * other scanners want the whole. */
#define HARNESS_EICAR "X5O!P%@AP[4\\PZX54(P^)7CC)7}"
#define HARNESS_EICAR_NAME "Test.Eicar.UNOFFICIAL"

struct harness {
	char directory[64]; /* holds the next two */
	char state[96];
	char signatures[96];
	const struct callfilter_profile *kernel; /* NULL: as it is */
	pid_t engine;                            /* 0: none */
	int supervisor;                          /* our ends */
	int link;
};

/* A mail in which there is nothing to find. */
extern const char harness_clean_mail[];

/* Takes the engine's path and a test's name from the arguments (or the path
 * from VSCAN_ENGINE); exits with 77 and says why if the tests can't run. */
void harness_main(int argc, char **argv);

/* Directories with the signatures of the tests; no engine yet. */
void harness_open(struct harness *h);
void harness_close(struct harness *h);

/* Writes a file into the signature directory. */
void harness_write(const struct harness *h, const char *name, const char *text);

/* Starts an engine, on a kernel that lacks what h->kernel says; mode is
 * "contained" or "plain", settings are lines for the configuration.  preload
 * is for LD_PRELOAD, or NULL. */
void harness_start(struct harness *h, const char *mode, const char *settings,
    const char *preload);

/* Its first message; then READY also adopts a link. */
struct wire_message harness_first_message(struct harness *h);
void harness_adopt(struct harness *h);

/* harness_open, start, first message (READY), adopt. */
void harness_serve(struct harness *h, const char *mode, const char *settings);

/* Waits for the engine's end and returns its wait status. */
int harness_wait(struct harness *h);

/* The filter's side. */
int harness_slot(struct harness *h);
void harness_send(int sock, enum wire_type type);
struct wire_message harness_recv(int sock, enum wire_type type, int *fd_r);
bool harness_is_closed(int sock);

/* SPAWN, SPAWNED, HELLO: returns the worker's socket. */
int harness_spawn(int slot);

/* Sends a mail as a job; size is what the job claims. */
void harness_send_job(int worker, const char *mail, size_t length,
    uint64_t size);

/* Sends a mail, and returns the result. */
struct wire_message harness_scan(int worker, const char *mail);

/* Sends a mail that takes minutes, and waits until it is being scanned: until
 * the engine's workers have used 200 ms more of CPU time. */
void harness_start_slow_scan(struct harness *h, int worker);

void harness_assert_verdict(const struct wire_message *result,
    enum verdict_kind kind, const char *name);

/* Asserts that a wait status is an exit; returns with what. */
int harness_exit_status(int status);

/* A mail with data attached, in base64; the caller frees it. */
char *harness_mail(const void *data, size_t len);
char *harness_mail_encoded(const char *base64);

/* The only child of a process, as it is known here. */
pid_t harness_child(pid_t parent);
unsigned harness_count_children(pid_t parent);
void harness_wait_for_children(struct harness *h, unsigned want);

/* The CPU time (ns) of the engine's children, and waits until it is that. */
int64_t harness_children_cpu(const struct harness *h);
void harness_wait_cpu(const struct harness *h, int64_t want);

/* Entries of a directory, and of /proc/PID/what; 0 if there is none. */
unsigned harness_count_entries(const char *path);
unsigned harness_count_in_proc(pid_t pid, const char *what);

/* The value of a line in /proc/PID/status; "" if there is no such line. */
void harness_read_status(pid_t pid, const char *field, char value_r[64]);

/* Mounts in the namespace of a process. */
unsigned harness_count_mounts(pid_t pid);

#endif
