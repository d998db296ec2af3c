/* lane_attachments - what a lane's worker asks in the middle of a scan
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "lane_attachments.h"

#include <sodium.h>
#include <string.h>

#include "base/monotime.h"
#include "config/config.h"

/* How long a worker waits for another worker's scan of the same part (at most
 * deadline.slow_after), and how often it looks whether that has ended. */
#define PATIENCE_PER_BYTE (MONOTIME_S / 100000)
#define AGAIN (5 * MONOTIME_MS)

void
lane_attachments_init(struct lane_attachments *parts,
    const struct config *config)
{
	memset(parts, 0, sizeof *parts);
	parts->config = config;
	parts->again_at = MONOTIME_NEVER;
}

void
lane_attachments_share(struct lane_attachments *parts,
    struct attachment_table *set)
{
	parts->set = parts->config->cache_attachments > 0 ? set : NULL;
}

void
lane_attachments_spawned(struct lane_attachments *parts)
{
	if (parts->set != NULL)
		parts->list.worker = attachment_table_worker(parts->set);
}

uint32_t
lane_attachments_begin(struct lane_attachments *parts)
{
	parts->questions = 0;
	parts->known = 0;
	parts->again_at = MONOTIME_NEVER;
	return parts->set != NULL ? WIRE_ASK : 0;
}

static bool
read_key(struct key *key, const char *text)
{
	size_t len;

	return strlen(text) == 2 * sizeof key->bytes &&
	    sodium_hex2bin(key->bytes, sizeof key->bytes, text, strlen(text),
		NULL, &len, NULL) == 0 &&
	    len == sizeof key->bytes;
}

/* A worker that doesn't take its answer is dead or will be. */
static void
send_answer(uint64_t job, bool known, int worker)
{
	struct wire_message message = wire_make(WIRE_ATTACHMENT_ANSWER);
	struct error err;

	message.id = job;
	message.status = known;
	if (wire_send(worker, &message, -1, &err) != ERROR_NONE)
		return;
}

void
lane_attachments_again(struct lane_attachments *parts, uint64_t job, int worker)
{
	int64_t now = monotime_now();
	enum attachment_answer answer;

	answer = attachment_table_ask(parts->set, &parts->list, &parts->key,
	    now < parts->patient_until, now);
	parts->again_at = MONOTIME_NEVER;
	parts->known += answer == ATTACHMENT_KNOWN;
	if (answer == ATTACHMENT_BUSY)
		parts->again_at = now + AGAIN;
	else
		send_answer(job, answer == ATTACHMENT_KNOWN, worker);
}

bool
lane_attachments_take(struct lane_attachments *parts,
    const struct wire_message *question, int worker)
{
	int64_t patience = parts->config->deadline_slow_after;

	if (parts->set == NULL || parts->again_at != MONOTIME_NEVER ||
	    ++parts->questions > WIRE_ATTACHMENTS_MAX ||
	    !read_key(&parts->key, question->text))
		return false;
	if (question->value < (uint64_t)(patience / PATIENCE_PER_BYTE))
		patience = (int64_t)question->value * PATIENCE_PER_BYTE;
	parts->patient_until = monotime_after(patience);
	lane_attachments_again(parts, question->id, worker);
	return true;
}

void
lane_attachments_end(struct lane_attachments *parts, bool clean)
{
	parts->again_at = MONOTIME_NEVER;
	if (parts->set != NULL)
		attachment_table_end(parts->set, &parts->list, clean,
		    monotime_now());
}

void
lane_attachments_revoke(struct lane_attachments *parts)
{
	if (parts->set != NULL)
		attachment_table_revoke(parts->set, parts->list.worker);
}
