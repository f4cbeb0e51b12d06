/* read_desk.c: see read_desk.h.
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
#include "cache/read_desk.h"

#include <stdatomic.h>

#include "base/thread.h"

enum { NUM_GROUPS = PRI_READER_GROUPS };

void pri_desk_init(pri_read_desk *desk)
{
    (void)pthread_mutex_init(&desk->lock, NULL);
    (void)pri_cond_init(&desk->work);
    (void)pthread_cond_init(&desk->read, NULL);
    for (size_t c = 0; c < PRI_READ_CLASSES; c++)
        desk->queue[c].first = desk->queue[c].last = NUM_GROUPS;
}

void pri_desk_clear(pri_read_desk *desk)
{
    (void)pthread_cond_destroy(&desk->read);
    (void)pthread_cond_destroy(&desk->work);
    (void)pthread_mutex_destroy(&desk->lock);
}

static bool is_read(const pri_read_group *g)
{
    return g->waiting == 0 && g->num_reads == 0;
}

/* Drop what is not begun of a group that failed: it is the first of its queue, or all is begun. */
static void drop_rest(pri_read_desk *desk, uint32_t at)
{
    pri_read_group *g = &desk->groups[at];

    for (size_t c = 0; c < PRI_READ_CLASSES && g->waiting; c++) {
        pri_read_queue *q = &desk->queue[c];
        if (q->first != at) continue;
        q->head += g->waiting;
        q->first   = g->next;
        g->waiting = 0;
    }
    PR_ASSERT(!g->waiting);
}

/* Cut the next read from a queue; false: it is empty. The first group has rows that wait. */
static bool cut(pri_read_desk *desk, pri_read_queue *q, pri_read *read)
{
    if (q->first == NUM_GROUPS) return false;
    pri_read_group *g = &desk->groups[q->first];

    read->group  = q->first;
    read->extent = pri_read_next(&desk->layout, q->ring, desk->mask, q->head, g->waiting);
    for (size_t i = 0; i < read->extent.num_rows; i++)
        read->rows[i] = q->ring[(q->head + i) & desk->mask];
    pri_read_begin(read);
    q->head += read->extent.num_rows;
    g->waiting -= read->extent.num_rows;
    g->num_reads++;
    if (!g->waiting) q->first = g->next;
    return true;
}

/* Take a read that naps no longer, or note when the next one is due. */
static pri_read *take_due(pri_read_desk *desk, int64_t now, int64_t *due_ns)
{
    for (pri_read **at = &desk->again; *at; at = &(*at)->next) {
        pri_read *read = *at;
        if (read->due_ns <= now) {
            *at = read->next;
            return read;
        }
        if (read->due_ns < *due_ns) *due_ns = read->due_ns;
    }
    return NULL;
}

static pri_read *take_new(pri_read_desk *desk)
{
    pri_read *read = desk->idle;

    if (!read || (!cut(desk, &desk->queue[PRI_READ_URGENT], read) &&
                  !cut(desk, &desk->queue[PRI_READ_EARLY], read)))
        return NULL;
    desk->idle = read->next;
    return read;
}

static size_t begin_some(pri_read_desk *desk, size_t most, pri_read **list, int64_t *due_ns)
{
    const int64_t now = pr_now_ns();
    size_t        n   = 0;

    *due_ns = INT64_MAX;
    if (desk->ending) return 0;
    while (n < most) {
        pri_read *read = desk->again ? take_due(desk, now, due_ns) : NULL;
        if (!read) read = take_new(desk);
        if (!read) break;
        pri_read_group *g = &desk->groups[read->group];
        if (g->in_flight++ == 0) g->since_ns = now;
        list[n++] = read;
    }
    return n;
}

static bool is_any_left(const pri_read_desk *desk)
{
    return desk->queue[PRI_READ_URGENT].first != NUM_GROUPS ||
           desk->queue[PRI_READ_EARLY].first != NUM_GROUPS;
}

size_t pri_desk_begin(pri_read_desk *desk, pri_begin_mode mode, size_t most, pri_read **list,
                      int64_t *due_ns)
{
    int64_t due = INT64_MAX;
    size_t  n;

    pthread_mutex_lock(&desk->lock);
    while ((n = begin_some(desk, most, list, &due)) == 0 && mode == PRI_BEGIN_WAIT && !desk->ending)
        pri_cond_wait_until(&desk->work, &desk->lock, due);
    /* Whoever could not take all there is comes back; else it sleeps until more is entered. */
    desk->asleep = n < most;
    if (mode == PRI_BEGIN_WAIT && n > 0 && is_any_left(desk)) pthread_cond_signal(&desk->work);
    pthread_mutex_unlock(&desk->lock);
    if (due_ns) *due_ns = due;
    return n;
}

void pri_desk_close(pri_read_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->ending = true;
    pthread_cond_broadcast(&desk->work);
    pthread_mutex_unlock(&desk->lock);
}

bool pri_desk_is_closed(pri_read_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    const bool closed = desk->ending;
    pthread_mutex_unlock(&desk->lock);
    return closed;
}

void pri_desk_arrived(pri_read_desk *desk, pri_read *read, int64_t result)
{
    static _Atomic uint64_t num_reads; /* of the process, for tests that count them */
    const uint64_t          nth = atomic_fetch_add_explicit(&num_reads, 1, memory_order_relaxed);

    pri_read_arrived(&desk->target, read, pri_read_outcome(nth, read->offset, read->bytes, result));
}

/* Of two failures, keep the one of the lower row. */
static void keep_first(pri_failure *kept, const pri_failure *failure)
{
    if (kept->kind == PRI_READ_FINE || failure->row < kept->row) *kept = *failure;
}

static void settle(pri_read_desk *desk, pri_read *read, int64_t now)
{
    pri_read_group *g = &desk->groups[read->group];

    if (--g->in_flight == 0) g->disk_ns += now - g->since_ns;
    if (read->state == PRI_READ_AGAIN && !desk->ending) {
        g->reads_again++;
        read->next  = desk->again;
        desk->again = read;
        return;
    }
    if (read->failure.kind != PRI_READ_FINE) {
        keep_first(&g->failure, &read->failure);
        drop_rest(desk, read->group);
    }
    g->num_reads--;
    read->next = desk->idle;
    desk->idle = read;
    if (is_read(g) && desk->num_waiting) pthread_cond_broadcast(&desk->read);
}

void pri_desk_settle(pri_read_desk *desk, pri_read *const *list, size_t n)
{
    if (n == 0) return;
    pthread_mutex_lock(&desk->lock);
    const int64_t now = pr_now_ns();
    for (size_t i = 0; i < n; i++) settle(desk, list[i], now);
    pthread_mutex_unlock(&desk->lock);
}

bool pri_desk_has_room(pri_read_desk *desk, int class_of, size_t n, size_t max_rows)
{
    pri_read_queue *q = &desk->queue[class_of];

    pthread_mutex_lock(&desk->lock);
    if (q->head == q->tail) q->head = q->tail = 0; /* so that the ring's end is not touched */
    const pri_read_group *before = &desk->groups[(desk->num_groups + 1) % NUM_GROUPS];
    const bool            room   = n <= max_rows - (q->tail - q->head) && is_read(before);
    pthread_mutex_unlock(&desk->lock);
    return room;
}

uint64_t pri_desk_enter(pri_read_desk *desk, int class_of, const pri_write *sorted, size_t n,
                        bool *wake)
{
    pri_read_queue *q = &desk->queue[class_of];

    /* What is behind the tail is this thread's alone. */
    for (size_t i = 0; i < n; i++) q->ring[(q->tail + i) & desk->mask] = sorted[i];

    pthread_mutex_lock(&desk->lock);
    const uint64_t  number = ++desk->num_groups;
    const uint32_t  at     = (uint32_t)(number % NUM_GROUPS);
    pri_read_group *g      = &desk->groups[at];
    if (!g->told && g->failure.kind != PRI_READ_FINE) keep_first(&desk->forgotten, &g->failure);
    *g    = (pri_read_group){ .number = number, .waiting = n, .next = NUM_GROUPS };
    *wake = n > 0 && desk->asleep;
    if (n > 0) {
        if (q->first == NUM_GROUPS) {
            q->first = at;
        } else {
            desk->groups[q->last].next = at;
        }
        q->last = at;
        q->tail += n;
        desk->asleep = false;
        pthread_cond_signal(&desk->work);
    }
    pthread_mutex_unlock(&desk->lock);
    return number;
}

pri_failure pri_desk_wait(pri_read_desk *desk, uint64_t number, pr_fetch_cost *cost)
{
    pri_read_group *g = &desk->groups[number % NUM_GROUPS];
    pri_failure     failure;

    pthread_mutex_lock(&desk->lock);
    PR_ASSERT(number <= desk->num_groups);
    desk->num_waiting++;
    while (g->number == number && !is_read(g)) (void)pthread_cond_wait(&desk->read, &desk->lock);
    desk->num_waiting--;
    if (g->number == number) {
        failure = g->failure;
        if (!g->told) {
            cost->reads_again += g->reads_again;
            cost->disk_ns += g->disk_ns;
        }
        g->told = true;
    } else {
        failure = desk->forgotten;
    }
    pthread_mutex_unlock(&desk->lock);
    return failure;
}
