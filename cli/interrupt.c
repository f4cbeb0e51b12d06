/* interrupt.c: Ctrl-C and SIGTERM as a flag that long work looks at.
 *
 * The first signal asks, the second one ends the process at once. SIGINT is caught even where the
 * shell made it ignored (jobs behind `&` in scripts): whoever sends it by hand means it.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The one variable of the process that a signal handler may write: the exit status to come. */
static volatile int stop_status;

static void on_signal(int number)
{
    if (__atomic_exchange_n(&stop_status, 128 + number, __ATOMIC_RELAXED) != 0) _exit(128 + number);
}

void interrupt_install(void)
{
    struct sigaction catch;

    memset(&catch, 0, sizeof catch);
    catch.sa_handler = on_signal;
    catch.sa_flags   = SA_RESTART;
    sigemptyset(&catch.sa_mask);
    (void)sigaction(SIGINT, &catch, NULL);
    (void)sigaction(SIGTERM, &catch, NULL);
}

void interrupt_outlive_writes(void)
{
    struct sigaction ignore;

    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL);
}

const volatile int *interrupt_flag(void)
{
    return &stop_status;
}

const char *interrupt_name(void)
{
    switch (stop_status) {
    case 128 + SIGINT: return "SIGINT";
    case 128 + SIGTERM: return "SIGTERM";
    default: return "a request";
    }
}

int interrupt_exit(void)
{
    return stop_status ? stop_status : 128 + SIGINT;
}
