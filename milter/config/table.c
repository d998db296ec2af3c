/* table - one row for each setting, and nothing about settings elsewhere
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/log.h"
#include "config/config.h"
#include "table.h"
#include "units.h"

#define FIELD(member) offsetof(struct config, member)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* libclamav refuses files of 2 GB and more. */
#define FILE_MAX (2047 * UNITS_M)
#define SIZE_MAX_SANE (65536 * UNITS_G)

const struct choice setting_actions[] = {
	{ "off", ACTION_OFF },
	{ "accept", ACTION_ACCEPT },
	{ "hold", ACTION_HOLD },
	{ "quarantine", ACTION_QUARANTINE },
	{ "discard", ACTION_DISCARD },
	{ "tempfail", ACTION_TEMPFAIL },
	{ "reject", ACTION_REJECT },
	{ NULL, 0 },
};

/* For what is looked for only if the administrator wants it. */
static const struct choice heuristic_actions[] = {
	{ "off", ACTION_OFF },
	{ "accept", ACTION_ACCEPT },
	{ "quarantine", ACTION_QUARANTINE },
	{ "discard", ACTION_DISCARD },
	{ "tempfail", ACTION_TEMPFAIL },
	{ "reject", ACTION_REJECT },
	{ NULL, 0 },
};

/* For what is the mail's own doing: it may be refused. */
static const struct choice verdict_actions[] = {
	{ "accept", ACTION_ACCEPT },
	{ "quarantine", ACTION_QUARANTINE },
	{ "discard", ACTION_DISCARD },
	{ "tempfail", ACTION_TEMPFAIL },
	{ "reject", ACTION_REJECT },
	{ NULL, 0 },
};

static const struct choice clean_actions[] = {
	{ "accept", ACTION_ACCEPT },
	{ "quarantine", ACTION_QUARANTINE },
	{ NULL, 0 },
};

/* For what is not the mail's doing: it is never refused or lost. */
static const struct choice fault_actions[] = {
	{ "accept", ACTION_ACCEPT },
	{ "hold", ACTION_HOLD },
	{ "quarantine", ACTION_QUARANTINE },
	{ "tempfail", ACTION_TEMPFAIL },
	{ NULL, 0 },
};

static const struct choice infected_held[] = {
	{ "leave", HOLD_LEAVE },
	{ "delete", HOLD_DELETE },
	{ NULL, 0 },
};

static const struct choice sandbox_levels[] = {
	{ "require", SANDBOX_REQUIRE },
	{ "best-effort", SANDBOX_BEST_EFFORT },
	{ "off", SANDBOX_OFF },
	{ NULL, 0 },
};

static const struct choice engine_reloads[] = {
	{ "auto", ENGINE_RELOAD_AUTO },
	{ "beside", ENGINE_RELOAD_BESIDE },
	{ "instead", ENGINE_RELOAD_INSTEAD },
	{ NULL, 0 },
};

static const struct choice log_targets[] = {
	{ "syslog", LOG_TARGET_SYSLOG },
	{ "stderr", LOG_TARGET_STDERR },
	{ "file", LOG_TARGET_FILE },
	{ NULL, 0 },
};

static const struct choice log_levels[] = {
	{ "debug", LOG_LEVEL_DEBUG },
	{ "info", LOG_LEVEL_INFO },
	{ "notice", LOG_LEVEL_NOTICE },
	{ "warning", LOG_LEVEL_WARNING },
	{ "error", LOG_LEVEL_ERROR },
	{ NULL, 0 },
};

static const struct choice log_facilities[] = {
	{ "mail", LOG_MAIL },
	{ "daemon", LOG_DAEMON },
	{ "user", LOG_USER },
	{ "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
	{ NULL, 0 },
};

const struct setting settings[] = {
	{ "", "socket", SETTING_SOCKET, FIELD(socket), 1, 255, NULL, NULL,
	    "unix:/run/vscan-milter/milter.sock",
	    "Where the MTA reaches the filter. The file mode and group of a "
	    "unix: socket decide who may connect; to an inet: or inet6: "
	    "socket each account of this machine may. With fd:NUMBER a socket "
	    "is taken over that is open already. Where systemd hands a socket "
	    "over (LISTEN_FDS), that one is used, whatever stands here.",
	    CONFIG_BY_RESTART },
	{ "", "socket_mode", SETTING_MODE, FIELD(socket_mode), 0, 0777, NULL,
	    NULL, "0660",
	    "File mode of a unix: socket. The MTA has to be able to write to "
	    "the socket.",
	    CONFIG_BY_RESTART },
	{ "", "socket_group", SETTING_GROUP, FIELD(socket_group), 0, 63, NULL,
	    NULL, "auto",
	    "Group that a unix: socket is given to, so that the MTA's account "
	    "may write to it. \"auto\" is the group postfix where there is "
	    "one, also if it is made while the service runs. Where there is "
	    "none, and where this is empty, the socket has the group of the "
	    "account that the service runs as.",
	    CONFIG_BY_RESTART },
	{ "", "access", SETTING_NETWORKS, FIELD(access), 0, 1024, NULL, NULL,
	    "",
	    "Hosts and networks that may connect to an inet: or inet6: "
	    "socket. This machine itself always may, whichever of its "
	    "addresses it uses. The connections of others are closed at once. "
	    "For a unix: socket this means nothing.",
	    CONFIG_AT_ONCE },
	{ "", "user", SETTING_USER, FIELD(user), 1, 63, NULL, NULL,
	    "vscan-milter",
	    "Account that the filter, the engine and its workers become when "
	    "the service is started as root; none of them stays root. Give it "
	    "an account that owns nothing else. A service that is started by "
	    "another account stays that account.",
	    CONFIG_BY_RESTART },
	{ "", "state_directory", SETTING_PATH, FIELD(state_directory), 1, 4095,
	    NULL, NULL, "/var/lib/vscan-milter",
	    "Directory for what must outlast a restart: verdicts that came "
	    "late, failures, and held mail. It also has the lock that keeps a "
	    "second instance out. It is made, and given to the account user, "
	    "where it isn't there.",
	    CONFIG_BY_RESTART },
	{ "", "control_socket", SETTING_PATH, FIELD(control_socket), 1, 107,
	    NULL, NULL, "/run/vscan-milter/control.sock",
	    "Where a control tool will reach the filter. This version does "
	    "not open it.",
	    CONFIG_BY_RESTART },
	{ "", "pid_file", SETTING_PATH, FIELD(pid_file), 0, 4095, NULL, NULL,
	    "",
	    "File for the process ID of the supervisor, written where the "
	    "service runs in the background (without -f). vscan-milter itself "
	    "doesn't need it; empty for none.",
	    CONFIG_BY_RESTART },
	{ "", "drain_timeout", SETTING_DURATION, FIELD(drain_timeout),
	    UNITS_SECOND, 10 * UNITS_MINUTE, NULL, NULL, "20s",
	    "How long the service goes on at most when it is stopped. Mail "
	    "that waits for its verdict is deferred at once; its scan may go "
	    "on for so long, so that the next try finds the verdict.",
	    CONFIG_AT_ONCE },
	{ "", "alarm_after", SETTING_DURATION, FIELD(alarm_after), UNITS_MINUTE,
	    30 * UNITS_DAY, NULL, NULL, "4h",
	    "A mail that is deferred or held for longer than this is logged "
	    "as an error.",
	    CONFIG_AT_ONCE },

	{ "log", "target", SETTING_CHOICE, FIELD(log_target), 0, 0, NULL,
	    log_targets, "syslog",
	    "Where the log goes: to the syslog daemon, to standard error "
	    "(only with -f), or to the file log.file. vscan-release goes by "
	    "it, too.",
	    CONFIG_BY_RESTART },
	{ "log", "file", SETTING_PATH, FIELD(log_file), 1, 4095, NULL, NULL,
	    "/var/log/vscan-milter.log",
	    "The file, where log.target is \"file\". Its directory has to be "
	    "root's, and nobody else may be able to write to it. The file is "
	    "opened anew when it was renamed or removed.",
	    CONFIG_BY_RESTART },
	{ "log", "facility", SETTING_CHOICE, FIELD(log_facility), 0, 0, NULL,
	    log_facilities, "mail",
	    "The facility of syslog, where log.target is \"syslog\".",
	    CONFIG_BY_RESTART },
	{ "log", "level", SETTING_CHOICE, FIELD(log_level), 0, 0, NULL,
	    log_levels, "info",
	    "The least important messages that are logged. The line for each "
	    "mail is of level \"info\": with a higher level there is none.",
	    CONFIG_AT_ONCE },

	{ "deadline", "reply", SETTING_DURATION, FIELD(deadline_reply),
	    500 * UNITS_MS, 9 * UNITS_MINUTE, NULL, NULL, "60s",
	    "How long an MTA that sends mail waits at most, from the end of "
	    "its message to the reply. Where there is no verdict by then, "
	    "action.late is done, and the scan goes on. Sendmail's total for "
	    "a milter (E in T=) is 5m, and this has to stay below it there. "
	    "Postfix's milter_content_timeout starts again with each sign of "
	    "life, so it sets no bound.",
	    CONFIG_AT_ONCE },
	{ "deadline", "reply_submission", SETTING_DURATION,
	    FIELD(deadline_reply_submission), 500 * UNITS_MS, 9 * UNITS_MINUTE,
	    NULL, NULL, "25s",
	    "How long an authenticated client waits at most, from the end of "
	    "its message to the reply. Where there is no verdict by then, "
	    "action.late_submission is done. Mail programs give up after a "
	    "minute or less, and then send the whole mail again, so this is "
	    "short. With Sendmail it has to stay below 5m.",
	    CONFIG_AT_ONCE },
	{ "deadline", "reply_local", SETTING_DURATION,
	    FIELD(deadline_reply_local), 500 * UNITS_MS, 9 * UNITS_MINUTE, NULL,
	    NULL, "5s",
	    "How long mail that doesn't come by SMTP, which is that of the "
	    "sendmail command, waits at most. Where there is no verdict by "
	    "then, action.late_submission is done. In Postfix a single "
	    "process picks up all such mail, and one that waits keeps all "
	    "others waiting, so this is very short. With Sendmail it has to "
	    "stay below 5m.",
	    CONFIG_AT_ONCE },
	{ "deadline", "progress", SETTING_DURATION, FIELD(deadline_progress),
	    100 * UNITS_MS, 9 * UNITS_SECOND, NULL, NULL, "3s",
	    "How often the MTA is told that its reply is still to come. "
	    "Sendmail gives up after 10 s of silence (R in T=).",
	    CONFIG_AT_ONCE },
	{ "deadline", "slow_after", SETTING_DURATION,
	    FIELD(deadline_slow_after), 100 * UNITS_MS, UNITS_HOUR, NULL, NULL,
	    "1s",
	    "A scan that takes longer than this goes on in the background, "
	    "and gives its worker's place to the next message. It leaves "
	    "earlier where others wait and it takes more than twice the time "
	    "that was expected of it.",
	    CONFIG_AT_ONCE },
	{ "deadline", "scan_cpu", SETTING_DURATION, FIELD(deadline_scan_cpu),
	    UNITS_SECOND, UNITS_DAY, NULL, NULL, "15m",
	    "Processor time that one scan may use. Then it is ended, which "
	    "counts as a failure of the message's own doing (see "
	    "deadline.failures). At most deadline.scan_wall.",
	    CONFIG_BY_ENGINE },
	{ "deadline", "scan_wall", SETTING_DURATION, FIELD(deadline_scan_wall),
	    UNITS_SECOND, 7 * UNITS_DAY, NULL, NULL, "2h",
	    "Time by the clock that one scan may take. Then it is ended, and "
	    "the message is deferred; this counts as no failure of the "
	    "message.",
	    CONFIG_AT_ONCE },
	{ "deadline", "failures", SETTING_COUNT, FIELD(deadline_failures), 1,
	    100, "failures", NULL, "2",
	    "So many scans of one message have to fail by its own doing (they "
	    "crash the worker, or use up deadline.scan_cpu), then it is "
	    "unscannable until the signatures change.",
	    CONFIG_AT_ONCE },

	{ "engine", "database", SETTING_PATHS, FIELD(engine_database), 1, 64,
	    NULL, NULL, "/var/lib/clamav",
	    "Signature files, or directories of them. Files are .cvd, .cld "
	    "and the others that libclamav knows. The account that the "
	    "service runs as has to be able to read them.",
	    CONFIG_BY_ENGINE },
	{ "engine", "workers", SETTING_COUNT, FIELD(engine_workers_given), 0,
	    1024, "workers", NULL, "0",
	    "Scans that run at the same time; 0 means one for each CPU. Each "
	    "of them may use engine.worker_memory and engine.scratch.",
	    CONFIG_BY_ENGINE },
	{ "engine", "background", SETTING_COUNT, FIELD(engine_background), 1,
	    1024, "scans", NULL, "8",
	    "Scans that have turned out to be slow (deadline.slow_after) and "
	    "run beside engine.workers at most, with less of the processor. "
	    "Where as many run, another slow one is ended while others wait, "
	    "and is begun again here later.",
	    CONFIG_BY_ENGINE },
	{ "engine", "scratch", SETTING_SIZE, FIELD(engine_scratch), UNITS_M,
	    SIZE_MAX_SANE, NULL, NULL, "1G",
	    "Room in which one worker unpacks; in memory, where the kernel "
	    "gives namespaces. More than engine.max_scan_size and twice "
	    "engine.max_file_size, so that no message can fill it.",
	    CONFIG_BY_ENGINE },
	{ "engine", "worker_memory", SETTING_SIZE, FIELD(engine_worker_memory),
	    16 * UNITS_M, SIZE_MAX_SANE, NULL, NULL, "1G",
	    "Memory that one worker may use beside the signatures, which all "
	    "of them share.",
	    CONFIG_BY_ENGINE },
	{ "engine", "max_scan_size", SETTING_SIZE, FIELD(engine_max_scan_size),
	    64 * UNITS_K, SIZE_MAX_SANE, NULL, NULL, "400M",
	    "Unpacked data of one message that is scanned. A message that has "
	    "more is incomplete (MaxScanSize).",
	    CONFIG_BY_ENGINE },
	{ "engine", "max_file_size", SETTING_SIZE, FIELD(engine_max_file_size),
	    64 * UNITS_K, FILE_MAX, NULL, NULL, "100M",
	    "Size of the largest file in a message that is scanned. A message "
	    "with a larger one is incomplete (MaxFileSize). At most "
	    "engine.max_scan_size.",
	    CONFIG_BY_ENGINE },
	{ "engine", "max_files", SETTING_COUNT, FIELD(engine_max_files), 1,
	    1000000, "files", NULL, "10000",
	    "Files in one message that are scanned. A message that has more "
	    "is incomplete (MaxFiles).",
	    CONFIG_BY_ENGINE },
	{ "engine", "max_recursion", SETTING_COUNT, FIELD(engine_max_recursion),
	    1, 100, "levels", NULL, "17",
	    "How deep archives in archives are unpacked. A message that goes "
	    "deeper is incomplete (MaxRecursion).",
	    CONFIG_BY_ENGINE },
	{ "engine", "check_interval", SETTING_DURATION,
	    FIELD(engine_check_interval), UNITS_SECOND, UNITS_DAY, NULL, NULL,
	    "60s",
	    "How often the signature files are looked at for changes. New "
	    "ones are loaded once they have come to rest.",
	    CONFIG_AT_ONCE },
	{ "engine", "reload", SETTING_CHOICE, FIELD(engine_reload), 0, 0, NULL,
	    engine_reloads, "auto",
	    "Whether a changed signature set is loaded beside the old one, "
	    "which serves until then and takes as much memory again, or "
	    "instead of it, while mail waits. \"auto\" loads it beside the "
	    "old one where the machine, and the control groups that the "
	    "service is in, have memory for both.",
	    CONFIG_AT_ONCE },
	{ "engine", "max_age", SETTING_DURATION, FIELD(engine_max_age), 0,
	    3650 * UNITS_DAY, NULL, NULL, "0",
	    "Once the newest official signature file (.cvd or .cld) is older "
	    "than this, the log has an error each day. With 0 it never has. "
	    "The age itself is logged each day.",
	    CONFIG_BY_ENGINE },
	{ "engine", "sandbox", SETTING_CHOICE, FIELD(engine_sandbox), 0, 0,
	    NULL, sandbox_levels, "best-effort",
	    "What is done where the kernel refuses a part of the workers' "
	    "sandbox. With \"require\" no engine is started, and mail is "
	    "deferred. With \"best-effort\" the engine runs without that "
	    "part, and the log has a warning. \"off\" is for finding out "
	    "whether the sandbox is the trouble: there is no system call "
	    "filter and no Landlock then, and workers see the file system.",
	    CONFIG_BY_RESTART },

	{ "buffer", "memory", SETTING_SIZE, FIELD(buffer_memory), UNITS_M,
	    SIZE_MAX_SANE, NULL, NULL, "512M",
	    "Memory for the text of all messages that are under way. What "
	    "doesn't fit goes to buffer.directory.",
	    CONFIG_AT_ONCE },
	{ "buffer", "message_memory", SETTING_SIZE,
	    FIELD(buffer_message_memory), 4 * UNITS_K, SIZE_MAX_SANE, NULL,
	    NULL, "8M",
	    "Memory for one message. A larger one goes to buffer.directory. "
	    "At most buffer.memory.",
	    CONFIG_AT_ONCE },
	{ "buffer", "message_max", SETTING_SIZE, FIELD(buffer_message_max),
	    64 * UNITS_K, FILE_MAX, NULL, NULL, "200M",
	    "So much of one message is kept and scanned. A larger message is "
	    "taken, but it is incomplete (message-size) at best. At most "
	    "buffer.disk, unless it fits buffer.message_memory.",
	    CONFIG_AT_ONCE },
	{ "buffer", "disk", SETTING_SIZE, FIELD(buffer_disk), 0, SIZE_MAX_SANE,
	    NULL, NULL, "20G",
	    "Disk space for all messages that are under way. Where it is used "
	    "up, and memory has no room either, mail is deferred "
	    "(buffer-disk).",
	    CONFIG_AT_ONCE },
	{ "buffer", "directory", SETTING_PATH, FIELD(buffer_directory), 1, 4095,
	    NULL, NULL, "/var/tmp",
	    "Directory for messages that don't fit memory. The files have no "
	    "names there. The account that the service runs as has to be able "
	    "to write to it. Where it can't be used (it is missing, full or "
	    "read-only, or its disk hangs), large messages stay in memory "
	    "while there is room, and the log says so; it is used again once "
	    "it is repaired.",
	    CONFIG_BY_RESTART },
	{ "buffer", "envelope", SETTING_SIZE, FIELD(buffer_envelope), UNITS_M,
	    SIZE_MAX_SANE, NULL, NULL, "64M",
	    "Memory for what is not a message's text: recipients, macros and "
	    "half-sent commands of all sessions together. Beyond it mail is "
	    "deferred (envelope-memory).",
	    CONFIG_AT_ONCE },

	{ "limits", "sessions", SETTING_COUNT, FIELD(limits_sessions), 1,
	    1000000, "sessions", NULL, "4000",
	    "Connections from the MTA at the same time. Beyond them the reply "
	    "to MAIL is 421, and far beyond them connections are closed.",
	    CONFIG_AT_ONCE },
	{ "limits", "waiting", SETTING_COUNT, FIELD(limits_waiting), 1, 1000000,
	    "messages", NULL, "1000",
	    "Messages that wait for their verdict at the same time. Beyond "
	    "them mail is deferred (too-many-waiting), but for what is known "
	    "already.",
	    CONFIG_AT_ONCE },
	{ "limits", "queue", SETTING_COUNT, FIELD(limits_queue), 1, 1000000,
	    "scans", NULL, "1000",
	    "Scans that wait for a worker. Beyond them mail is deferred "
	    "(queue-full, network-share).",
	    CONFIG_AT_ONCE },
	{ "limits", "rows", SETTING_COUNT, FIELD(limits_rows), 100, 10000000,
	    "rows", NULL, "200000",
	    "Deferred mails that are remembered, with their verdict or their "
	    "failures. Beyond them, those that were tried only once are "
	    "forgotten first.",
	    CONFIG_AT_ONCE },

	{ "cache", "entries", SETTING_COUNT, FIELD(cache_entries), 1, 100000000,
	    "verdicts", NULL, "100000",
	    "Verdicts that are kept in memory. Beyond them the one that was "
	    "used longest ago is forgotten.",
	    CONFIG_AT_ONCE },
	{ "cache", "ttl", SETTING_DURATION, FIELD(cache_ttl), UNITS_SECOND,
	    30 * UNITS_DAY, NULL, NULL, "1h",
	    "How long a verdict is kept, if the signatures don't change. The "
	    "same mail that comes again within this time is answered without "
	    "a scan.",
	    CONFIG_AT_ONCE },
	{ "cache", "late_ttl", SETTING_DURATION, FIELD(cache_late_ttl),
	    UNITS_SECOND, 30 * UNITS_DAY, NULL, NULL, "5d",
	    "How long a verdict that came after its reply is kept for the "
	    "sender's next try, across restarts and changes of the "
	    "signatures. As long as MTAs retry.",
	    CONFIG_AT_ONCE },
	{ "cache", "attachments", SETTING_COUNT, FIELD(cache_attachments), 0,
	    10000000, "attachments", NULL, "50000",
	    "Clean attachments that are remembered by their bytes, and are "
	    "not scanned again in other mails. With 0 each of them is scanned "
	    "each time.",
	    CONFIG_AT_ONCE },
	{ "cache", "attachment_ttl", SETTING_DURATION,
	    FIELD(cache_attachment_ttl), UNITS_SECOND, UNITS_DAY, NULL, NULL,
	    "15m",
	    "How long a clean attachment is remembered; then it is scanned "
	    "again. It is forgotten earlier when the signatures change.",
	    CONFIG_AT_ONCE },

	{ "hold", "mta", SETTING_MTAS, FIELD(hold_mta), 1, 64, NULL, NULL,
	    "postfix:/etc/postfix",
	    "The MTAs whose held mail vscan-release may release or delete: "
	    "each Postfix instance by its configuration directory, each "
	    "Sendmail by its sendmail.cf.",
	    CONFIG_BY_RELEASE },
	{ "hold", "sendmail", SETTING_PATH, FIELD(hold_sendmail), 1, 4095, NULL,
	    NULL, "/usr/sbin/sendmail",
	    "Sendmail's program, where hold.mta names a Sendmail.",
	    CONFIG_BY_RELEASE },
	{ "hold", "release_socket", SETTING_PATH, FIELD(hold_release_socket), 1,
	    107, NULL, NULL, "/run/vscan-milter/release.sock",
	    "Where vscan-release listens, and the filter reaches it.",
	    CONFIG_BY_RELEASE },
	{ "hold", "infected", SETTING_CHOICE, FIELD(hold_infected), 0, 0, NULL,
	    infected_held, "leave",
	    "What becomes of a held mail whose verdict would have refused or "
	    "discarded it: \"leave\" keeps it in the MTA's quarantine, "
	    "\"delete\" has it deleted. It is never released.",
	    CONFIG_AT_ONCE },
	{ "hold", "disk", SETTING_SIZE, FIELD(hold_disk), UNITS_M,
	    SIZE_MAX_SANE, NULL, NULL, "2G",
	    "Disk space in state_directory for all held mail together. Beyond "
	    "it mail is deferred instead (hold-disk).",
	    CONFIG_AT_ONCE },
	{ "hold", "commit", SETTING_DURATION, FIELD(hold_commit),
	    100 * UNITS_MS, UNITS_MINUTE, NULL, NULL, "3s",
	    "How long a mail may take to be safe on disk before it is "
	    "accepted and held; else it is deferred (hold-slow). Its wait for "
	    "the verdict ends so much before its deadline, but at half of the "
	    "deadline at the earliest.",
	    CONFIG_AT_ONCE },

	{ "headers", "keep_from", SETTING_NETWORKS, FIELD(headers_keep_from), 0,
	    1024, NULL, NULL, "",
	    "Hosts and networks whose X-Virus-Status and X-Virus-Scanned "
	    "headers are believed and stay in the mail. From all others these "
	    "headers are removed.",
	    CONFIG_AT_ONCE },
	{ "headers", "ignore", SETTING_HEADERS, FIELD(headers_ignore), 0, 64,
	    NULL, NULL, "",
	    "Headers that a milter before this one, or a relay, makes anew at "
	    "each try of one mail, such as \"X-Site-*\", beside the many that "
	    "are known. The engine isn't shown them, so that each try is the "
	    "same mail. Only plain text of up to 16 KB is left out.",
	    CONFIG_AT_ONCE },

	{ "action", "clean", SETTING_CHOICE, FIELD(action_clean), 0, 0, NULL,
	    clean_actions, "accept",
	    "What is done with mail of which all was scanned, and in which "
	    "nothing was found.",
	    CONFIG_AT_ONCE },
	{ "action", "infected", SETTING_CHOICE, FIELD(action_infected), 0, 0,
	    NULL, verdict_actions, "reject",
	    "What is done with mail in which a signature matched.",
	    CONFIG_AT_ONCE },
	{ "action", "incomplete", SETTING_CHOICE, FIELD(action_incomplete), 0,
	    0, NULL, verdict_actions, "accept",
	    "What is done with mail that met a limit, or of which a part "
	    "could not be read. This happens to large honest mail, too; "
	    "strict sites set \"quarantine\" or \"reject\". What is accepted "
	    "is labelled.",
	    CONFIG_BY_ENGINE },
	{ "action", "encrypted", SETTING_CHOICE, FIELD(action_encrypted), 0, 0,
	    NULL, verdict_actions, "accept",
	    "What is done with mail that is encrypted, or has a part that is, "
	    "so that nobody looked inside. What is accepted is labelled.",
	    CONFIG_BY_ENGINE },
	{ "action", "late", SETTING_CHOICE, FIELD(action_late), 0, 0, NULL,
	    fault_actions, "tempfail",
	    "What is done with mail whose reply is due while its scan still "
	    "runs. With \"tempfail\" the sender tries again, and finds the "
	    "verdict. \"hold\" accepts it into the MTA's quarantine until the "
	    "verdict is there. \"accept\" lets it through unscanned, labelled "
	    "so.",
	    CONFIG_AT_ONCE },
	{ "action", "late_submission", SETTING_CHOICE,
	    FIELD(action_late_submission), 0, 0, NULL, fault_actions,
	    "tempfail",
	    "What is done with mail from authenticated clients and from the "
	    "sendmail command whose reply is due while its scan still runs. "
	    "Mail programs don't try again by themselves, so \"hold\" spares "
	    "their users a mail that stays in the Outbox. It needs "
	    "vscan-release.",
	    CONFIG_AT_ONCE },
	{ "action", "unscannable", SETTING_CHOICE, FIELD(action_unscannable), 0,
	    0, NULL, verdict_actions, "reject",
	    "What is done with mail whose scans have failed deadline.failures "
	    "times by its own doing.",
	    CONFIG_AT_ONCE },
	{ "action", "error", SETTING_CHOICE, FIELD(action_error), 0, 0, NULL,
	    fault_actions, "tempfail",
	    "What is done with mail that could not be scanned, through a "
	    "fault of the scanner's own: no engine, no room, a worker that "
	    "was killed. \"accept\" lets it through unscanned, labelled so.",
	    CONFIG_AT_ONCE },
	{ "action", "macro", SETTING_CHOICE, FIELD(action_macro), 0, 0, NULL,
	    heuristic_actions, "off",
	    "What is done with mail that has a document with macros. With "
	    "\"off\" nobody looks for them.",
	    CONFIG_BY_ENGINE },
	{ "action", "phishing", SETTING_CHOICE, FIELD(action_phishing), 0, 0,
	    NULL, heuristic_actions, "off",
	    "What is done with mail that a heuristic of libclamav's takes for "
	    "phishing. With \"off\" the heuristic isn't used. Phishing that "
	    "has a signature is infected, whatever stands here.",
	    CONFIG_BY_ENGINE },
	{ "action", "pua", SETTING_CHOICE, FIELD(action_pua), 0, 0, NULL,
	    heuristic_actions, "off",
	    "What is done with mail that has a possibly unwanted application. "
	    "With \"off\" nobody looks for these.",
	    CONFIG_BY_ENGINE },

	{ "reply", "infected", SETTING_TEMPLATE, FIELD(reply_infected), 1, 400,
	    NULL, NULL, "Message contains a virus: %v",
	    "Text of the SMTP reply where action.infected refuses a message. "
	    "%v is the name of what was found.",
	    CONFIG_AT_ONCE },
	{ "reply", "incomplete", SETTING_TEMPLATE, FIELD(reply_incomplete), 1,
	    400, NULL, NULL, "Message could not be scanned completely",
	    "Text of the SMTP reply where action.incomplete refuses a "
	    "message. %v is the reason.",
	    CONFIG_AT_ONCE },
	{ "reply", "encrypted", SETTING_TEMPLATE, FIELD(reply_encrypted), 1,
	    400, NULL, NULL, "Encrypted content is not accepted here",
	    "Text of the SMTP reply where action.encrypted refuses a message. "
	    "%v is the kind of encryption.",
	    CONFIG_AT_ONCE },
	{ "reply", "macro", SETTING_TEMPLATE, FIELD(reply_macro), 1, 400, NULL,
	    NULL, "Documents with macros are not accepted here",
	    "Text of the SMTP reply where action.macro refuses a message. %v "
	    "is the kind of document.",
	    CONFIG_AT_ONCE },
	{ "reply", "phishing", SETTING_TEMPLATE, FIELD(reply_phishing), 1, 400,
	    NULL, NULL, "Message looks like phishing: %v",
	    "Text of the SMTP reply where action.phishing refuses a message. "
	    "%v is the name of the heuristic.",
	    CONFIG_AT_ONCE },
	{ "reply", "pua", SETTING_TEMPLATE, FIELD(reply_pua), 1, 400, NULL,
	    NULL, "Message contains unwanted software: %v",
	    "Text of the SMTP reply where action.pua refuses a message. %v is "
	    "the name of what was found.",
	    CONFIG_AT_ONCE },
	{ "reply", "late", SETTING_TEMPLATE, FIELD(reply_late), 1, 400, NULL,
	    NULL, "Virus scan still running, please try again later",
	    "Text of the SMTP reply where action.late or "
	    "action.late_submission defers a message. %v is the reason.",
	    CONFIG_AT_ONCE },
	{ "reply", "unscannable", SETTING_TEMPLATE, FIELD(reply_unscannable), 1,
	    400, NULL, NULL, "Message could not be scanned: %v",
	    "Text of the SMTP reply where action.unscannable refuses a "
	    "message. %v is the reason.",
	    CONFIG_AT_ONCE },
	{ "reply", "error", SETTING_TEMPLATE, FIELD(reply_error), 1, 400, NULL,
	    NULL,
	    "Virus scanner temporarily unavailable, please try again later",
	    "Text of the SMTP reply where action.error defers a message. %v "
	    "is the reason.",
	    CONFIG_AT_ONCE },
};

const size_t settings_count = LENGTH(settings);

static_assert(LENGTH(settings) <= SETTINGS_MAX, "raise SETTINGS_MAX");

const struct setting *
setting_find(const char *section, const char *name)
{
	for (size_t i = 0; i < settings_count; i++)
		if (strcmp(settings[i].name, name) == 0 &&
		    strcmp(settings[i].section, section) == 0)
			return &settings[i];
	return NULL;
}

const struct setting *
setting_at(size_t offset)
{
	size_t i = 0;

	while (settings[i].offset != offset) {
		i++;
		assert(i < settings_count);
	}
	return &settings[i];
}

const char *
setting_name(const struct setting *setting, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", setting->section,
	    setting->section[0] != '\0' ? "." : "", setting->name);
	return out;
}
