/* config_helper - reads configurations for their tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config_helper.h"

int
helper_file_of(const void *data, size_t len)
{
	char path[] = "/tmp/test_config.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, data, len), len);
	return fd;
}

enum error_code
helper_load_bytes(const void *data, size_t len, struct config **config_r,
    struct error *err)
{
	int fd = helper_file_of(data, len);
	enum error_code code;

	memset(err, 0, sizeof(*err));
	code = config_load_fd(fd, "x.conf", config_r, err);
	assert_int_equal(close(fd), 0);
	if (code != ERROR_NONE) {
		assert_null(*config_r);
		assert_int_equal(code, err->code);
	} else {
		assert_int_equal(err->code, ERROR_NONE);
	}
	return code;
}

struct config *
helper_load(const char *text)
{
	struct config *config;
	struct error err;

	if (helper_load_bytes(text, strlen(text), &config, &err) != ERROR_NONE)
		fail_msg("%s: %s", text, err.text);
	return config;
}
