/* row_reader.c: groups of rows on their way from a file.
 *
 * Each class, urgent and early, has a queue: a ring of rows, those of its groups one behind the
 * other, sorted within a group. Reads are cut from the front of a queue when their turn comes
 * (read_plan.h), and take their rows along: so rows leave a queue in the order they came, however
 * late a read is.
 *
 *     ring of rows   ....[ group 7: 12 15 16 90 ][ group 9: 3 4 ]....
 *                                   ^ begun so far: the next read begins here
 *
 * A group is read when all its rows were begun and none of its reads is left. Of a group that
 * failed nothing more is begun; what was begun comes to its end, so that the failure of its first
 * row is the one that is told, whatever came first.
 */
#include "cache/row_reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "cache/read_engine.h"

enum { NUM_GROUPS = PRI_READER_GROUPS, PAGE = 4096 };
enum { URGENT, EARLY, NUM_CLASSES };

typedef struct group {
    uint64_t    number;    /* 0: never used */
    size_t      waiting;   /* rows not yet begun */
    uint32_t    num_reads; /* begun and not settled, naps included */
    uint32_t    in_flight; /* of them, now with the kernel */
    bool        told;      /* its costs were given to who waited */
    uint64_t    reads_again;
    int64_t     disk_ns, since_ns; /* since_ns: when in_flight became 1 */
    pri_failure failure;           /* of the lowest row; FINE: none */
    uint32_t    next;              /* group behind it in the queue */
} group;

typedef struct queue {
    pri_write *ring;        /* [mask + 1] */
    size_t     head, tail;  /* rows begun, rows entered, ever */
    uint32_t   first, last; /* groups; NUM_GROUPS: none */
} queue;

struct pri_row_reader {
    pri_read_file   file;
    pri_read_layout layout;
    pri_read_target target;
    pr_vid          num_rows;
    size_t          max_rows, mask;

    pthread_mutex_t lock;
    pthread_cond_t  work; /* threads: something to begin */
    pthread_cond_t  read; /* waiters: a group is read */
    uint32_t        num_waiting;
    bool            asleep; /* the engine begins nothing before it is woken */
    bool            ending;
    uint64_t        num_groups; /* entered so far */
    pri_failure     forgotten;  /* of a group that nobody waited for */
    group          *groups;     /* [NUM_GROUPS] group g is at g % NUM_GROUPS */
    queue           queue[NUM_CLASSES];
    pri_read       *idle;           /* reads to be had */
    pri_read       *again;          /* reads to be asked for again */
    pri_write      *sorted, *spare; /* [max_rows] of pri_row_reader_enter */

    pri_read              *reads; /* [depth] */
    uint32_t               depth;
    char                  *buffers; /* [depth] of layout.most_bytes, up to a page */
    pri_write             *rows;    /* rings, sorted, spare, and the rows that reads carry */
    size_t                 buffers_bytes, rows_bytes;
    const pri_read_engine *calls;
    void                  *engine;
    char                   text[160];
};

static bool is_read(const group *g)
{
    return g->waiting == 0 && g->num_reads == 0;
}

__attribute__((weak)) int64_t pri_read_outcome(uint64_t nth, uint64_t offset, size_t bytes,
                                               int64_t result)
{
    (void)nth;
    (void)offset;
    (void)bytes;
    return result;
}

/* Drop what is not begun of the first group of a queue. */
static void drop_rest(queue *q, group *g)
{
    q->head += g->waiting;
    g->waiting = 0;
}

/* Cut the next read from a queue; false: it is empty. Groups that failed are passed over. */
static bool cut(pri_row_reader *own, queue *q, pri_read *read)
{
    while (q->first != NUM_GROUPS) {
        group *g = &own->groups[q->first];
        if (g->waiting) {
            read->group  = q->first;
            read->extent = pri_read_next(&own->layout, q->ring, own->mask, q->head, g->waiting);
            for (size_t i = 0; i < read->extent.num_rows; i++)
                read->rows[i] = q->ring[(q->head + i) & own->mask];
            q->head += read->extent.num_rows;
            g->waiting -= read->extent.num_rows;
            g->num_reads++;
            pri_read_begin(read);
            if (!g->waiting) q->first = g->next;
            return true;
        }
        q->first = g->next;
    }
    return false;
}

/* Take a read that naps no longer, or note when the next one is due. */
static pri_read *take_due(pri_row_reader *own, int64_t now, int64_t *due_ns)
{
    for (pri_read **at = &own->again; *at; at = &(*at)->next) {
        pri_read *read = *at;
        if (read->due_ns <= now) {
            *at = read->next;
            return read;
        }
        if (read->due_ns < *due_ns) *due_ns = read->due_ns;
    }
    return NULL;
}

static pri_read *take_new(pri_row_reader *own)
{
    pri_read *read = own->idle;

    if (!read || (!cut(own, &own->queue[URGENT], read) && !cut(own, &own->queue[EARLY], read)))
        return NULL;
    own->idle = read->next;
    return read;
}

static size_t begin_some(pri_row_reader *own, size_t most, pri_read **list, int64_t *due_ns)
{
    const int64_t now = pr_now_ns();
    size_t        n   = 0;

    *due_ns = INT64_MAX;
    if (own->ending) return 0;
    while (n < most) {
        pri_read *read = own->again ? take_due(own, now, due_ns) : NULL;
        if (!read) read = take_new(own);
        if (!read) break;
        group *g = &own->groups[read->group];
        if (g->in_flight++ == 0) g->since_ns = now;
        list[n++] = read;
    }
    return n;
}

static bool is_any_left(const pri_row_reader *own)
{
    return own->queue[URGENT].first != NUM_GROUPS || own->queue[EARLY].first != NUM_GROUPS;
}

/* Sleep until there may be something to do. */
static void sleep_until(pri_row_reader *own, int64_t due_ns)
{
    const struct timespec until = { .tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000 };

    if (due_ns == INT64_MAX) {
        (void)pthread_cond_wait(&own->work, &own->lock);
    } else {
        (void)pthread_cond_timedwait(&own->work, &own->lock, &until);
    }
}

size_t pri_reads_begin(pri_row_reader *own, pri_begin_mode mode, size_t most, pri_read **list,
                       int64_t *due_ns)
{
    int64_t due = INT64_MAX;
    size_t  n;

    pthread_mutex_lock(&own->lock);
    while ((n = begin_some(own, most, list, &due)) == 0 && mode == PRI_BEGIN_WAIT && !own->ending)
        sleep_until(own, due);
    /* Whoever could not take all there is comes back; else it sleeps until more is entered. */
    own->asleep = n < most;
    if (mode == PRI_BEGIN_WAIT && n > 0 && is_any_left(own)) pthread_cond_signal(&own->work);
    pthread_mutex_unlock(&own->lock);
    if (due_ns) *due_ns = due;
    return n;
}

bool pri_reads_ending(pri_row_reader *own)
{
    pthread_mutex_lock(&own->lock);
    const bool ending = own->ending;
    pthread_mutex_unlock(&own->lock);
    return ending;
}

void pri_reads_arrived(pri_row_reader *own, pri_read *read, int64_t result)
{
    static _Atomic uint64_t num_reads; /* of the process, for tests that count them */
    const uint64_t          nth = atomic_fetch_add_explicit(&num_reads, 1, memory_order_relaxed);

    pri_read_arrived(&own->target, read, pri_read_outcome(nth, read->offset, read->bytes, result));
}

/* Of two failures, keep the one of the lower row. */
static void keep_first(pri_failure *kept, const pri_failure *failure)
{
    if (kept->kind == PRI_READ_FINE || failure->row < kept->row) *kept = *failure;
}

static void settle(pri_row_reader *own, pri_read *read, int64_t now)
{
    group *g = &own->groups[read->group];

    if (--g->in_flight == 0) g->disk_ns += now - g->since_ns;
    if (read->state == PRI_READ_AGAIN && !own->ending) {
        g->reads_again++;
        read->next = own->again;
        own->again = read;
        return;
    }
    if (read->failure.kind != PRI_READ_FINE) {
        keep_first(&g->failure, &read->failure);
        for (size_t c = 0; c < NUM_CLASSES; c++)
            if (own->queue[c].first == read->group) drop_rest(&own->queue[c], g);
    }
    g->num_reads--;
    read->next = own->idle;
    own->idle  = read;
    if (is_read(g) && own->num_waiting) pthread_cond_broadcast(&own->read);
}

void pri_reads_settle(pri_row_reader *own, pri_read *const *list, size_t n)
{
    if (n == 0) return;
    pthread_mutex_lock(&own->lock);
    const int64_t now = pr_now_ns();
    for (size_t i = 0; i < n; i++) settle(own, list[i], now);
    pthread_mutex_unlock(&own->lock);
}

/* Put a group behind the others of its queue, its rows at the tail of the ring. */
static uint64_t append(pri_row_reader *own, queue *q, const pri_write *sorted, size_t n)
{
    /* Rows beyond the tail are this thread's alone. */
    for (size_t i = 0; i < n; i++) q->ring[(q->tail + i) & own->mask] = sorted[i];

    pthread_mutex_lock(&own->lock);
    const uint64_t number = own->num_groups + 1;
    const uint32_t at     = (uint32_t)(number % NUM_GROUPS);
    group         *g      = &own->groups[at];
    if (g->number && !g->told && g->failure.kind != PRI_READ_FINE)
        keep_first(&own->forgotten, &g->failure);
    *g              = (group){ .number = number, .waiting = n, .next = NUM_GROUPS };
    own->num_groups = number;
    q->tail += n;
    if (n && q->first == NUM_GROUPS)
        q->first = at;
    else if (n)
        own->groups[q->last].next = at;
    if (n) q->last = at;
    const bool wake = n && own->asleep;
    if (wake) own->asleep = false;
    if (n) pthread_cond_signal(&own->work);
    pthread_mutex_unlock(&own->lock);
    if (wake && own->calls->wake) own->calls->wake(own->engine);
    return number;
}

uint64_t pri_row_reader_enter(pri_row_reader *own, const pri_write *rows, size_t n, bool urgent,
                              pr_fetch_cost *cost)
{
    queue *q = &own->queue[urgent ? URGENT : EARLY];

    pthread_mutex_lock(&own->lock);
    const group *before = &own->groups[(own->num_groups + 1) % NUM_GROUPS];
    const bool   room   = n <= own->max_rows - (q->tail - q->head) && is_read(before);
    pthread_mutex_unlock(&own->lock);
    if (!room) return 0;

    const pri_write *sorted = pri_read_sort(rows, n, own->num_rows, own->sorted, own->spare);
    PR_ASSERT(n == 0 || sorted[n - 1].id < own->num_rows);
    pri_read_count(&own->layout, sorted, n, cost);
    return append(own, q, sorted, n);
}

pr_status pri_row_reader_wait(pri_row_reader *own, uint64_t number, pr_fetch_cost *cost)
{
    pr_status   st = PR_OK;
    pri_failure failure;
    group      *g = &own->groups[number % NUM_GROUPS];

    PR_CHECK(number > 0, PR_E_FULL, "%s: there was no room for rows to be read, of %zu",
             own->file.rows->path, own->max_rows);
    pthread_mutex_lock(&own->lock);
    PR_ASSERT(number <= own->num_groups);
    own->num_waiting++;
    while (g->number == number && !is_read(g)) (void)pthread_cond_wait(&own->read, &own->lock);
    own->num_waiting--;
    if (g->number == number) {
        failure = g->failure;
        if (!g->told) {
            cost->reads_again += g->reads_again;
            cost->disk_ns += g->disk_ns;
        }
        g->told = true;
    } else {
        failure = own->forgotten;
    }
    pthread_mutex_unlock(&own->lock);
    PR_TRY(pri_failure_raise(&failure, own->file.rows));
done:
    return st;
}

const char *pri_row_reader_describe(const pri_row_reader *own)
{
    return own->text;
}

/* Take all memory: pages are committed as reads use them. */
static pr_status take_memory(pri_row_reader *own)
{
    pr_status    st     = PR_OK;
    const size_t stride = (own->layout.most_bytes + PAGE - 1) / PAGE * PAGE;
    const size_t ring   = own->mask + 1;
    const size_t rows = NUM_CLASSES * ring + 2 * own->max_rows + own->depth * own->layout.most_rows;

    PR_NEW(own->groups, NUM_GROUPS);
    PR_NEW(own->reads, own->depth);
    own->buffers_bytes = own->depth * stride;
    own->buffers       = pri_pages_map(own->buffers_bytes, 0);
    PR_CHECK(own->buffers, PR_E_NOMEM, "cannot allocate %u buffers of %zu bytes for reads",
             own->depth, stride);
    own->rows_bytes = rows * sizeof *own->rows;
    own->rows       = pri_pages_map(own->rows_bytes, 0);
    PR_CHECK(own->rows, PR_E_NOMEM, "cannot allocate %zu bytes for rows to be read",
             own->rows_bytes);

    pri_write *at = own->rows;
    for (size_t c = 0; c < NUM_CLASSES; c++, at += ring)
        own->queue[c] = (queue){ .ring = at, .first = NUM_GROUPS, .last = NUM_GROUPS };
    own->sorted = at;
    own->spare  = at + own->max_rows;
    at += 2 * own->max_rows;
    for (uint32_t i = own->depth; i-- > 0;) {
        pri_read *read = &own->reads[i];
        read->buffer   = own->buffers + i * stride;
        read->rows     = at + i * own->layout.most_rows;
        read->next     = own->idle;
        own->idle      = read;
    }
done:
    return st;
}

static pr_status start_engine(pri_row_reader *own, const pri_row_reader_setup *setup)
{
    pr_status              st       = PR_OK;
    char                   why[96]  = "";
    const pri_engine_setup to_start = { .reader        = own,
                                        .fd            = own->file.fd,
                                        .depth         = own->depth,
                                        .thread_begins = setup->thread_begins,
                                        .context       = setup->context };

    own->calls = setup->io->engine == PR_IO_THREADS ? &pri_read_threads : &pri_read_uring;
    st         = own->calls->open(&to_start, &own->engine);
    if (st == PR_E_UNSUPPORTED && setup->io->engine == PR_IO_AUTO) {
        (void)snprintf(why, sizeof why, " (%s)", pr_error_message());
        own->calls = &pri_read_threads;
        st         = own->calls->open(&to_start, &own->engine);
    }
    PR_TRY(st);
    (void)snprintf(own->text, sizeof own->text, "%s%s, %s%s%s%s, %zu-byte %s, depth %u",
                   own->calls->name, why, own->file.direct ? "direct" : "page cache",
                   *own->file.why ? " (" : "", own->file.why, *own->file.why ? ")" : "",
                   own->file.block, own->file.direct ? "blocks" : "pages",
                   own->depth < own->calls->most_depth ? own->depth : own->calls->most_depth);
done:
    return st;
}

pr_status pri_row_reader_open(const pri_row_reader_setup *setup, pri_row_reader **out)
{
    pr_status          st  = PR_OK;
    pri_row_reader    *own = NULL;
    pthread_condattr_t monotonic;

    *out = NULL;
    PR_ASSERT(setup->file->row_bytes > 0 && setup->slot_bytes >= setup->file->row_bytes);
    PR_CHECK(setup->io->depth >= 1 && setup->io->depth <= 4096, PR_E_ARG,
             "io.depth is %u, must be in 1..4096", setup->io->depth);
    PR_NEW(own, 1);
    own->file.fd = -1;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&own->lock, NULL);
    (void)pthread_cond_init(&own->work, &monotonic);
    (void)pthread_cond_init(&own->read, NULL);
    (void)pthread_condattr_destroy(&monotonic);
    PR_TRY(pri_read_file_open(setup->file, setup->io->direct, &own->file));
    own->num_rows = setup->num_rows;
    own->max_rows = setup->max_rows;
    while (own->mask + 1 < own->max_rows) own->mask = 2 * own->mask + 1;
    own->depth  = setup->io->depth;
    own->layout = pri_read_layout_of(setup->file, setup->io, own->file.block, own->max_rows);
    own->target = (pri_read_target){ .file       = &own->file,
                                     .num_cols   = setup->num_cols,
                                     .slots      = setup->slots,
                                     .slot_bytes = setup->slot_bytes,
                                     .retries    = setup->io->retries };
    PR_TRY(take_memory(own));
    PR_TRY(start_engine(own, setup));
    *out = own;
    own  = NULL;
done:
    pri_row_reader_free(own);
    return st;
}

void pri_row_reader_free(pri_row_reader *own)
{
    if (!own) return;
    pthread_mutex_lock(&own->lock);
    own->ending = true;
    pthread_cond_broadcast(&own->work);
    pthread_mutex_unlock(&own->lock);
    if (own->engine) {
        if (own->calls->wake) own->calls->wake(own->engine);
        own->calls->free(own->engine);
    }
    pri_pages_unmap(own->rows, own->rows_bytes);
    pri_pages_unmap(own->buffers, own->buffers_bytes);
    pri_free(own->reads);
    pri_free(own->groups);
    pri_read_file_close(&own->file);
    (void)pthread_cond_destroy(&own->read);
    (void)pthread_cond_destroy(&own->work);
    (void)pthread_mutex_destroy(&own->lock);
    pri_free(own);
}
