/* classify - what one answer of libclamav means as a verdict
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/classify.h"

#include <stdio.h>
#include <string.h>

/* Names that libclamav reports with CL_VIRUS and that are no signature of a
 * virus.  Where fallback is set the rest after prefix is the verdict's name,
 * or fallback if there is no rest. */
static const struct heuristic {
	const char *prefix;
	enum verdict_kind kind;
	const char *fallback;
} heuristics[] = {
	{ "Heuristics.Limits.Exceeded", VERDICT_INCOMPLETE, "limit" },
	{ "Heuristics.Encrypted.", VERDICT_ENCRYPTED, "part" },
	{ "Heuristics.OLE2.ContainsMacros", VERDICT_MACRO, "OLE2" },
	{ "Heuristics.Phishing.", VERDICT_PHISHING, "URL" },
	{ "PUA.", VERDICT_PUA, NULL },
};

/* Errors with a name that says more than the code's own. */
static const struct {
	cl_error_t code;
	const char *name;
} reasons[] = {
	{ CL_EMAXREC, "MaxRecursion" },
	{ CL_EMAXSIZE, "MaxScanSize" },
	{ CL_EMAXFILES, "MaxFiles" },
	{ CL_ETIMEOUT, "MaxScanTime" },
	{ CL_EFORMAT, "broken-format" },
	{ CL_EPARSE, "broken-format" },
	{ CL_EUNPACK, "broken-archive" },
	{ CL_EMEM, "memory" },
	{ CL_EOPEN, "engine-error-open" },
	{ CL_ECREAT, "engine-error-create" },
	{ CL_EUNLINK, "engine-error-unlink" },
	{ CL_ESTAT, "engine-error-stat" },
	{ CL_EREAD, "engine-error-read" },
	{ CL_ESEEK, "engine-error-seek" },
	{ CL_EWRITE, "engine-error-write" },
	{ CL_EDUP, "engine-error-dup" },
	{ CL_EACCES, "engine-error-access" },
	{ CL_ETMPFILE, "engine-error-tmpfile" },
	{ CL_ETMPDIR, "engine-error-tmpdir" },
	{ CL_EMAP, "engine-error-map" },
	{ CL_EBYTECODE, "engine-error-bytecode" },
};

static struct verdict
classify_heuristic(const struct heuristic *heuristic, const char *name)
{
	const char *rest = name + strlen(heuristic->prefix);

	if (heuristic->fallback == NULL)
		return verdict_make(heuristic->kind, name);
	if (*rest == '.')
		rest++;
	return verdict_make(heuristic->kind,
	    *rest != '\0' ? rest : heuristic->fallback);
}

static struct verdict
classify_match(const struct finding *finding)
{
	const char *name = finding->name;
	size_t i;

	/* A limit that the message itself exceeds comes without a name. */
	if (name == NULL || *name == '\0')
		return verdict_make(VERDICT_INCOMPLETE,
		    finding->oversize ? "MaxFileSize" : "unnamed");
	for (i = 0; i < sizeof heuristics / sizeof *heuristics; i++) {
		const char *prefix = heuristics[i].prefix;

		if (strncmp(name, prefix, strlen(prefix)) == 0)
			return classify_heuristic(&heuristics[i], name);
	}
	/* Sets from elsewhere have names such as "{HEX}php.shell": bytes that
	 * a name may not have are replaced, and the finding stands. */
	return verdict_make(VERDICT_INFECTED, name);
}

/* The only way to "clean". */
static struct verdict
classify_no_match(const struct finding *finding)
{
	if (finding->scratch_low)
		return verdict_make(VERDICT_INCOMPLETE, "scratch-full");
	if (finding->oversize)
		return verdict_make(VERDICT_INCOMPLETE, "MaxFileSize");
	if (finding->unopened)
		return verdict_make(VERDICT_INCOMPLETE, "RAR-not-opened");
	if (finding->complaints > 0)
		return verdict_make(VERDICT_INCOMPLETE, "engine-warning");
	if (finding->opaque != NULL)
		return verdict_make(VERDICT_ENCRYPTED, finding->opaque);
	return verdict_make(VERDICT_CLEAN, "");
}

static struct verdict
classify_error(cl_error_t code)
{
	char name[32];
	size_t i;

	for (i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].code == code)
			return verdict_make(VERDICT_INCOMPLETE,
			    reasons[i].name);
	snprintf(name, sizeof name, "engine-error-%d", (int)code);
	return verdict_make(VERDICT_INCOMPLETE, name);
}

struct verdict
classify(const struct finding *finding)
{
	if (finding->code == CL_VIRUS)
		return classify_match(finding);
	if (finding->code == CL_CLEAN)
		return classify_no_match(finding);
	return classify_error(finding->code);
}

bool
classify_is_odd(const struct finding *finding)
{
	return finding->complaints > 0 || finding->scratch_low ||
	    (finding->code != CL_CLEAN && finding->code != CL_VIRUS);
}
