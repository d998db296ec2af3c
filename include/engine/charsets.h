/* charsets - the C library's character sets, in memory before they are needed
 *
 * libclamav and libxml2 ask iconv(3) for whatever character set a document
 * says that it is in, and glibc opens a module of that name then.  A worker
 * in its sandbox can't find the module, and may map nothing that can be
 * executed, so the document would stay unread.  Therefore the engine loads all
 * modules, and its workers inherit them (some 250 of 20 KB, shared; about 1 ms
 * more for a fork).
 *
 * A C library without such modules has its character sets in itself.
 *
 * The engine calls this before its first fork.  It can't be undone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_CHARSETS_H
#define ENGINE_CHARSETS_H

/* Returns how many modules it has loaded.  One that can't be loaded is left
 * out: a scan could not have loaded it either. */
unsigned charsets_load(void);

#endif
