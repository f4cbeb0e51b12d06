/* test_ring.c: the log's ring: order, whole publications, a full ring, a slow and a fast consumer.
 */
#include "support/support.h"

#include <pthread.h>
#include <sched.h>

#include "pipeline/log/ring.h"

typedef struct item {
    uint64_t number;
    uint32_t group, groups; /* place in its publication, and how many there are */
    uint64_t check;         /* of the number; torn records would show */
} item;

static uint64_t check_of(uint64_t number)
{
    return pri_mix64(number);
}

static void a_new_ring_is_empty_and_takes_exactly_its_capacity(void **state)
{
    (void)state;
    pri_ring *ring = NULL;
    assert_ok(pri_ring_create(sizeof(item), 8, &ring));
    assert_int_equal(pri_ring_count(ring), 0);
    for (uint32_t i = 0; i < 8; i++) {
        assert_true(pri_ring_has_room(ring, 1));
        ((item *)pri_ring_next(ring, 0))->number = i;
        pri_ring_publish(ring, 1);
    }
    assert_false(pri_ring_has_room(ring, 1));
    assert_int_equal(pri_ring_count(ring), 8);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(((const item *)pri_ring_peek(ring, i))->number, i);
    pri_ring_release(ring, 3);
    assert_true(pri_ring_has_room(ring, 3));
    assert_false(pri_ring_has_room(ring, 4));
    assert_int_equal(((const item *)pri_ring_peek(ring, 0))->number, 3);
    pri_ring_free(ring);
}

static void nothing_is_seen_before_it_is_published(void **state)
{
    (void)state;
    pri_ring *ring = NULL;
    assert_ok(pri_ring_create(sizeof(item), 4, &ring));
    assert_true(pri_ring_has_room(ring, 3));
    for (uint32_t i = 0; i < 3; i++) ((item *)pri_ring_next(ring, i))->number = 10 + i;
    assert_int_equal(pri_ring_count(ring), 0);
    pri_ring_publish(ring, 3);
    assert_int_equal(pri_ring_count(ring), 3);
    assert_int_equal(((const item *)pri_ring_peek(ring, 2))->number, 12);
    pri_ring_free(ring);
}

static void a_capacity_that_is_no_power_of_two_is_refused(void **state)
{
    (void)state;
    pri_ring *ring = NULL;
    assert_fails(PR_E_ARG, "power of two", pri_ring_create(8, 6, &ring));
    assert_fails(PR_E_ARG, "power of two", pri_ring_create(8, 0, &ring));
    assert_fails(PR_E_ARG, "power of two", pri_ring_create(SIZE_MAX / 2, 8, &ring));
    assert_null(ring);
    pri_ring_free(NULL);
}

typedef struct stream {
    pri_ring *ring;
    uint64_t  key, num_items;
    bool      slow_producer;
} stream;

static void *produce(void *argument)
{
    const stream *s   = argument;
    test_rng      rng = { .key = s->key };

    for (uint64_t sent = 0; sent < s->num_items;) {
        uint32_t n = 1 + test_below(&rng, 9);
        if (n > s->num_items - sent) n = (uint32_t)(s->num_items - sent);
        while (!pri_ring_has_room(s->ring, n)) sched_yield();
        for (uint32_t i = 0; i < n; i++)
            *(item *)pri_ring_next(s->ring, i) =
                (item){ .number = sent + i, .group = i, .groups = n, .check = check_of(sent + i) };
        pri_ring_publish(s->ring, n);
        sent += n;
        if (s->slow_producer && test_below(&rng, 64) == 0) sched_yield();
    }
    return NULL;
}

/* Take everything; between looks a random pause. Every record is whole, in order, and a count
 * never cuts a publication. */
static void consume(const stream *s, bool slow)
{
    test_rng rng  = { .key = s->key + 1 };
    uint64_t want = 0;

    while (want < s->num_items) {
        const uint32_t n = pri_ring_count(s->ring);
        if (n == 0 || (slow && test_below(&rng, 4) != 0)) {
            sched_yield();
            continue;
        }
        const item *last = pri_ring_peek(s->ring, n - 1);
        assert_int_equal(last->group + 1, last->groups);
        uint32_t taken = 0;
        while (taken < n) { /* whole publications, not always all of them */
            const item *first = pri_ring_peek(s->ring, taken);
            assert_int_equal(first->group, 0);
            for (uint32_t i = 0; i < first->groups; i++, want++) {
                const item *it = pri_ring_peek(s->ring, taken + i);
                if (it->number != want || it->check != check_of(want))
                    fail_msg("record %llu is %llu", (unsigned long long)want,
                             (unsigned long long)it->number);
            }
            taken += first->groups;
            if (slow && test_below(&rng, 8) == 0) break;
        }
        pri_ring_release(s->ring, taken);
    }
    assert_int_equal(pri_ring_count(s->ring), 0);
}

static void run_stream(uint32_t capacity, bool slow_producer, bool slow_consumer)
{
    stream    s = { .key           = test_seed() + capacity,
                    .num_items     = 40000,
                    .slow_producer = slow_producer };
    pthread_t producer;

    assert_ok(pri_ring_create(sizeof(item), capacity, &s.ring));
    assert_int_equal(pthread_create(&producer, NULL, produce, &s), 0);
    consume(&s, slow_consumer);
    assert_int_equal(pthread_join(producer, NULL), 0);
    pri_ring_free(s.ring);
}

static void every_record_arrives_once_in_order_with_a_slow_consumer(void **state)
{
    (void)state;
    run_stream(16, false, true);
    run_stream(1024, false, true);
}

static void every_record_arrives_once_in_order_with_a_slow_producer(void **state)
{
    (void)state;
    run_stream(16, true, false);
    run_stream(1024, true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_ring_is_empty_and_takes_exactly_its_capacity),
        cmocka_unit_test(nothing_is_seen_before_it_is_published),
        cmocka_unit_test(a_capacity_that_is_no_power_of_two_is_refused),
        cmocka_unit_test(every_record_arrives_once_in_order_with_a_slow_consumer),
        cmocka_unit_test(every_record_arrives_once_in_order_with_a_slow_producer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
