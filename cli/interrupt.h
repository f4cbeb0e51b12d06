/* interrupt.h: signals: Ctrl-C and SIGTERM as a flag that long work looks at, SIGHUP as a count,
 * and those that would end the process without a word. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

/* Catch SIGINT and SIGTERM, for a command that looks at the flag. Once, before any thread is made.
 */
void interrupt_install(void);

/* Count SIGHUP, for a command that loads its files again; once, as above. Without it the signal
 * ends the process. */
void                interrupt_install_reload(void);
const volatile int *interrupt_reloads(void); /* a number that changes with every SIGHUP */

/* Ignore SIGPIPE and SIGXFSZ, so that a closed pipe and a file size limit are failed writes and
 * not deaths. */
void interrupt_outlive_writes(void);

/* Let SIGBUS, which the kernel sends to who reads a mapped file behind its end, end the process
 * with a sentence and exit status 1. What the log has is whole; its run stays without an end. */
void interrupt_tell_bus_errors(void);

/* Give the flag: 0, or the exit status that tells of the signal that came, 130 or 143. */
const volatile int *interrupt_flag(void);

/* Give the name of the signal ("SIGINT"), and the exit status that tells of it. Without a
 * signal "a request" and 130. */
const char *interrupt_name(void);
int         interrupt_exit(void);

#endif
