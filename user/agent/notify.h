/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/notify.h - what systemd is told, where it has started us: sd_notify(3)
 */
#ifndef AGENT_NOTIFY_H
#define AGENT_NOTIFY_H

/* "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1", lines of these. Where nobody listens, nothing happens. */
void notify__send(const char *state);

/* "RELOADING=1" with the time that Type=notify-reload wants. */
void notify__reloading(void);

/* Seconds within which WATCHDOG=1 has to be sent again: half of what is allowed; 0 = nobody waits for it. */
double notify__watchdog_s(void);

#endif
