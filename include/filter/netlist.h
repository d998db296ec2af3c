/* netlist - networks, and whether a client is in one of them
 *
 * A list is built once from checked settings; then any thread may read it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_NETLIST_H
#define FILTER_NETLIST_H

#include <stdbool.h>

#include "base/error.h"

struct config_strings;
struct netlist;
struct sockaddr;

/* Each item is ADDRESS[/BITS], IPv4 or IPv6. */
CHECK_RESULT enum error_code netlist_create(const struct config_strings
						*networks,
    struct netlist **list_r, struct error *err);
void netlist_destroy(struct netlist **list);

/* False for NULL and for what is no Internet address.  The address of an IPv4
 * client that came in over IPv6 (::ffff:a.b.c.d) counts as its IPv4 address. */
bool netlist_contains(const struct netlist *list,
    const struct sockaddr *address);

#endif
