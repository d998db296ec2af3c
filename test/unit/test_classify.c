/* test_classify - what an answer of libclamav means, as a table
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "config/config.h"
#include "engine/classify.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static const struct config defaults = {
	.action_incomplete = ACTION_ACCEPT,
	.action_encrypted = ACTION_ACCEPT,
};

/* One finding: what the scan returned, up to three names that it reported,
 * and what else was seen. */
static const struct {
	const char *names[3];
	struct finding finding;
	enum verdict_kind kind;
	const char *name;
} cases[] = {
	{ { NULL }, { .code = CL_CLEAN }, VERDICT_CLEAN, "" },
	{ { NULL }, { .code = CL_CLEAN, .complaints = 1 }, VERDICT_INCOMPLETE,
	    "engine-warning" },
	{ { NULL }, { .code = CL_CLEAN, .limit = "MaxFileSize" },
	    VERDICT_INCOMPLETE, "MaxFileSize" },
	{ { NULL }, { .code = CL_CLEAN, .unread = "RAR-not-opened" },
	    VERDICT_INCOMPLETE, "RAR-not-opened" },
	{ { NULL }, { .code = CL_CLEAN, .scratch_low = true },
	    VERDICT_INCOMPLETE, "scratch-full" },
	{ { NULL }, { .code = CL_CLEAN, .sealed = "S-MIME" }, VERDICT_ENCRYPTED,
	    "S-MIME" },
	{ { NULL }, { .code = CL_CLEAN, .sealed = "PGP", .complaints = 1 },
	    VERDICT_ENCRYPTED, "PGP" },
	{ { "Eicar-Test-Signature" },
	    { .code = CL_VIRUS,
		.complaints = 3,
		.scratch_low = true,
		.limit = "MaxFileSize",
		.unread = "ZIP-in-part",
		.sealed = "PGP" },
	    VERDICT_INFECTED, "Eicar-Test-Signature" },
	{ { "My.Sig.UNOFFICIAL" }, { .code = CL_VIRUS }, VERDICT_INFECTED,
	    "My.Sig.UNOFFICIAL" },
	{ { "First", "Second" }, { .code = CL_VIRUS }, VERDICT_INFECTED,
	    "First" },
	{ { "Found.Then.Failed" }, { .code = CL_EMEM }, VERDICT_INFECTED,
	    "Found.Then.Failed" },
	{ { "Heuristics.Limits.Exceeded.MaxFiles", "Real.Virus" },
	    { .code = CL_VIRUS }, VERDICT_INFECTED, "Real.Virus" },
	{ { "Real.Virus", "Heuristics.Limits.Exceeded.MaxFiles" },
	    { .code = CL_VIRUS }, VERDICT_INFECTED, "Real.Virus" },
	{ { "PUA.X", "Heuristics.Encrypted.Zip", "Real.Virus" },
	    { .code = CL_VIRUS }, VERDICT_INFECTED, "Real.Virus" },
	{ { "{HEX}php.shell 1" }, { .code = CL_VIRUS }, VERDICT_INFECTED,
	    "-HEX-php.shell-1" },
	{ { "Heuristics.W32.Parite.B" }, { .code = CL_VIRUS }, VERDICT_INFECTED,
	    "Heuristics.W32.Parite.B" },
	{ { NULL }, { .code = CL_VIRUS }, VERDICT_INCOMPLETE, "unnamed" },
	{ { "" }, { .code = CL_VIRUS }, VERDICT_INCOMPLETE, "unnamed" },
	{ { NULL }, { .code = CL_VIRUS, .limit = "MaxFileSize" },
	    VERDICT_INCOMPLETE, "MaxFileSize" },
	{ { "Heuristics.Limits.Exceeded.MaxScanSize" }, { .code = CL_VIRUS },
	    VERDICT_INCOMPLETE, "MaxScanSize" },
	{ { "Heuristics.Limits.Exceeded.MaxRecursion" },
	    { .code = CL_VIRUS, .unread = "ZIP-not-opened" },
	    VERDICT_INCOMPLETE, "MaxRecursion" },
	{ { "Heuristics.Limits.Exceeded" }, { .code = CL_VIRUS },
	    VERDICT_INCOMPLETE, "limit" },
	{ { "Heuristics.XZ.DicSizeLimit" }, { .code = CL_VIRUS },
	    VERDICT_INCOMPLETE, "XZ-dictionary" },
	{ { "Heuristics.Encrypted.PDF" }, { .code = CL_VIRUS },
	    VERDICT_ENCRYPTED, "PDF" },
	{ { "Heuristics.OLE2.ContainsMacros.VBA" }, { .code = CL_VIRUS },
	    VERDICT_MACRO, "VBA" },
	{ { "Heuristics.OLE2.ContainsMacros" }, { .code = CL_VIRUS },
	    VERDICT_MACRO, "OLE2" },
	{ { "Heuristics.Phishing.Email.SpoofedDomain" }, { .code = CL_VIRUS },
	    VERDICT_PHISHING, "Email.SpoofedDomain" },
	{ { "PUA.Win.Tool.X-1" }, { .code = CL_VIRUS }, VERDICT_PUA,
	    "PUA.Win.Tool.X-1" },
	{ { NULL }, { .code = CL_EMAXREC }, VERDICT_INCOMPLETE,
	    "MaxRecursion" },
	{ { NULL }, { .code = CL_EMAXSIZE }, VERDICT_INCOMPLETE,
	    "MaxScanSize" },
	{ { NULL }, { .code = CL_EMAXFILES }, VERDICT_INCOMPLETE, "MaxFiles" },
	{ { NULL }, { .code = CL_ETIMEOUT }, VERDICT_INCOMPLETE,
	    "MaxScanTime" },
	{ { NULL }, { .code = CL_EFORMAT }, VERDICT_INCOMPLETE,
	    "broken-format" },
	{ { NULL }, { .code = CL_EUNPACK }, VERDICT_INCOMPLETE,
	    "broken-archive" },
	{ { NULL }, { .code = CL_EMEM }, VERDICT_INCOMPLETE, "memory" },
	{ { NULL }, { .code = CL_EWRITE }, VERDICT_INCOMPLETE,
	    "engine-error-write" },
	{ { NULL }, { .code = CL_BREAK }, VERDICT_INCOMPLETE,
	    "engine-error-22" },
	/* An archive that is encrypted with its directory can't be opened; any
	 * other that stays shut is another matter. */
	{ { "Heuristics.Encrypted.7Zip" },
	    { .code = CL_VIRUS, .unread = "7Z-not-opened" }, VERDICT_ENCRYPTED,
	    "7Zip" },
};

static struct verdict
classify_with(const char *const *names, size_t count,
    const struct finding *finding, const struct config *config)
{
	struct finding noted = *finding;
	size_t i;

	for (i = 0; i < count; i++)
		classify_note(&noted, names[i]);
	return classify(&noted, config);
}

static void
test_classify_gives_each_answer_its_verdict(void **unused)
{
	struct verdict verdict;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(cases); i++) {
		verdict = classify_with(cases[i].names, LENGTH(cases[i].names),
		    &cases[i].finding, &defaults);
		assert_string_equal(verdict_kind_name(cases[i].kind),
		    verdict_kind_name(verdict.kind));
		assert_string_equal(cases[i].name, verdict.name);
	}
}

/* With one part that is encrypted and another that is something else, the
 * sender must not have the choice. */
static void
test_classify_takes_what_has_the_strictest_action(void **unused)
{
	static const struct {
		const char *name; /* besides an encrypted archive */
		const char *unread;
		struct config config;
		enum verdict_kind kind;
	} rows[] = {
		{ "Heuristics.OLE2.ContainsMacros.VBA", "",
		    { .action_macro = ACTION_REJECT,
			.action_encrypted = ACTION_ACCEPT },
		    VERDICT_MACRO },
		{ "Heuristics.OLE2.ContainsMacros.VBA", "",
		    { .action_macro = ACTION_QUARANTINE,
			.action_encrypted = ACTION_REJECT },
		    VERDICT_ENCRYPTED },
		{ "PUA.Tool", "",
		    { .action_pua = ACTION_DISCARD,
			.action_encrypted = ACTION_QUARANTINE },
		    VERDICT_PUA },
		{ "Heuristics.Phishing.URL", "",
		    { .action_phishing = ACTION_TEMPFAIL,
			.action_encrypted = ACTION_DISCARD },
		    VERDICT_PHISHING },
		{ "Heuristics.Limits.Exceeded.MaxFiles", "",
		    { .action_incomplete = ACTION_REJECT,
			.action_encrypted = ACTION_ACCEPT },
		    VERDICT_INCOMPLETE },
		{ NULL, "ZIP-in-part",
		    { .action_incomplete = ACTION_REJECT,
			.action_encrypted = ACTION_ACCEPT },
		    VERDICT_INCOMPLETE },
		{ NULL, "7Z-in-part",
		    { .action_incomplete = ACTION_REJECT,
			.action_encrypted = ACTION_ACCEPT },
		    VERDICT_INCOMPLETE },
		{ NULL, "ZIP-not-opened",
		    { .action_incomplete = ACTION_REJECT,
			.action_encrypted = ACTION_ACCEPT },
		    VERDICT_INCOMPLETE },
		/* It stays shut for being encrypted. */
		{ NULL, "7Z-not-opened",
		    { .action_incomplete = ACTION_REJECT,
			.action_encrypted = ACTION_ACCEPT },
		    VERDICT_ENCRYPTED },
		{ NULL, "ZIP-in-part",
		    { .action_incomplete = ACTION_ACCEPT,
			.action_encrypted = ACTION_ACCEPT },
		    VERDICT_ENCRYPTED },
	};
	struct verdict verdict;
	size_t i;

	(void)unused;
	for (i = 0; i < LENGTH(rows); i++) {
		const char *names[] = {
			"Heuristics.Encrypted.7Zip",
			rows[i].name,
		};
		struct finding finding = { .code = CL_VIRUS };

		strcpy(finding.unread, rows[i].unread);
		verdict = classify_with(names, LENGTH(names), &finding,
		    &rows[i].config);
		assert_string_equal(verdict_kind_name(rows[i].kind),
		    verdict_kind_name(verdict.kind));
	}
}

/* One archive is encrypted, and another one can't be opened either. */
static void
test_classify_excuses_one_archive_that_is_encrypted(void **unused)
{
	static const struct config strict = {
		.action_incomplete = ACTION_REJECT,
		.action_encrypted = ACTION_ACCEPT,
	};
	const char *name = "Heuristics.Encrypted.7Zip";
	struct finding finding = {
		.code = CL_VIRUS,
		.unread = "7Z-not-opened",
		.several = true,
	};

	(void)unused;
	assert_int_equal(VERDICT_INCOMPLETE,
	    classify_with(&name, 1, &finding, &strict).kind);
}

static void
test_classify_calls_no_error_clean_and_gives_each_a_name(void **unused)
{
	struct verdict verdict;
	int code;

	(void)unused;
	for (code = 1; code < 100; code++) {
		struct finding finding = { .code = (cl_error_t)code };

		verdict = classify(&finding, &defaults);
		assert_int_equal(VERDICT_INCOMPLETE, verdict.kind);
		assert_true(text_is_signature_name(verdict.name));
	}
}

static void
test_classify_cuts_a_name_that_is_too_long(void **unused)
{
	struct finding finding = { .code = CL_VIRUS };
	struct verdict verdict;
	char name[300];

	(void)unused;
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	classify_note(&finding, name);
	verdict = classify(&finding, &defaults);
	assert_int_equal(VERDICT_INFECTED, verdict.kind);
	assert_true(text_is_signature_name(verdict.name));
}

static void
test_classify_finds_complaints_and_errors_odd(void **unused)
{
	const struct finding clean = { .code = CL_CLEAN };
	const struct finding virus = { .code = CL_VIRUS };
	const struct finding warned = { .code = CL_CLEAN, .complaints = 1 };
	const struct finding low = { .code = CL_VIRUS, .scratch_low = true };
	const struct finding failed = { .code = CL_EMEM };

	(void)unused;
	assert_false(classify_is_odd(&clean));
	assert_false(classify_is_odd(&virus));
	assert_true(classify_is_odd(&warned));
	assert_true(classify_is_odd(&low));
	assert_true(classify_is_odd(&failed));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classify_gives_each_answer_its_verdict),
		cmocka_unit_test(
		    test_classify_takes_what_has_the_strictest_action),
		cmocka_unit_test(
		    test_classify_excuses_one_archive_that_is_encrypted),
		cmocka_unit_test(
		    test_classify_calls_no_error_clean_and_gives_each_a_name),
		cmocka_unit_test(test_classify_cuts_a_name_that_is_too_long),
		cmocka_unit_test(test_classify_finds_complaints_and_errors_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
