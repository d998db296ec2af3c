/* error - fills in the one error struct
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum error_code
error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	err->code = code;
	err->sys_errno = 0;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	return code;
}

enum error_code
error_sys(struct error *err, int sys_errno, const char *fmt, ...)
{
	char reason[128];
	size_t used;
	va_list ap;

	if (err == NULL)
		return ERROR_SYSTEM;
	err->code = ERROR_SYSTEM;
	err->sys_errno = sys_errno;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof err->text - used, ": %s",
	    strerror_r(sys_errno, reason, sizeof reason));
	return ERROR_SYSTEM;
}
