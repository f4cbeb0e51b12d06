/* interrupt.c: signals: Ctrl-C and SIGTERM as a flag that long work looks at, SIGHUP as a count,
 * and those that would end the process without a word.
 *
 * The first signal asks, the second one ends the process at once. SIGINT is caught even where the
 * shell made it ignored (jobs behind `&` in scripts): whoever sends it by hand means it.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* All that signal handlers write: the exit status to come, and how often SIGHUP came. */
static volatile int stop_status;
static volatile int num_reloads;

static void on_signal(int number)
{
    if (__atomic_exchange_n(&stop_status, 128 + number, __ATOMIC_RELAXED) != 0) _exit(128 + number);
}

static void on_reload(int number)
{
    (void)number;
    (void)__atomic_fetch_add(&num_reloads, 1, __ATOMIC_RELAXED); /* wraps, by definition */
}

static void install(int number, void (*handler)(int))
{
    struct sigaction catch;

    memset(&catch, 0, sizeof catch);
    catch.sa_handler = handler;
    catch.sa_flags   = SA_RESTART;
    sigemptyset(&catch.sa_mask);
    (void)sigaction(number, &catch, NULL);
}

void interrupt_install(void)
{
    install(SIGINT, on_signal);
    install(SIGTERM, on_signal);
}

void interrupt_install_reload(void)
{
    install(SIGHUP, on_reload);
}

const volatile int *interrupt_reloads(void)
{
    return &num_reloads;
}

/* Only calls that a handler may make. Whatever was locked stays so: nothing but the end is left. */
static void on_bus_error(int number)
{
    static const char text[] =
        "packrat: a file that is mapped became shorter, or cannot be read any more, while it was "
        "in "
        "use (SIGBUS); rows of a file that may change are read with --cache.store direct\n";

    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

void interrupt_tell_bus_errors(void)
{
    struct sigaction tell;

    memset(&tell, 0, sizeof tell);
    tell.sa_handler = on_bus_error;
    sigemptyset(&tell.sa_mask);
    (void)sigaction(SIGBUS, &tell, NULL);
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
