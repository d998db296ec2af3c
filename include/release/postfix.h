/* postfix - a mail in one Postfix instance: looked at, released, deleted
 *
 * Only through Postfix's own programs.  postcat finds and shows it; postsuper
 * acts on a name, the queue ID, and on what stands under it in the hold queue
 * at that moment.  Nothing can be checked between the two: for another mail
 * to be hit, the held one would have to go and a new one to get its queue ID
 * (inode and microsecond) and be held within those milliseconds.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_POSTFIX_H
#define RELEASE_POSTFIX_H

#include "wire/release.h"

/* directory is the instance's configuration directory.  mail is valid. */
void postfix_act(const char *directory, enum release_verb verb,
    const struct release_mail *mail, struct release_reply *reply_r);

#endif
