/* read_uring.c: one thread and an io_uring. It has as many reads in flight as the desk gives it,
 * and one system call takes what came and asks for more. While it waits in the kernel, an eventfd
 * that the ring polls wakes it when new rows are entered. */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <semaphore.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"
#include "cache/read_engine.h"

enum { MOST_IN_FLIGHT = 4096, MOST_BYTES = 1 << 30, MOST_IDLE_NS = 999999999 };

typedef struct uring {
    pri_engine_setup setup;
    struct io_uring  ring;
    bool             fixed_file; /* the kernel looks the file up once, not a read */
    int              bell;       /* eventfd */
    int              refused;    /* errno: why there is no ring */
    sem_t            tried;      /* refused is known */
    pthread_t        thread;
    uint32_t         in_flight;
    pri_read       **begun, **came; /* [depth] */
} uring;

static void ask(uring *own, pri_read *read)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&own->ring);

    PR_ASSERT(sqe); /* the ring has room for depth reads, the bell and a time-out */
    io_uring_prep_read(sqe, own->fixed_file ? 0 : own->setup.fd, read->to,
                       (unsigned)(read->bytes < MOST_BYTES ? read->bytes : MOST_BYTES),
                       read->offset);
    if (own->fixed_file) sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data(sqe, read);
    own->in_flight++;
}

static void listen_for_bell(uring *own)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&own->ring);

    PR_ASSERT(sqe);
    io_uring_prep_poll_add(sqe, own->bell, POLLIN);
    io_uring_sqe_set_data(sqe, &own->bell);
}

/* Submit, and wait for something: what was asked for, the bell, or the hour. */
static void wait_for_any(uring *own, int64_t due_ns)
{
    struct io_uring_cqe *cqe;
    int                  got;

    if (due_ns == INT64_MAX) {
        got = io_uring_submit_and_wait(&own->ring, 1);
    } else {
        const int64_t now  = pr_now_ns();
        int64_t       left = due_ns > now ? due_ns - now : 0;
        if (left > MOST_IDLE_NS) left = MOST_IDLE_NS;
        struct __kernel_timespec until = { .tv_sec = 0, .tv_nsec = left };
        got = io_uring_submit_and_wait_timeout(&own->ring, &cqe, 1, &until, NULL);
    }
    /* EBUSY, EAGAIN, ENOMEM: the kernel is short of something; what came is taken, then again. */
    if (got < 0 && got != -EINTR && got != -ETIME) (void)usleep(100);
}

/* Take all that came and give it back. */
static void take(uring *own)
{
    struct io_uring_cqe *cqe;
    unsigned             head, seen = 0;
    size_t               num = 0;

    io_uring_for_each_cqe(&own->ring, head, cqe)
    {
        void *const data = io_uring_cqe_get_data(cqe);
        seen++;
        if (data == &own->bell) {
            uint64_t rung;
            (void)!read(own->bell, &rung, sizeof rung);
            listen_for_bell(own);
        } else if (data && cqe->user_data != LIBURING_UDATA_TIMEOUT) {
            pri_desk_arrived(own->setup.desk, data, cqe->res);
            own->came[num++] = data;
        }
    }
    io_uring_cq_advance(&own->ring, seen);
    own->in_flight -= (uint32_t)num;
    pri_desk_settle(own->setup.desk, own->came, num);
}

/* Send something through the ring that does nothing: a filter of system calls may allow rings to be
 * made and refuse to enter them. Gives an errno. */
static int try_ring(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    int                  got;

    if (!sqe) return ENOSYS;
    io_uring_prep_nop(sqe);
    do {
        got = io_uring_submit_and_wait(ring, 1);
    } while (got == -EINTR);
    if (got >= 0) got = io_uring_peek_cqe(ring, &cqe);
    if (got < 0) return -got;
    io_uring_cqe_seen(ring, cqe);
    return 0;
}

/* Make the ring, on the thread that will use it: cheaper flags where the kernel knows them. */
static int make_ring(uring *own)
{
    static const unsigned flags[] = {
#ifdef IORING_SETUP_DEFER_TASKRUN
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
#endif
#ifdef IORING_SETUP_COOP_TASKRUN
        IORING_SETUP_COOP_TASKRUN,
#endif
        0
    };
    int error = EINVAL;

    for (size_t i = 0; i < sizeof flags / sizeof *flags && error == EINVAL; i++) {
        struct io_uring_params params = { .flags = flags[i] };
        error = -io_uring_queue_init_params(own->setup.depth + 2, &own->ring, &params);
    }
    if (error) return error;
    struct io_uring_probe *probe = io_uring_get_probe_ring(&own->ring);
    const bool             can   = probe && io_uring_opcode_supported(probe, IORING_OP_READ);
    io_uring_free_probe(probe);
    error = can ? try_ring(&own->ring) : ENOSYS;
    if (error) {
        io_uring_queue_exit(&own->ring);
        return error;
    }
    own->fixed_file = io_uring_register_files(&own->ring, &own->setup.fd, 1) == 0;
    return 0;
}

static void *serve(void *context)
{
    uring *own = context;

    if (own->setup.thread_begins) own->setup.thread_begins(own->setup.context);
    const int refused = own->refused = make_ring(own);
    (void)sem_post(&own->tried);
    if (refused) return NULL;
    listen_for_bell(own);
    for (;;) {
        int64_t      due_ns;
        const size_t num = pri_desk_begin(own->setup.desk, PRI_BEGIN_AT_ONCE,
                                          own->setup.depth - own->in_flight, own->begun, &due_ns);
        for (size_t i = 0; i < num; i++) ask(own, own->begun[i]);
        if (!own->in_flight && pri_desk_is_closed(own->setup.desk)) break;
        wait_for_any(own, due_ns);
        take(own);
    }
    io_uring_queue_exit(&own->ring);
    return NULL;
}

static void uring_wake(void *engine)
{
    const uring   *own = engine;
    const uint64_t one = 1;

    (void)!write(own->bell, &one, sizeof one);
}

static void release(uring *own)
{
    if (!own) return;
    if (own->bell >= 0) (void)close(own->bell);
    (void)sem_destroy(&own->tried);
    pri_free(own->begun);
    pri_free(own->came);
    pri_free(own);
}

static void uring_free(void *engine)
{
    uring *own = engine;

    if (own) (void)pthread_join(own->thread, NULL);
    release(own);
}

static pr_status uring_open(const pri_engine_setup *setup, void **out)
{
    pr_status st  = PR_OK;
    uring    *own = NULL;

    *out = NULL;
    PR_NEW(own, 1);
    own->setup = *setup;
    (void)sem_init(&own->tried, 0, 0);
    own->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    PR_CHECK(own->bell >= 0, PR_E_UNSUPPORTED, "io_uring: no eventfd: %s", strerror(errno));
    PR_NEW(own->begun, setup->depth);
    PR_NEW(own->came, setup->depth);
    PR_TRY(pri_thread_start(serve, own, "a reader of rows", &own->thread));
    while (sem_wait(&own->tried) != 0) {
    } /* interrupted */
    if (own->refused) (void)pthread_join(own->thread, NULL);
    PR_CHECK(!own->refused, PR_E_UNSUPPORTED, "io_uring is refused: %s", strerror(own->refused));
    *out = own;
    own  = NULL;
done:
    release(own);
    return st;
}

const pri_read_engine pri_read_uring = {
    .name       = "io_uring",
    .most_depth = MOST_IN_FLIGHT,
    .open       = uring_open,
    .wake       = uring_wake,
    .free       = uring_free,
};
