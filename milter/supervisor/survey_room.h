/* survey_room - whether memory and disk are as large as the settings take them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SURVEY_ROOM_H
#define SUPERVISOR_SURVEY_ROOM_H

struct config;
struct findings;

void survey_room(struct findings *findings, const struct config *config);

#endif
