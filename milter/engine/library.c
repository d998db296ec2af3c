/* library - one compiled set of signatures and how to scan with it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/library.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "engine/canary.h"
#include "engine/messages.h"

/* A set with a thousand broken rules shall not write a thousand lines. */
#define LOG_LINES 20

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The types of signatures that find something, in libclamav's words.  What is
 * not here allows, ignores or sets something, or only helps others: "fp" and
 * "sfp", "phishing" (which may be a list of what is allowed), "pwdb", "idb". */
static const char *const detecting_types[] = {
	"cbc",
	"cdb",
	"db",
	"hdb",
	"hdu",
	"hsb",
	"hsu",
	"imp",
	"ldb",
	"ldu",
	"mdb",
	"mdu",
	"msb",
	"msu",
	"ndb",
	"ndu",
	"yara",
};

static enum error_code
refused(cl_error_t code, const char *what, struct error *err)
{
	return error_set(err, ERROR_ENGINE, "%s: %s", what, cl_strerror(code));
}

/* What libclamav said of the file that it stumbled over, if it did. */
static enum error_code
load_failed(cl_error_t code, const char *path, struct error *err)
{
	/* If memory was short, the files are not to blame. */
	enum error_code kind = code == CL_EMEM ? ERROR_ENGINE : ERROR_INPUT;
	const struct messages *said = messages_get();
	const char *text = said->file_error;

	if (*text == '\0')
		text = said->last_error;
	if (*text == '\0')
		text = "no reason given";
	return error_set(err, kind, "signatures in %s: %s: %s", path,
	    cl_strerror(code), text);
}

/* What is not looked for can't be found: a heuristic whose action is "off"
 * must not hide what else a message has.  The phishing signatures stay: they
 * are names of real mail, "infected" like any other; action.phishing is about
 * the guess at a URL. */
static void
choose_options(struct library *library, const struct config *config)
{
	library->db_options = CL_DB_PHISHING | CL_DB_BYTECODE;
	if (config->action_phishing != ACTION_OFF)
		library->db_options |= CL_DB_PHISHING_URLS;
	if (config->action_pua != ACTION_OFF)
		library->db_options |= CL_DB_PUA;
	library->options.parse = ~0u;
	/* All that is found is reported.  Otherwise libclamav would report any
	 * one of several heuristics, such as an encrypted archive, and not the
	 * forged URL. */
	library->options.general = CL_SCAN_GENERAL_HEURISTICS |
	    CL_SCAN_GENERAL_ALLMATCHES;
	library->options.heuristic = CL_SCAN_HEURISTIC_EXCEEDS_MAX |
	    CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE |
	    CL_SCAN_HEURISTIC_ENCRYPTED_DOC;
	if (config->action_macro != ACTION_OFF)
		library->options.heuristic |= CL_SCAN_HEURISTIC_MACROS;
}

static enum error_code
set_limits(struct library *library, const struct config *config,
    struct error *err)
{
	const struct {
		enum cl_engine_field field;
		uint64_t value;
	} settings[] = {
		{ CL_ENGINE_MAX_SCANSIZE, config->engine_max_scan_size },
		{ CL_ENGINE_MAX_FILESIZE, config->engine_max_file_size },
		{ CL_ENGINE_MAX_FILES, config->engine_max_files },
		{ CL_ENGINE_MAX_RECURSION, config->engine_max_recursion },
		/* Time is limited from outside, by deadline.scan_cpu: this
		 * one does not hold inside of a layer. */
		{ CL_ENGINE_MAX_SCANTIME, 0 },
		/* The clean cache of 1.4 goes by MD5, so that the harmless
		 * twin of a collision hides the other, and it keeps "clean"
		 * that was said because the scratch was full. */
		{ CL_ENGINE_DISABLE_CACHE, 1 },
		/* Where libclamav has a compiler for bytecode, too: what it
		 * makes would be memory that can be executed (sandbox.h). */
		{ CL_ENGINE_BYTECODE_MODE, CL_BYTECODE_MODE_INTERPRETER },
	};
	cl_error_t code;
	size_t i;

	library->max_file_size = config->engine_max_file_size;
	for (i = 0; i < sizeof settings / sizeof *settings; i++) {
		code = cl_engine_set_num(library->engine, settings[i].field,
		    (long long)settings[i].value);
		if (code != CL_SUCCESS)
			return refused(code, "setting a limit", err);
	}
	library->max_html = (uint64_t)cl_engine_get_num(library->engine,
	    CL_ENGINE_MAX_HTMLNORMALIZE, NULL);
	library->max_script = (uint64_t)cl_engine_get_num(library->engine,
	    CL_ENGINE_MAX_SCRIPTNORMALIZE, NULL);
	return ERROR_NONE;
}

static enum error_code
create_engine(struct library *library, const struct config *config,
    struct error *err)
{
	cl_error_t code = cl_init(CL_INIT_DEFAULT);

	if (code != CL_SUCCESS)
		return refused(code, "cl_init", err);
	library->engine = cl_engine_new();
	if (library->engine == NULL)
		return refused(CL_EMEM, "cl_engine_new", err);
	choose_options(library, config);
	attachments_plan_make(&library->parts, config, library_version());
	return set_limits(library, config, err);
}

/* libclamav is about to load one signature of this type. */
static int
count_signature(const char *type, const char *name, unsigned custom,
    void *context)
{
	struct library *library = context;

	(void)name;
	(void)custom;
	for (size_t i = 0; i < LENGTH(detecting_types); i++)
		if (strcmp(detecting_types[i], type) == 0) {
			library->signatures++;
			break;
		}
	return 0;
}

/* A load that runs out of memory half way can still return success. */
static enum error_code
load_path(struct library *library, const char *path, struct error *err)
{
	unsigned loaded = 0;
	cl_error_t code = cl_load(path, library->engine, &loaded,
	    library->db_options);

	if (code == CL_SUCCESS && messages_get()->allocation_failed)
		code = CL_EMEM;
	return code == CL_SUCCESS ? ERROR_NONE : load_failed(code, path, err);
}

/* Everything that a verdict depends on but the message: the signatures, the
 * programs, and the settings that decide what is looked for, what is given up
 * on, and which of several findings counts (classify.h).  No pointer and no
 * padding is among it, so that it is the same on every host. */
static void
set_name(struct library *library, const struct config *config)
{
	const uint64_t settings[] = {
		library->options.general,
		library->options.heuristic,
		library->db_options,
		config->engine_max_scan_size,
		config->engine_max_file_size,
		config->engine_max_files,
		config->engine_max_recursion,
		config->engine_scratch,
		config->engine_worker_memory,
		(uint64_t)config->deadline_scan_cpu,
		(uint64_t)config->action_encrypted,
		(uint64_t)config->action_incomplete,
		(uint64_t)config->action_macro,
		(uint64_t)config->action_phishing,
		(uint64_t)config->action_pua,
	};
	unsigned char digest[crypto_generichash_BYTES_MIN];
	crypto_generichash_state state;
	char versions[128];

	snprintf(versions, sizeof versions, "%s %s", VSCAN_VERSION,
	    cl_retver());
	crypto_generichash_init(&state, NULL, 0, sizeof digest);
	crypto_generichash_update(&state, library->contents.digest,
	    sizeof library->contents.digest);
	crypto_generichash_update(&state, (const unsigned char *)versions,
	    strlen(versions) + 1);
	crypto_generichash_update(&state, (const unsigned char *)settings,
	    sizeof settings);
	crypto_generichash_final(&state, digest, sizeof digest);
	sodium_bin2hex(library->name, sizeof library->name, digest,
	    (sizeof library->name - 1) / 2);
}

static enum error_code
read_sigset(struct library *library, const struct config_strings *database,
    struct error *err)
{
	enum error_code code;

	code = sigset_read(database, &library->sigset, err);
	if (code == ERROR_NONE && library->sigset.files == 0)
		code = error_set(err, ERROR_INPUT, "no signatures in %s%s",
		    database->count > 0 ? database->items[0]
					: "engine.database",
		    database->count > 1 ? " and the other places" : "");
	return code;
}

/* What libclamav loads without complaint may be nothing but exceptions and
 * settings, and then every mail would be clean. */
static enum error_code
load_all(struct library *library, const struct config_strings *database,
    struct error *err)
{
	enum error_code code = ERROR_NONE;

	cl_engine_set_clcb_sigload(library->engine, count_signature, library);
	for (size_t i = 0; i < database->count && code == ERROR_NONE; i++)
		code = load_path(library, database->items[i], err);
	/* The canary is not one of them. */
	cl_engine_set_clcb_sigload(library->engine, NULL, NULL);
	if (code == ERROR_NONE && library->signatures == 0)
		code = error_set(err, ERROR_INPUT,
		    "the signature files in %s%s find nothing: no signature "
		    "is in them, but for exceptions and settings",
		    database->items[0],
		    database->count > 1 ? " and the other places" : "");
	return code;
}

/* While libclamav loads the files, a thread reads what they are. */
static enum error_code
load_and_read(struct library *library, const struct config_strings *database,
    struct error *err)
{
	struct contents_reader reader;
	enum error_code code, read;
	struct error unread;

	code = contents_begin(&reader, database, err);
	if (code != ERROR_NONE)
		return code;
	code = load_all(library, database, err);
	read = contents_end(&reader, &library->contents, &unread);
	if (code == ERROR_NONE && read != ERROR_NONE) {
		*err = unread;
		code = read;
	}
	return code;
}

/* libclamav and the thread may have read a file that changed meanwhile in two
 * different versions.  Such a set gets a name that no other set has.  The
 * supervisor sees the change, and there will soon be another set. */
static enum error_code
check_unchanged(struct library *library, const struct config_strings *database,
    struct error *err)
{
	struct sigset now;
	enum error_code code = sigset_read(database, &now, err);

	if (code == ERROR_NONE &&
	    now.fingerprint != library->sigset.fingerprint)
		randombytes_buf(library->contents.digest,
		    sizeof library->contents.digest);
	return code;
}

enum error_code
library_load(struct library *library, const struct config *config,
    struct error *err)
{
	const struct config_strings *database = &config->engine_database;
	enum error_code code;

	memset(library, 0, sizeof *library);
	/* This is read before the load, so that a file that changes during the
	 * load counts as changed. */
	code = read_sigset(library, database, err);
	if (code != ERROR_NONE)
		return code;
	messages_install();
	messages_reset(LOG_LINES);
	code = create_engine(library, config, err);
	if (code == ERROR_NONE)
		code = load_and_read(library, database, err);
	if (code == ERROR_NONE)
		code = check_unchanged(library, database, err);
	if (code == ERROR_NONE)
		set_name(library, config);
	else
		library_fini(library);
	return code;
}

static enum error_code
load_canary(struct library *library, const struct canary *canary,
    const char *scratch, struct error *err)
{
	enum error_code code;
	char path[PATH_MAX + 16];

	snprintf(path, sizeof path, "%s/canary.ndb", scratch);
	code = canary_write(canary, path, err);
	if (code == ERROR_NONE)
		code = load_path(library, path, err);
	unlink(path);
	return code;
}

enum error_code
library_compile(struct library *library, const struct canary *canary,
    const char *scratch, struct error *err)
{
	enum error_code code;
	cl_error_t result;

	code = library_set_scratch(library, scratch, err);
	if (code == ERROR_NONE)
		code = load_canary(library, canary, scratch, err);
	if (code != ERROR_NONE)
		return code;
	result = cl_engine_compile(library->engine);
	if (result == CL_SUCCESS && messages_get()->allocation_failed)
		result = CL_EMEM;
	if (result != CL_SUCCESS)
		return refused(result, "compiling the signatures", err);
	return ERROR_NONE;
}

enum error_code
library_set_scratch(struct library *library, const char *path,
    struct error *err)
{
	cl_error_t code = cl_engine_set_str(library->engine, CL_ENGINE_TMPDIR,
	    path);

	if (code != CL_SUCCESS)
		return refused(code, "setting the scratch directory", err);
	return ERROR_NONE;
}

void
library_fini(struct library *library)
{
	if (library->engine != NULL)
		cl_engine_free(library->engine);
	library->engine = NULL;
}

const char *
library_version(void)
{
	return cl_retver();
}
