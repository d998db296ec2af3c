/* config_helper - reads configurations for their tests
 *
 * Each is written to a temporary file and read as a file is, under the name
 * "x.conf".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_HELPER_H
#define CONFIG_HELPER_H

#include <stddef.h>

#include "base/error.h"

struct config;

/* An open file, at its beginning or not, with these bytes and no name. */
int helper_file_of(const void *data, size_t len);

/* config_load_fd() of these bytes.  *err is cleared first; its code and
 * *config_r are checked against the result. */
enum error_code helper_load_bytes(const void *data, size_t len,
    struct config **config_r, struct error *err);

/* The configuration that text makes, which must be sound. */
struct config *helper_load(const char *text);

#endif
