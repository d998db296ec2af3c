/* opaque - recognises mail that is encrypted, or that is not seen whole
 *
 * libclamav names encrypted archives and documents.  Mail that is itself
 * encrypted it passes as the text or the attachment that it looks like:
 * nothing is found where nobody could look.  Recognised here are
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
 * And of some mail libclamav 1.4 reads less than mail programs do, and says
 * nothing (mbox.c there): of a multipart/parallel, or a multipart/signed that
 * has not two parts with a signature as the second, one part only; nothing of
 * a part in whose headers there is a line of blanks, of a multipart in base64,
 * nor of a message that is encoded and begins with a header that libclamav
 * doesn't take for mail's.
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
