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
#include "engine/classify.h"

static const struct {
	struct finding finding;
	enum verdict_kind kind;
	const char *name;
} cases[] = {
	{ { .code = CL_CLEAN }, VERDICT_CLEAN, "" },
	{ { .code = CL_CLEAN, .complaints = 1 },
	    VERDICT_INCOMPLETE, "engine-warning" },
	{ { .code = CL_CLEAN, .oversize = true },
	    VERDICT_INCOMPLETE, "MaxFileSize" },
	{ { .code = CL_CLEAN, .unopened = true },
	    VERDICT_INCOMPLETE, "RAR-not-opened" },
	{ { .code = CL_CLEAN, .scratch_low = true },
	    VERDICT_INCOMPLETE, "scratch-full" },
	{ { .code = CL_CLEAN, .opaque = "S-MIME" },
	    VERDICT_ENCRYPTED, "S-MIME" },
	{ { .code = CL_CLEAN, .opaque = "PGP", .complaints = 1 },
	    VERDICT_INCOMPLETE, "engine-warning" },
	{ { .code = CL_VIRUS, .name = "Eicar-Test-Signature",
	    .complaints = 3, .oversize = true, .unopened = true,
	    .scratch_low = true, .opaque = "PGP" },
	    VERDICT_INFECTED, "Eicar-Test-Signature" },
	{ { .code = CL_VIRUS, .name = "My.Sig.UNOFFICIAL" },
	    VERDICT_INFECTED, "My.Sig.UNOFFICIAL" },
	{ { .code = CL_VIRUS, .name = "{HEX}php.shell 1" },
	    VERDICT_INFECTED, "-HEX-php.shell-1" },
	{ { .code = CL_VIRUS, .name = "Heuristics.W32.Parite.B" },
	    VERDICT_INFECTED, "Heuristics.W32.Parite.B" },
	{ { .code = CL_VIRUS, .name = NULL },
	    VERDICT_INCOMPLETE, "unnamed" },
	{ { .code = CL_VIRUS, .name = "" }, VERDICT_INCOMPLETE, "unnamed" },
	{ { .code = CL_VIRUS, .name = NULL, .oversize = true },
	    VERDICT_INCOMPLETE, "MaxFileSize" },
	{ { .code = CL_VIRUS,
	    .name = "Heuristics.Limits.Exceeded.MaxScanSize" },
	    VERDICT_INCOMPLETE, "MaxScanSize" },
	{ { .code = CL_VIRUS, .name = "Heuristics.Limits.Exceeded" },
	    VERDICT_INCOMPLETE, "limit" },
	{ { .code = CL_VIRUS, .name = "Heuristics.Encrypted.PDF" },
	    VERDICT_ENCRYPTED, "PDF" },
	{ { .code = CL_VIRUS, .name = "Heuristics.OLE2.ContainsMacros.VBA" },
	    VERDICT_MACRO, "VBA" },
	{ { .code = CL_VIRUS, .name = "Heuristics.OLE2.ContainsMacros" },
	    VERDICT_MACRO, "OLE2" },
	{ { .code = CL_VIRUS,
	    .name = "Heuristics.Phishing.Email.SpoofedDomain" },
	    VERDICT_PHISHING, "Email.SpoofedDomain" },
	{ { .code = CL_VIRUS, .name = "PUA.Win.Tool.X-1" },
	    VERDICT_PUA, "PUA.Win.Tool.X-1" },
	{ { .code = CL_EMAXREC }, VERDICT_INCOMPLETE, "MaxRecursion" },
	{ { .code = CL_EMAXSIZE }, VERDICT_INCOMPLETE, "MaxScanSize" },
	{ { .code = CL_EMAXFILES }, VERDICT_INCOMPLETE, "MaxFiles" },
	{ { .code = CL_ETIMEOUT }, VERDICT_INCOMPLETE, "MaxScanTime" },
	{ { .code = CL_EFORMAT }, VERDICT_INCOMPLETE, "broken-format" },
	{ { .code = CL_EUNPACK }, VERDICT_INCOMPLETE, "broken-archive" },
	{ { .code = CL_EMEM }, VERDICT_INCOMPLETE, "memory" },
	{ { .code = CL_EWRITE }, VERDICT_INCOMPLETE, "engine-error-write" },
	{ { .code = CL_BREAK }, VERDICT_INCOMPLETE, "engine-error-22" },
};

static void
test_classify_gives_each_answer_its_verdict(void **unused)
{
	struct verdict verdict;
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		verdict = classify(&cases[i].finding);
		assert_string_equal(verdict_kind_name(cases[i].kind),
		    verdict_kind_name(verdict.kind));
		assert_string_equal(cases[i].name, verdict.name);
	}
}

static void
test_classify_calls_no_error_clean_and_gives_each_a_name(void **unused)
{
	struct verdict verdict;
	int code;

	(void)unused;
	for (code = 1; code < 100; code++) {
		struct finding finding = { .code = (cl_error_t)code };

		verdict = classify(&finding);
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
	finding.name = name;
	verdict = classify(&finding);
	assert_int_equal(VERDICT_INFECTED, verdict.kind);
	assert_true(text_is_signature_name(verdict.name));
}

static void
test_classify_finds_complaints_and_errors_odd(void **unused)
{
	const struct finding clean = { .code = CL_CLEAN };
	const struct finding virus = { .code = CL_VIRUS, .name = "V" };
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
		    test_classify_calls_no_error_clean_and_gives_each_a_name),
		cmocka_unit_test(test_classify_cuts_a_name_that_is_too_long),
		cmocka_unit_test(
		    test_classify_finds_complaints_and_errors_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
