/* opaque - recognises mail that is encrypted, or that is not seen whole
 *
 * libclamav names encrypted archives and documents.  Mail that is itself
 * encrypted it scans as the text or the attachment that it looks like, and
 * finds nothing, since it can't look inside.  This module recognises
 *
 *   multipart/encrypted         RFC 1847, 2.2 (PGP/MIME: RFC 3156)
 *   application/pkcs7-mime      RFC 8551, 3.2, but for signed-data,
 *                               certs-only and compressed-data
 *   -----BEGIN PGP MESSAGE----- RFC 4880, 6.2: at the beginning of a line of
 *                               a body, also if that is base64
 *
 * in the message itself, in its parts, and in forwarded messages that are not
 * encoded.
 *
 * This module also recognises mail of which libclamav 1.4 reads less than mail
 * programs do, without saying so (mbox.c there).  libclamav reads only one part
 * of a multipart/parallel, and of a multipart/signed unless it has two parts
 * with a signature as the second.  It reads nothing of a part whose headers
 * have a line of blanks, of a multipart in base64, and of an encoded message
 * that begins with a header that libclamav doesn't take for mail's.
 *
 * This reads what an attacker wrote, and belongs into a worker.
 * Linear in size, no allocation, any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef COVERAGE_OPAQUE_H
#define COVERAGE_OPAQUE_H

#include <stdbool.h>
#include <stddef.h>

/* The kind ("PGP-MIME", "S-MIME", "PGP"), a constant, or NULL if the message
 * has no such part.  *unread_r is a constant, too: what was not seen whole, or
 * NULL. */
const char *opaque_find(const char *data, size_t size, const char **unread_r);

/* True if data is a message that has to be decoded, or to be taken apart. */
bool opaque_is_mail(const char *data, size_t size);

#endif
