/* cms - what kind of S/MIME object some bytes are
 *
 * libclamav takes an S/MIME object (PKCS#7, CMS: RFC 5652) for data and looks
 * no further: neither the encrypted nor the signed or compressed message in it
 * is scanned.  A signature beside the message (smime.p7s) holds none.
 *
 * Reads the first few fields only, which an attacker wrote; constant time, no
 * allocation, any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef COVERAGE_CMS_H
#define COVERAGE_CMS_H

#include <stddef.h>

enum cms_kind {
	CMS_NONE,      /* no such object, or one without a message */
	CMS_ENCRYPTED, /* enveloped, encrypted, authEnveloped */
	CMS_SIGNED,    /* the message is in it */
	CMS_COMPRESSED,
};

enum cms_kind cms_kind_of(const unsigned char *data, size_t size);

#endif
