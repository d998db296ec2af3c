/* command - what a command of the milter protocol must look like
 *
 * libmilter takes the MTA's bytes apart without looking closely: after a list
 * of macros with a name and no value smfi_getsymval() reads behind its array,
 * and a host name without an end is read beyond the buffer.  So every command
 * is checked here before libmilter sees it (transport.h), and a peer that
 * breaks these rules loses its session, and nobody else's.
 *
 * What is demanded here no MTA fails to do: strings end with a NUL, macros
 * come in pairs, and each command has the strings that it is made of.  In
 * which order commands come is left to libmilter, but that negotiation is the
 * first, and comes once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_COMMAND_H
#define FILTER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* The commands that this filter names. */
enum {
	COMMAND_BODY = 'B',
	COMMAND_CONNECT = 'C',
	COMMAND_MACROS = 'D',
	COMMAND_END = 'E',
	COMMAND_HEADER = 'L',
	COMMAND_NEGOTIATE = 'O',
};

/* The largest command: a header may be that long, and a longer one would end
 * the session. */
#define COMMAND_MAX (1024 * 1024)

/* The largest of those that are lists of strings: an address, macros.  For
 * each string libmilter makes a pointer. */
#define COMMAND_STRINGS_MAX 65535

/* NULL if the command, of which data are the len bytes after its letter, is
 * as it has to be; else what is wrong with it, for the log.  first: no other
 * came before it in its session. */
const char *command_fault(char letter, const char *data, size_t len,
    bool first);

#endif
