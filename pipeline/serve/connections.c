/* connections.c: the list of connections, and the thread that ends those that wait too long. */
#include "pipeline/serve/connections.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "base/thread.h"

#define MS_NS     INT64_C(1000000)
#define LIVELY_NS (100 * MS_NS)

enum { PHASE_BITS = 3, PHASE_MASK = (1 << PHASE_BITS) - 1, MAX_TICK_MS = 250 };

struct pri_connection {
    _Atomic int64_t word; /* since << PHASE_BITS | phase */
    int             fd;
    bool            surplus;
    atomic_bool     lively;

    /* the watcher's: bytes that had come at its first look since it is idle */
    int64_t  looked_since;
    uint64_t looked_bytes;

    pri_connections *all;
    pri_connection  *before, *after;
};

struct pri_connections {
    pri_connections_options options;
    pthread_mutex_t         lock; /* of the list: a socket in it is open */
    pthread_cond_t          tick;
    pthread_t               watcher;
    bool                    watches, ends;
    pri_connection         *first, *spare;
    _Atomic uint32_t        count, lively;
};

static pri_phase phase_of(int64_t word)
{
    return (pri_phase)(word & PHASE_MASK);
}

static int64_t since_of(int64_t word)
{
    return word >> PHASE_BITS;
}

static int64_t make_word(pri_phase phase, int64_t since_ns)
{
    return since_ns * (1 << PHASE_BITS) + (int64_t)phase;
}

bool pri_connection_move(pri_connection *connection, pri_phase phase)
{
    const int64_t next = make_word(phase, pr_now_ns());
    int64_t       word = atomic_load_explicit(&connection->word, memory_order_relaxed);
    do {
        if (phase_of(word) == PRI_CUT) return false;
    } while (!atomic_compare_exchange_weak(&connection->word, &word, next));

    if (phase == PRI_ASKING && !atomic_load_explicit(&connection->lively, memory_order_relaxed) &&
        !atomic_exchange(&connection->lively, true))
        atomic_fetch_add(&connection->all->lively, 1);
    return true;
}

bool pri_connection_is_surplus(const pri_connection *connection)
{
    return connection->surplus;
}

void pri_connection_excuse(pri_connection *connection, uint32_t status, const char *message)
{
    char        text[512];
    const char *name   = status == 408   ? "Request Timeout"
                         : status == 413 ? "Content Too Large"
                                         : "Service Unavailable";
    const int   length = snprintf(text, sizeof text,
                                  "HTTP/1.1 %u %s\r\nConnection: close\r\n%s"
                                    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
                                    "{\"error\":\"%s\"}",
                                  status, name, status == 503 ? "Retry-After: 1\r\n" : "",
                                  strlen(message) + 12, message);
    PR_ASSERT(length > 0 && (size_t)length < sizeof text);
    (void)!send(connection->fd, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(connection->fd, SHUT_WR);
    /* What came and was not read would have the kernel answer the close by a reset, which takes the
     * excuse back from a client that has not read it. */
    char drop[4096];
    for (int i = 0; i < 64 && recv(connection->fd, drop, sizeof drop, MSG_DONTWAIT) > 0; i++) {
    }
}

/* End a connection unless it went on since its word was read. */
static bool cut(pri_connection *connection, int64_t word)
{
    return atomic_compare_exchange_strong(&connection->word, &word, make_word(PRI_CUT, 0));
}

static void report(pri_connections *all, const char *why, uint32_t status)
{
    if (all->options.refused) all->options.refused(all->options.context, why, status);
}

/* Bytes that ever came in; 0 where the kernel does not say. */
static uint64_t bytes_received(int fd)
{
    struct tcp_info info  = { 0 };
    socklen_t       bytes = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0 ? info.tcpi_bytes_received : 0;
}

/* An idle connection: has a next request begun to come? Then its time runs. */
static void look_for_bytes(pri_connection *connection, int64_t word, int64_t now_ns)
{
    const uint64_t bytes = bytes_received(connection->fd);
    if (connection->looked_since != since_of(word)) {
        connection->looked_since = since_of(word);
        connection->looked_bytes = bytes;
    } else if (bytes != connection->looked_bytes) {
        atomic_compare_exchange_strong(&connection->word, &word, make_word(PRI_OPENED, now_ns));
    }
}

static void end_late(pri_connections *all, pri_connection *connection, int64_t word)
{
    const pri_phase phase = phase_of(word);
    if (!cut(connection, word)) return;

    if (phase == PRI_ASKING)
        pri_connection_excuse(connection, 408, "the request did not come in whole in time");
    if (phase == PRI_LEAVING) {
        /* The kernel is not to go on offering an answer to who does not take it. */
        const struct linger none = { .l_onoff = 1, .l_linger = 0 };
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    (void)shutdown(connection->fd, SHUT_RDWR);
    if (phase != PRI_IDLE) report(all, "deadline", phase == PRI_ASKING ? 408 : 0);
}

static void look(pri_connections *all, pri_connection *connection, int64_t now_ns)
{
    const int64_t   word   = atomic_load(&connection->word);
    const pri_phase phase  = phase_of(word);
    const int64_t   for_ns = now_ns - since_of(word);

    if (phase == PRI_IDLE && for_ns > LIVELY_NS && atomic_exchange(&connection->lively, false))
        atomic_fetch_sub(&all->lively, 1);
    if (phase == PRI_WHOLE || phase == PRI_CUT) return;
    if (for_ns > (phase == PRI_IDLE ? all->options.idle_ms : all->options.deadline_ms) * MS_NS)
        end_late(all, connection, word);
    else if (phase == PRI_IDLE)
        look_for_bytes(connection, word, now_ns);
}

/* How often to look: late by at most a quarter of the deadline. */
static int64_t tick_ns(const pri_connections_options *options)
{
    const uint32_t least =
        options->deadline_ms < options->idle_ms ? options->deadline_ms : options->idle_ms;
    const uint32_t ms = least / 4 < 1 ? 1 : least / 4 > MAX_TICK_MS ? MAX_TICK_MS : least / 4;
    return ms * MS_NS;
}

static void *watch(void *context)
{
    pri_connections *all = context;
    const int64_t    ns  = tick_ns(&all->options);

    pthread_mutex_lock(&all->lock);
    while (!all->ends) {
        if (!all->first) { /* nobody to watch: sleep until somebody comes */
            pthread_cond_wait(&all->tick, &all->lock);
            continue;
        }
        const int64_t at = pr_now_ns() + ns;
        while (!all->ends && pr_now_ns() < at) pri_cond_wait_until(&all->tick, &all->lock, at);
        const int64_t now = pr_now_ns();
        for (pri_connection *each = all->first; each; each = each->after) look(all, each, now);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

pr_status pri_connections_create(const pri_connections_options *options, pri_connections **out)
{
    pr_status        st  = PR_OK;
    pri_connections *all = NULL;

    *out = NULL;
    PR_NEW(all, 1);
    all->options = *options;
    pthread_mutex_init(&all->lock, NULL);
    (void)pri_cond_init(&all->tick);
    PR_TRY(pri_thread_start(watch, all, "the watcher of connections", &all->watcher));
    all->watches = true;
    *out         = all;
    all          = NULL;
done:
    pri_connections_free(all);
    return st;
}

void pri_connections_free(pri_connections *all)
{
    if (!all) return;
    if (all->watches) {
        pthread_mutex_lock(&all->lock);
        all->ends = true;
        pthread_cond_signal(&all->tick);
        pthread_mutex_unlock(&all->lock);
        pthread_join(all->watcher, NULL);
    }
    PR_ASSERT(!all->first);
    for (pri_connection *each = all->spare, *next = NULL; each; each = next) {
        next = each->after;
        pri_free(each);
    }
    pthread_cond_destroy(&all->tick);
    pthread_mutex_destroy(&all->lock);
    pri_free(all);
}

static bool waits_for_its_client(pri_phase phase)
{
    return phase == PRI_OPENED || phase == PRI_ASKING || phase == PRI_IDLE;
}

/* Cut the one that waited longest for its client; false: none does. */
static bool make_room(pri_connections *all)
{
    for (int tries = 0; tries < 8; tries++) {
        pri_connection *oldest      = NULL;
        int64_t         oldest_word = 0;
        for (pri_connection *each = all->first; each; each = each->after) {
            const int64_t word = atomic_load_explicit(&each->word, memory_order_relaxed);
            if (waits_for_its_client(phase_of(word)) &&
                (!oldest || since_of(word) < since_of(oldest_word))) {
                oldest      = each;
                oldest_word = word;
            }
        }
        if (!oldest) return false;
        if (!cut(oldest, oldest_word)) continue; /* it went on just now */

        const bool asked = phase_of(oldest_word) == PRI_ASKING;
        if (asked) pri_connection_excuse(oldest, 503, "too many connections");
        (void)shutdown(oldest->fd, SHUT_RDWR);
        report(all, "connections", asked ? 503 : 0);
        return true;
    }
    return false;
}

pri_connection *pri_connections_add(pri_connections *all, int fd)
{
    pthread_mutex_lock(&all->lock);
    pri_connection *added = all->spare;
    if (added)
        all->spare = added->after;
    else
        added = pri_calloc(1, sizeof *added);
    if (added) {
        const bool surplus = atomic_load(&all->count) >= all->options.most && !make_room(all);
        const bool first   = !all->first;
        *added = (pri_connection){ .fd = fd, .surplus = surplus, .all = all, .after = all->first };
        atomic_init(&added->word, make_word(PRI_OPENED, pr_now_ns()));
        if (all->first) all->first->before = added;
        all->first = added;
        atomic_fetch_add(&all->count, 1);
        if (first) pthread_cond_signal(&all->tick);
    }
    pthread_mutex_unlock(&all->lock);
    return added;
}

void pri_connections_remove(pri_connections *all, pri_connection *connection)
{
    if (!connection) return;
    pthread_mutex_lock(&all->lock);
    if (connection->before)
        connection->before->after = connection->after;
    else
        all->first = connection->after;
    if (connection->after) connection->after->before = connection->before;
    if (atomic_exchange(&connection->lively, false)) atomic_fetch_sub(&all->lively, 1);
    connection->after = all->spare;
    all->spare        = connection;
    atomic_fetch_sub(&all->count, 1);
    pthread_mutex_unlock(&all->lock);
}

uint32_t pri_connections_count(const pri_connections *all)
{
    return atomic_load_explicit(&((pri_connections *)(uintptr_t)all)->count, memory_order_relaxed);
}

uint32_t pri_connections_lively(const pri_connections *all)
{
    return atomic_load_explicit(&((pri_connections *)(uintptr_t)all)->lively, memory_order_relaxed);
}

uint32_t pri_connections_clear(pri_connections *all, int64_t asking_ns)
{
    uint32_t left = 0;

    pthread_mutex_lock(&all->lock);
    const int64_t now = pr_now_ns();
    for (pri_connection *each = all->first; each; each = each->after) {
        const int64_t   word  = atomic_load(&each->word);
        const pri_phase phase = phase_of(word);
        if (phase == PRI_CUT) continue;
        left++;
        if (!waits_for_its_client(phase)) continue;
        if (phase != PRI_IDLE && now - since_of(word) <= asking_ns) continue;
        if (!cut(each, word)) continue;
        if (phase == PRI_ASKING) pri_connection_excuse(each, 503, "the server ends");
        (void)shutdown(each->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&all->lock);
    return left;
}
