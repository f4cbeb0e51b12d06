/* http.c: starting the library's threads, and ending them. */
#include "pipeline/serve/http.h"

#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "pipeline/serve/http_calls.h"

#define MS_NS INT64_C(1000000)

enum {
    SPARE_PLACES = 64, /* of connections beyond the limit: others are cut for them, or they get an
                          excuse */
    /* Of a connection, for headers and as a buffer: the library clears all of it with every
       request, which at its default of 32 KiB is a sixteenth of the thread's time. */
    MEMORY         = 16 << 10,
    SPARE_FILES    = 64, /* that the process has open beside connections */
    STOP_ASKING_MS = 200 /* for who is in the midst of a request when the server ends */
};

/* Let as many files be open as there may be connections. */
static void want_files(uint32_t connections)
{
    struct rlimit limit;
    const rlim_t  wanted = (rlim_t)connections + SPARE_PLACES + SPARE_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        pr_diag(
            PR_WARN,
            "--http.max-connections is %u, but this process may open only %llu files (ulimit -n)",
            connections, (unsigned long long)limit.rlim_cur);
}

static void warn_of_strangers(const pri_http *http)
{
    if (http->listener.loopback) return;
    if (http->bearer.bytes == 0)
        pr_diag(
            PR_WARN,
            "%s can be reached from other machines, and anybody there may ask, load checkpoints "
            "and read features: set --token-file, or put a reverse proxy before it",
            http->listener.url);
    else
        pr_diag(
            PR_WARN,
            "%s can be reached from other machines; tokens and answers travel unencrypted: put a "
            "reverse proxy with TLS before it",
            http->listener.url);
}

/* Start the library's threads, which signals do not interrupt. */
static pr_status start_daemon(pri_http *http)
{
    pr_status      st   = PR_OK;
    const uint32_t pool = http->options.threads > 1 ? http->options.threads : 0;
    /* The library deals its limit out to the threads, but connections come to them as they like;
     * connections.h counts them all. */
    const unsigned int limit =
        (http->options.max_connections + SPARE_PLACES) * (pool > 0 ? pool : 1);
    sigset_t before;

    pri_signals_block(&before);
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        pri_http_on_request, http, MHD_OPTION_EXTERNAL_LOGGER, pri_http_on_words, http,
        MHD_OPTION_LISTEN_SOCKET, http->listener.fd, MHD_OPTION_CONNECTION_LIMIT, limit,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_THREAD_POOL_SIZE, pool, MHD_OPTION_NOTIFY_CONNECTION, pri_http_on_connection,
        http, MHD_OPTION_NOTIFY_COMPLETED, pri_http_on_end, http, MHD_OPTION_URI_LOG_CALLBACK,
        pri_http_on_line, http, MHD_OPTION_END);
    pri_signals_restore(&before);
    PR_CHECK(http->daemon, PR_E_LIBRARY,
             "libmicrohttpd %s cannot start %u threads with epoll for %s", MHD_get_version(),
             http->options.threads, http->listener.url);
done:
    return st;
}

static void free_http(pri_http *http)
{
    if (!http) return;
    if (http->daemon) MHD_stop_daemon(http->daemon);
    pri_connections_free(http->connections);
    for (uint32_t i = 0; i < PRI_MAX_WORKERS; i++) pri_exchange_free_spare(&http->worker[i]);
    if (http->listener.fd >= 0) close(http->listener.fd);
    pthread_mutex_destroy(&http->lock);
    explicit_bzero(&http->bearer, sizeof http->bearer);
    pri_free(http);
}

pr_status pri_http_start(const pr_http_options *options, const pri_http_handlers *handlers,
                         pri_http **out)
{
    pr_status st   = PR_OK;
    pri_http *http = NULL;

    *out = NULL;
    PR_TRY(pr_options_check(&pr_http_option_table, options));
    PR_NEW(http, 1);
    pthread_mutex_init(&http->lock, NULL);
    http->listener.fd    = -1;
    http->options        = *options;
    http->handlers       = *handlers;
    http->allowance.most = options->max_memory;
    if (options->token_file[0] != '\0') PR_TRY(pri_bearer_read(options->token_file, &http->bearer));
    PR_TRY(pri_listen(options->listen, &http->listener));
    want_files(options->max_connections);

    const pri_connections_options watched = { .most        = options->max_connections,
                                              .deadline_ms = options->deadline_ms,
                                              .idle_ms     = options->idle_ms,
                                              .refused     = pri_http_report,
                                              .context     = http };
    PR_TRY(pri_connections_create(&watched, &http->connections));
    PR_TRY(start_daemon(http));
    warn_of_strangers(http);
    *out = http;
    http = NULL;
done:
    free_http(http);
    return st;
}

const char *pri_http_url(const pri_http *http)
{
    return http->listener.url;
}

uint32_t pri_http_num_connections(const pri_http *http)
{
    return pri_connections_count(http->connections);
}

uint32_t pri_http_num_lively(const pri_http *http)
{
    return pri_connections_lively(http->connections);
}

static void nap(void)
{
    const struct timespec ms = { .tv_nsec = 1000000 };
    nanosleep(&ms, NULL);
}

void pri_http_quiesce(pri_http *http)
{
    if (atomic_exchange(&http->quiet, true)) return;

    /* Whom the kernel accepted already would be reset: let the library have them. */
    struct pollfd waiting = { .fd = http->listener.fd, .events = POLLIN };
    for (int ms = 0; ms < 100 && poll(&waiting, 1, 0) > 0; ms++) nap();
    if (MHD_quiesce_daemon(http->daemon) != MHD_INVALID_SOCKET) {
        close(http->listener.fd);
        http->listener.fd = -1;
    }
}

void pri_http_stop(pri_http *http)
{
    if (!http) return;
    pri_http_quiesce(http);

    /* The library must not be ended while a connection is suspended. */
    const int64_t until = pr_now_ns() + http->options.deadline_ms * MS_NS;
    while ((pri_connections_clear(http->connections, STOP_ASKING_MS * MS_NS) > 0 &&
            pr_now_ns() < until) ||
           atomic_load(&http->num_kept) > 0)
        nap();
    free_http(http);
}
