/* callfilter - which system calls a process may still make (seccomp)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/callfilter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Where the low half of an argument's 64 bits is. */
#define LOW_HALF (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4)

static uint32_t
action_code(enum callfilter_action action)
{
	static const uint32_t codes[] = {
		[CALLFILTER_ALLOW] = SCMP_ACT_ALLOW,
		[CALLFILTER_KILL] = SCMP_ACT_KILL_PROCESS,
		[CALLFILTER_REFUSE] = SCMP_ACT_ERRNO(EPERM),
		[CALLFILTER_UNKNOWN] = SCMP_ACT_ERRNO(ENOSYS),
	};

	return codes[action];
}

/* libseccomp refuses a rule that says what is done anyway. */
static int
add(scmp_filter_ctx context, const struct callfilter_profile *profile,
    const struct callfilter_rule *rule)
{
	int number = seccomp_syscall_resolve_name(rule->call);
	struct scmp_arg_cmp condition = {
		.arg = rule->argument,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = rule->mask,
		.datum_b = rule->value,
	};

	if (number == __NR_SCMP_ERROR || rule->action == profile->others)
		return 0;
	return seccomp_rule_add_array(context, action_code(rule->action),
	    number, rule->mask != 0, &condition);
}

static int
add_list(scmp_filter_ctx context, const struct callfilter_profile *profile,
    const char *const *calls, enum callfilter_action action)
{
	int failed = 0;

	for (; calls != NULL && *calls != NULL && failed == 0; calls++) {
		struct callfilter_rule rule = {
			.call = *calls,
			.action = action,
		};

		failed = add(context, profile, &rule);
	}
	return failed;
}

/* Returns 0 or, as libseccomp does, a negative errno. */
static int
add_all(scmp_filter_ctx context, const struct callfilter_profile *profile)
{
	int failed;
	size_t i;

	failed = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS);
	if (failed == 0)
		failed = add_list(context, profile, profile->allowed,
		    CALLFILTER_ALLOW);
	for (i = 0; i < CALLFILTER_KILLED && failed == 0; i++)
		failed = add_list(context, profile, profile->killed[i],
		    CALLFILTER_KILL);
	for (i = 0; i < profile->rules_count && failed == 0; i++)
		failed = add(context, profile, &profile->rules[i]);
	return failed;
}

/* libseccomp 2.5 writes the code to a file only. */
static enum error_code
export_filter(scmp_filter_ctx context, struct callfilter *filter,
    struct error *err)
{
	enum error_code code;
	struct stat st;
	int fd, failed;

	code = fd_memory("callfilter", &fd, err);
	if (code != ERROR_NONE)
		return code;
	failed = seccomp_export_bpf(context, fd);
	if (failed != 0 || fstat(fd, &st) < 0) {
		code = error_sys(err, failed != 0 ? -failed : errno,
		    "compiling a filter for system calls");
		goto out;
	}
	filter->length = (size_t)st.st_size / sizeof(struct sock_filter);
	filter->code = malloc((size_t)st.st_size);
	if (filter->code == NULL ||
	    pread(fd, filter->code, (size_t)st.st_size, 0) != st.st_size)
		code = error_sys(err, errno, "reading a filter back");
out:
	fd_close(&fd);
	return code;
}

enum error_code
callfilter_compile(const struct callfilter_profile *profile,
    struct callfilter *filter_r, struct error *err)
{
	enum error_code code;
	scmp_filter_ctx context;
	int failed;

	filter_r->code = NULL;
	filter_r->length = 0;
	context = seccomp_init(action_code(profile->others));
	if (context == NULL)
		return error_set(err, ERROR_UNSUPPORTED,
		    "libseccomp does not start");
	failed = add_all(context, profile);
	if (failed != 0)
		code = error_set(err, ERROR_UNSUPPORTED,
		    "libseccomp refuses a rule for system calls: %s",
		    strerror(-failed));
	else
		code = export_filter(context, filter_r, err);
	seccomp_release(context);
	if (code != ERROR_NONE)
		callfilter_fini(filter_r);
	return code;
}

static enum error_code
load(const struct sock_fprog *program, struct error *err)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0)
		return error_sys(err, errno, "seccomp");
	return ERROR_NONE;
}

enum error_code
callfilter_load(const struct callfilter *filter, struct error *err)
{
	struct sock_fprog program = {
		.len = (unsigned short)filter->length,
		.filter = filter->code,
	};

	return load(&program, err);
}

enum error_code
callfilter_keep_signals(struct error *err)
{
	const uint32_t first = offsetof(struct seccomp_data, args) + LOW_HALF;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { .len = LENGTH(code), .filter = code };

	return load(&program, err);
}

static const char *
misspelt_in(const char *const *calls)
{
	for (; calls != NULL && *calls != NULL; calls++)
		if (seccomp_syscall_resolve_name(*calls) == __NR_SCMP_ERROR)
			return *calls;
	return NULL;
}

const char *
callfilter_misspelt(const struct callfilter_profile *profile)
{
	const char *found = misspelt_in(profile->allowed);
	size_t i;

	for (i = 0; i < CALLFILTER_KILLED && found == NULL; i++)
		found = misspelt_in(profile->killed[i]);
	for (i = 0; i < profile->rules_count && found == NULL; i++) {
		const char *const calls[] = { profile->rules[i].call, NULL };

		found = misspelt_in(calls);
	}
	return found;
}

void
callfilter_fini(struct callfilter *filter)
{
	free(filter->code);
	filter->code = NULL;
	filter->length = 0;
}
