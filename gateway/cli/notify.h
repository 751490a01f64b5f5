/* notify.h - telling systemd how we are, without linking libsystemd: the protocol is one datagram (sd_notify(3)). */
#ifndef HOOKGATE_CLI_NOTIFY_H
#define HOOKGATE_CLI_NOTIFY_H

/* Sends "READY=1", "RELOADING=1\n...", "STOPPING=1", "STATUS=..." to $NOTIFY_SOCKET; does nothing where there is
 * none. */
void cli_notify(const char *state);

/* RELOADING=1 with the time that systemd wants beside it. */
void cli_notify_reloading(void);

#endif
