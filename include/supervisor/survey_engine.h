/* survey_engine - whether an engine can load the signatures
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SURVEY_ENGINE_H
#define SUPERVISOR_SURVEY_ENGINE_H

struct config;
struct findings;

/* For -t only, since it takes as much time and memory as a start.  config is
 * changed if state_directory isn't there. */
void survey_engine(struct findings *findings, struct config *config);

#endif
