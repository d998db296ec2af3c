/* sealed - recognises files that are encrypted
 *
 * libclamav names encrypted ZIP, 7z, RAR and EGG archives and PDF documents.
 * Other encrypted files it scans as the data that they look like, and finds
 * nothing, since it can't look inside.  This module recognises, in any layer of
 * a message,
 *
 *   Office    Office documents: "EncryptedPackage" and rights management in
 *             OLE2; Word, Excel and PowerPoint 97 to 2003 with a password
 *   ODF       OpenDocument: what its manifest says
 *   PGP       OpenPGP messages (RFC 4880), in ASCII armour at the beginning
 *             of a line, or binary from their first byte
 *   S-MIME    enveloped, encrypted and authEnveloped data (cms.h)
 *
 * Mail that is encrypted as such is recognised by opaque.h.
 *
 * This reads what an attacker wrote, and belongs into a worker.  Linear in
 * size, no allocation, any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef COVERAGE_SEALED_H
#define COVERAGE_SEALED_H

#include <stddef.h>

/* The kind as above, a constant, or NULL.  type is libclamav's name for what
 * the bytes are; it may be NULL. */
const char *sealed_find(const char *type, const unsigned char *data,
    size_t size);

#endif
