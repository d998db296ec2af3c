/* qf - reads a queue file of Sendmail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/qf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
qf_init(struct qf *qf, const struct release_mail *meant)
{
	memset(qf, 0, sizeof *qf);
	identity_init(&qf->identity, meant);
	qf->identity.has_size = true;
}

static void
take_header(struct qf *qf, const char *line)
{
	identity_take_header(&qf->identity, line);
	qf->identity.size += strlen(line) + 1;
}

/* Skips "?FLAGS?", which says which mailers want the header. */
static const char *
behind_flags(const char *line)
{
	const char *end = line[0] == '?' ? strchr(line + 1, '?') : NULL;

	return end != NULL ? end + 1 : line;
}

void
qf_take_line(void *context, const char *line)
{
	struct qf *qf = context;
	struct identity *identity = &qf->identity;

	if (qf->complete)
		return;
	if (line[0] == ' ' || line[0] == '\t') {
		if (qf->in_header)
			take_header(qf, line);
		return;
	}
	qf->in_header = line[0] == 'H';
	if (line[0] == 'H')
		take_header(qf, behind_flags(line + 1));
	else if (line[0] == 'T' && !identity->has_arrival)
		identity->has_arrival = sscanf(line + 1, "%" SCNd64,
					    &identity->arrived_at) == 1;
	else if (line[0] == '.')
		qf->complete = true;
}
