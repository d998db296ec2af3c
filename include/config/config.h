/* config - the configuration: one table row for each setting
 *
 * The supervisor reads the file once (config_load), checks it whole, and
 * hands its children the effective settings as text (config_print), which
 * they read back (config_load_fd): every process serves what was checked,
 * even if the file has changed since.
 *
 * A struct config is a snapshot: it is built whole, and nobody changes it
 * after that, so any thread may read it.  A reload makes another snapshot.
 * Whoever works with a snapshot for a while (a session, a message, a scan)
 * takes a reference to it (config_ref) and gives it back (config_unref); the
 * last one that does so frees it.
 *
 * Durations are int64_t nanoseconds (written "90", "90s", "500ms", "15m",
 * "2h", "5d"), sizes uint64_t bytes (written "1048576", "1024K", "1M",
 * "1G"), counts unsigned.  Syntax: libconfuse 3.3.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/error.h"

/* What is done about a verdict, weakest first: the strictest recipient wins
 * by comparing these.  ACTION_OFF is for macro, phishing and pua only: they
 * are not looked for. */
enum action {
	ACTION_OFF,
	ACTION_ACCEPT,
	ACTION_HOLD, /* quarantine now, release by its verdict */
	ACTION_QUARANTINE,
	ACTION_DISCARD,
	ACTION_TEMPFAIL,
	ACTION_REJECT,
};

/* What becomes of a held mail that its verdict doesn't release. */
enum hold_infected { HOLD_LEAVE, HOLD_DELETE };

/* What is done where the kernel refuses a part of the sandbox. */
enum sandbox_level {
	SANDBOX_OFF,         /* nobody asks for it */
	SANDBOX_BEST_EFFORT, /* it is done without, and said */
	SANDBOX_REQUIRE,     /* no engine is started */
};

/* How a new signature set takes the place of the old one. */
enum engine_reload {
	ENGINE_RELOAD_AUTO,    /* as memory allows */
	ENGINE_RELOAD_BESIDE,  /* it is loaded while the old one serves */
	ENGINE_RELOAD_INSTEAD, /* the old one ends first, and mail waits */
};

struct config_strings {
	size_t count;
	char **items;
};

struct config {
	atomic_uint references; /* beside the owner's: config_ref() */

	char *socket; /* unix:PATH, inet:PORT@HOST, inet6:…, fd:N */
	unsigned socket_mode;
	char *socket_group;           /* see config/socket_group.h */
	struct config_strings access; /* ADDRESS[/BITS] */
	char *user;
	char *state_directory;
	char *control_socket;
	char *pid_file; /* "" for none */
	int64_t drain_timeout;
	int64_t alarm_after;

	int log_target;   /* enum log_target */
	int log_facility; /* syslog(3)'s LOG_MAIL, … */
	int log_level;    /* enum log_level */
	char *log_file;

	int64_t deadline_reply;
	int64_t deadline_reply_submission;
	int64_t deadline_reply_local;
	int64_t deadline_progress;
	int64_t deadline_slow_after;
	int64_t deadline_scan_cpu;
	int64_t deadline_scan_wall;
	unsigned deadline_failures;

	struct config_strings engine_database;
	unsigned engine_workers_given; /* 0: one for each CPU */
	unsigned engine_workers;       /* resolved: never 0 */
	unsigned engine_background;
	uint64_t engine_scratch;
	uint64_t engine_worker_memory;
	uint64_t engine_max_scan_size;
	uint64_t engine_max_file_size;
	unsigned engine_max_files;
	unsigned engine_max_recursion;
	int64_t engine_check_interval;
	int engine_reload;      /* enum engine_reload */
	int64_t engine_max_age; /* 0: any age will do */
	int engine_sandbox;     /* enum sandbox_level */

	uint64_t buffer_memory;
	uint64_t buffer_message_memory;
	uint64_t buffer_message_max;
	uint64_t buffer_disk;
	char *buffer_directory;
	uint64_t buffer_envelope;

	unsigned limits_sessions;
	unsigned limits_waiting;
	unsigned limits_queue;
	unsigned limits_rows;

	unsigned cache_entries;
	int64_t cache_ttl;
	int64_t cache_late_ttl;
	unsigned cache_attachments;
	int64_t cache_attachment_ttl;

	struct config_strings hold_mta; /* postfix:DIRECTORY, sendmail:FILE */
	char *hold_sendmail;
	char *hold_release_socket;
	int hold_infected; /* enum hold_infected */
	uint64_t hold_disk;
	int64_t hold_commit;

	struct config_strings headers_keep_from; /* ADDRESS[/BITS] */
	struct config_strings headers_ignore;    /* NAME or NAME* */

	int action_clean; /* all: enum action */
	int action_infected;
	int action_incomplete;
	int action_encrypted;
	int action_late;
	int action_late_submission;
	int action_unscannable;
	int action_error;
	int action_macro;
	int action_phishing;
	int action_pua;

	char *reply_infected; /* templates: %v virus, %i queue ID, %% */
	char *reply_incomplete;
	char *reply_encrypted;
	char *reply_macro;
	char *reply_phishing;
	char *reply_pua;
	char *reply_late;
	char *reply_unscannable;
	char *reply_error;
};

#define CONFIG_DEFAULT_PATH "/etc/vscan-milter/vscan-milter.conf"

/* Told of one mistake in a file: "FILE:LINE: what is wrong and what is
 * allowed".  text is gone when it returns. */
typedef void config_mistake_function(void *context, const char *text);

/* As config_load(), and tells all mistakes that can be seen, not only the
 * first; where the file can't be read at all there is none, and err says
 * why. */
CHECK_RESULT enum error_code config_check(const char *path,
    config_mistake_function *each, void *context, struct config **config_r,
    struct error *err);

/* Reads and checks the file.  On failure *config_r is NULL and err->text is
 * "FILE:LINE: what is wrong and what is allowed" (ERROR_INPUT), or says why
 * the file can't be read.  A file that everybody may write to, or that belongs
 * to somebody other than root and ourselves, is refused (ERROR_INPUT).  The
 * caller ends it with config_destroy(). */
CHECK_RESULT enum error_code config_load(const char *path,
    struct config **config_r, struct error *err);

/* The same from an open file at offset 0; name stands in for its path in
 * messages.  Leaves fd open. */
CHECK_RESULT enum error_code config_load_fd(int fd, const char *name,
    struct config **config_r, struct error *err);

/* Gives the owner's reference back and sets the pointer to NULL.  NULL is
 * allowed. */
void config_destroy(struct config **config);

/* Takes one more reference; returns config.  Any thread that has one. */
const struct config *config_ref(const struct config *config);

/* Gives a reference back and sets the pointer to NULL.  NULL is allowed. */
void config_unref(const struct config **config);

/* Has *place refer to config instead of what it refers to now (or NULL). */
void config_replace(const struct config **place, const struct config *config);

/* Writes every setting as a configuration file that config_load() reads back
 * to the same values.  with_comments adds what each setting means, what is
 * allowed and its default; settings that have their default are then comments
 * themselves. */
void config_print(const struct config *config, FILE *out, int with_comments);

/* The name of an action as the file spells it. */
const char *config_action_name(enum action action);

#endif
