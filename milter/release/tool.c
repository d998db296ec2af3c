/* tool - runs one of the MTA's programs and listens to what it says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/tool.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "release/command.h"

static void
take_complaint(void *context, const char *line)
{
	struct tool *tool = context;

	if (tool->expected != NULL && strstr(line, tool->expected) != NULL)
		tool->said_expected = true;
	text_line(tool->last, sizeof tool->last, line);
}

static void
take_output(void *context, const char *line)
{
	struct tool *tool = context;

	if (tool->output != NULL)
		tool->output(tool->context, line);
	else
		take_complaint(context, line);
}

bool
tool_run(struct tool *tool, int64_t limit, const char *const *argv)
{
	const struct command command = { .argv = argv,
		.limit = limit,
		.output = take_output,
		.complaint = take_complaint,
		.context = tool,
		.enough = tool->hasty ? &tool->said_expected : NULL };
	struct error err;
	int status;

	tool->said_expected = false;
	tool->last[0] = '\0';
	if (command_run(&command, &status, &err) != ERROR_NONE)
		text_line(tool->last, sizeof tool->last, err.text);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	else if (tool->last[0] == '\0')
		snprintf(tool->last, sizeof tool->last, "%s failed, status %#x",
		    argv[0], (unsigned)status);
	return false;
}
