/* classify - what one answer of libclamav means as a verdict
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/classify.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"

/* Names that libclamav reports with CL_VIRUS and that are no signature of a
 * virus.  Where fallback is set the rest after prefix is the verdict's name,
 * or fallback if there is no rest. */
static const struct heuristic {
	const char *prefix;
	enum verdict_kind kind;
	const char *fallback;
} heuristics[] = {
	{ "Heuristics.Limits.Exceeded", VERDICT_INCOMPLETE, "limit" },
	{ "Heuristics.XZ.DicSizeLimit", VERDICT_INCOMPLETE, "XZ-dictionary" },
	{ "Heuristics.Encrypted.", VERDICT_ENCRYPTED, "part" },
	{ "Heuristics.OLE2.ContainsMacros", VERDICT_MACRO, "OLE2" },
	{ "Heuristics.Phishing.", VERDICT_PHISHING, "URL" },
	{ "PUA.", VERDICT_PUA, NULL },
};

/* Error codes for which this name says more than libclamav's own. */
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

/* Returns NULL for the name of a virus. */
static const struct heuristic *
find_heuristic(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof heuristics / sizeof *heuristics; i++)
		if (strncmp(name, heuristics[i].prefix,
			strlen(heuristics[i].prefix)) == 0)
			return &heuristics[i];
	return NULL;
}

void
classify_note(struct finding *finding, const char *name)
{
	const struct heuristic *heuristic;
	enum verdict_kind kind;

	if (name == NULL || *name == '\0')
		return;
	heuristic = find_heuristic(name);
	kind = heuristic != NULL ? heuristic->kind : VERDICT_INFECTED;
	if (finding->names[kind] == NULL)
		finding->names[kind] = name;
}

/* The part of a heuristic's name that says something; NULL if no name of that
 * kind was reported. */
static const char *
name_of(const struct finding *finding, enum verdict_kind kind)
{
	const char *name = finding->names[kind], *rest;
	const struct heuristic *heuristic;

	if (name == NULL)
		return NULL;
	heuristic = find_heuristic(name);
	if (heuristic == NULL || heuristic->fallback == NULL)
		return name;
	rest = name + strlen(heuristic->prefix);
	if (*rest == '.')
		rest++;
	return *rest != '\0' ? rest : heuristic->fallback;
}

/* True if encryption explains what was not read: an archive whose directory is
 * encrypted, too, can't be opened.  It does not explain what another archive
 * lacks. */
static bool
is_explained(const struct finding *finding)
{
	static const struct {
		const char *sealed;
		const char *unread;
	} pairs[] = {
		{ "7Zip", "7Z-not-opened" },
		{ "RAR", "RAR-not-opened" },
		{ "EGG", "EGG-not-opened" },
	};
	const char *sealed = name_of(finding, VERDICT_ENCRYPTED);
	size_t i;

	if (sealed == NULL || finding->several)
		return false;
	for (i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (strcmp(sealed, pairs[i].sealed) == 0 &&
		    strcmp(finding->unread, pairs[i].unread) == 0)
			return true;
	return false;
}

static const char *
error_reason(cl_error_t code, char *room, size_t size)
{
	size_t i;

	for (i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].code == code)
			return reasons[i].name;
	snprintf(room, size, "engine-error-%d", (int)code);
	return room;
}

/* Why it was not scanned completely, or NULL; may be in room. */
static const char *
incomplete_reason(const struct finding *finding, char *room, size_t size)
{
	if (finding->code != CL_CLEAN && finding->code != CL_VIRUS)
		return error_reason(finding->code, room, size);
	if (finding->names[VERDICT_INCOMPLETE] != NULL)
		return name_of(finding, VERDICT_INCOMPLETE);
	if (finding->scratch_low)
		return "scratch-full";
	if (finding->limit != NULL)
		return finding->limit;
	if (finding->unread[0] != '\0' && !is_explained(finding))
		return finding->unread;
	if (finding->complaints > 0)
		return "engine-warning";
	return NULL;
}

static const char *
reason_for(const struct finding *finding, enum verdict_kind kind, char *room,
    size_t size)
{
	const char *name;

	if (kind == VERDICT_INCOMPLETE)
		return incomplete_reason(finding, room, size);
	name = name_of(finding, kind);
	return name == NULL && kind == VERDICT_ENCRYPTED ? finding->sealed
							 : name;
}

static enum action
action_for(const struct config *config, enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_MACRO:
		return (enum action)config->action_macro;
	case VERDICT_PHISHING:
		return (enum action)config->action_phishing;
	case VERDICT_PUA:
		return (enum action)config->action_pua;
	case VERDICT_ENCRYPTED:
		return (enum action)config->action_encrypted;
	default:
		return (enum action)config->action_incomplete;
	}
}

struct verdict
classify(const struct finding *finding, const struct config *config)
{
	static const enum verdict_kind kinds[] = {
		VERDICT_MACRO,
		VERDICT_PHISHING,
		VERDICT_PUA,
		VERDICT_ENCRYPTED,
		VERDICT_INCOMPLETE,
	};
	enum verdict_kind found = VERDICT_CLEAN;
	const char *name = "", *reason;
	char room[32];
	size_t i;

	/* Sets from elsewhere have names such as "{HEX}php.shell": bytes that
	 * a name may not have are replaced, and the finding stands. */
	if (finding->names[VERDICT_INFECTED] != NULL)
		return verdict_make(VERDICT_INFECTED,
		    finding->names[VERDICT_INFECTED]);
	for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		reason = reason_for(finding, kinds[i], room, sizeof room);
		if (reason == NULL ||
		    (found != VERDICT_CLEAN &&
			action_for(config, kinds[i]) <=
			    action_for(config, found)))
			continue;
		found = kinds[i];
		name = reason;
	}
	/* libclamav 1.4 can report a match that has no name. */
	if (found == VERDICT_CLEAN && finding->code == CL_VIRUS)
		return verdict_make(VERDICT_INCOMPLETE, "unnamed");
	return verdict_make(found, name);
}

bool
classify_is_odd(const struct finding *finding)
{
	return finding->complaints > 0 || finding->scratch_low ||
	    (finding->code != CL_CLEAN && finding->code != CL_VIRUS);
}
