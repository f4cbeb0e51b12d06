/* test_residency.c: the kernel is asked where pages are, and told where they are to go. What holds
 * on a machine of one node is checked everywhere; the rest in the NUMA guest. */
#include "support/deal.h"

#include <sys/mman.h>
#include <unistd.h>

#include "numa/area.h"
#include "numa/topo.h"

enum { PAGES = 3000 };

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Give untouched small pages; unmap them. */
static char *open_pages(size_t num)
{
    char *at =
        mmap(NULL, num * page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    (void)madvise(at, num * page_bytes(), MADV_NOHUGEPAGE);
    return at;
}

/* Ask, or leave the test where the kernel does not say. */
static pr_residency ask(const void *at, size_t bytes, int32_t node, uint64_t max_pages)
{
    const pr_range range = { .what = "slab", .at = at, .bytes = bytes, .numa_node = node };
    pr_residency   found;

    const pr_status st = pr_residency_read(&range, max_pages, &found);
    if (st == PR_E_UNSUPPORTED) {
        print_message("skipped: %s\n", pr_error_message());
        skip();
    }
    assert_ok(st);
    assert_int_equal(found.checked, found.on_node + found.elsewhere + found.absent);
    return found;
}

static void pages_are_absent_until_they_are_touched(void **state)
{
    (void)state;
    char        *at    = open_pages(PAGES);
    const size_t bytes = PAGES * page_bytes();

    pr_residency found = ask(at, bytes, -1, 0);
    assert_int_equal(found.pages, PAGES);
    assert_int_equal(found.checked, PAGES);
    assert_int_equal(found.absent, PAGES);
    for (size_t i = 0; i < PAGES; i += 3) at[i * page_bytes()] = 1;
    found = ask(at, bytes, -1, 0);
    assert_int_equal(found.on_node, PAGES / 3);
    assert_int_equal(found.elsewhere, 0);
    assert_int_equal(found.absent, PAGES - PAGES / 3);
    volatile char zero =
        at[page_bytes()]; /* only read: the kernel's zero page, which is nobody's */
    assert_int_equal(zero, 0);
    assert_int_equal(ask(at, bytes, -1, 0).absent, PAGES - PAGES / 3);
    munmap(at, bytes);
}

static void pages_of_a_machine_with_one_node_are_on_it_and_on_no_other(void **state)
{
    (void)state;
    pr_topo *topo = NULL;
    char    *at   = open_pages(PAGES);

    assert_ok(pr_topo_discover(&topo));
    const int32_t only = pri_area_only_node(topo);
    memset(at, 1, PAGES * page_bytes());
    pr_residency found = ask(at, PAGES * page_bytes(), only < 0 ? -1 : only, 0);
    assert_int_equal(found.on_node, PAGES);
    found = ask(at, PAGES * page_bytes(), 999, 0);
    assert_int_equal(found.elsewhere, PAGES);
    assert_int_equal(found.on_node, 0);
    munmap(at, PAGES * page_bytes());
    pr_topo_free(topo);
}

static void ragged_ends_count_as_their_whole_pages(void **state)
{
    (void)state;
    const size_t page = page_bytes();
    char        *at   = open_pages(4);

    at[0] = at[page] = at[2 * page] = 1;
    assert_int_equal(ask(at + page - 1, 1, -1, 0).pages, 1);
    assert_int_equal(ask(at + page - 1, 2, -1, 0).pages, 2);
    assert_int_equal(ask(at + page - 1, 2, -1, 0).on_node, 2);
    assert_int_equal(ask(at + 5, 3 * page, -1, 0).pages, 4);
    assert_int_equal(ask(at + 5, 3 * page, -1, 0).absent, 1);
    assert_int_equal(ask(at, page, -1, 0).pages, 1);
    assert_int_equal(ask(at, 0, -1, 0).pages, 0);
    assert_int_equal(ask(at, 0, -1, 7).checked, 0);
    munmap(at, 4 * page);
}

/* Of `pages`, the i-th asked about is i * pages / asked: told apart by touching just those. */
static void a_sample_is_taken_at_even_distances(void **state)
{
    (void)state;
    static const uint64_t asked[] = { 1, 2, 7, 511, 512, 513, 1000, 1999, PAGES - 1, PAGES };

    for (size_t k = 0; k < sizeof asked / sizeof *asked; k++) {
        char *at = open_pages(PAGES);
        for (uint64_t i = 0; i < asked[k]; i++) at[i * PAGES / asked[k] * page_bytes()] = 1;
        const pr_residency found = ask(at, PAGES * page_bytes(), -1, asked[k]);
        assert_int_equal(found.pages, PAGES);
        assert_int_equal(found.checked, asked[k]);
        assert_int_equal(found.on_node, asked[k]);
        munmap(at, PAGES * page_bytes());
    }
    char *at = open_pages(1);
    assert_int_equal(ask(at, 1, -1, 1000).checked, 1);
    munmap(at, page_bytes());
}

static void huge_pages_answer_for_each_small_page(void **state)
{
    (void)state;
    const size_t bytes = 4 << 20;
    char        *at    = pri_pages_map(bytes, 1);

    assert_non_null(at);
    memset(at, 1, bytes);
    const pr_residency found = ask(at, bytes, -1, 0);
    assert_int_equal(found.pages, bytes / page_bytes());
    assert_int_equal(found.on_node, found.pages);
    pri_pages_unmap(at, bytes);
}

static void ranges_beyond_the_list_are_counted(void **state)
{
    (void)state;
    pr_ranges *ranges = calloc(1, sizeof *ranges);

    assert_non_null(ranges);
    ranges->numa_node = 3;
    ranges->lane      = 4;
    pr_ranges_add(ranges, "slab", NULL, 10);
    pr_ranges_add(ranges, "slab", ranges, 0);
    assert_int_equal(ranges->num, 0);
    for (uint32_t i = 0; i < PR_MAX_RANGES + 9; i++)
        pr_ranges_add(ranges, "tape", (const char *)ranges + i, i + 1);
    assert_int_equal(ranges->num, PR_MAX_RANGES);
    assert_int_equal(ranges->dropped, 9);
    const pr_range last = ranges->at[PR_MAX_RANGES - 1];
    assert_string_equal(last.what, "tape");
    assert_ptr_equal(last.at, (const char *)ranges + PR_MAX_RANGES - 1);
    assert_int_equal(last.bytes, PR_MAX_RANGES);
    assert_true(last.numa_node == 3 && last.lane == 4);
    free(ranges);
}

static void bad_questions_are_named(void **state)
{
    (void)state;
    pr_range     range = { .at = state, .bytes = 1 };
    pr_residency found;

    assert_fails(PR_E_ARG, "range is NULL", pr_residency_read(NULL, 0, &found));
    assert_fails(PR_E_ARG, "out is NULL", pr_residency_read(&range, 0, NULL));
    range.bytes = SIZE_MAX; /* few pages are asked about, should it be let through */
    assert_fails(PR_E_ARG, "ends behind the last address", pr_residency_read(&range, 2, &found));
}

/* Machines that are not ours: hwloc would say yes and do nothing. */
static void nothing_is_bound_on_a_machine_that_is_not_ours(void **state)
{
    (void)state;
    pr_topo *topo = NULL;
    char    *at   = open_pages(8);

    assert_false(pri_area_bind(NULL, at, page_bytes(), 0, false));
    assert_false(pri_area_interleave(NULL, at, page_bytes()));
    assert_int_equal(pri_area_only_node(NULL), -1);
    assert_ok(pr_topo_synthetic("numa:1 core:2 pu:1", &topo));
    assert_false(pri_area_bind(topo, at, page_bytes(), 0, false));
    assert_false(pri_area_interleave(topo, at, page_bytes()));
    assert_int_equal(pri_area_only_node(topo), -1);
    pr_topo_free(topo);
    munmap(at, 8 * page_bytes());
}

/* Pretend that this machine has another node, so that the kernel is really asked. */
static void the_kernel_binds_to_a_node_it_has_and_refuses_others(void **state)
{
    (void)state;
    pr_topo  *topo  = NULL;
    char     *at    = open_pages(64);
    pr_store *store = NULL;
    test_rng  rng   = { .key = test_seed() };
    dealt     d;

    assert_ok(pr_topo_discover(&topo));
    assert_false(pri_area_bind(topo, at, page_bytes(), 999, false)); /* known without asking */
    if (pri_area_only_node(topo) < 0) {
        pr_topo_free(topo);
        munmap(at, 64 * page_bytes());
        skip();
    }
    const int32_t   here  = topo->node[0].os_index;
    pri_node *const own   = topo->node;
    pri_node        two[] = { own[0], own[0] };
    two[1].os_index       = here + 1; /* not there */
    assert_true(pri_area_bind(topo, at, 64 * page_bytes(), here, true));
    topo->node       = two;
    topo->num_nodes  = 2;
    const bool binds = pri_area_bind(topo, at, 64 * page_bytes(), here, true);
    assert_false(pri_area_bind(topo, at, page_bytes(), here + 1, false));
    assert_true(pri_area_bind(topo, at, 0, here, false)); /* nothing to bind */
    if (binds) {
        memset(at, 1, 64 * page_bytes());
        assert_int_equal(ask(at, 64 * page_bytes(), here, 0).on_node, 64);
        assert_true(pri_area_bind(topo, at, 64 * page_bytes(), here, false));
    }

    /* A store of shards: strict fails, auto says one line and goes on. */
    dealt_open(&d, PR_FEATURES_DENSE, 5000, 100, &rng);
    dealt_ranges(&d, 6, 2, 2, &rng);
    for (uint32_t s = 0; s < 6; s++)
        d.shards.first[s] = 64 * s, d.shards.node[s] = here + (int)s % 2;
    assert_fails(PR_E_UNSUPPORTED, "shard 1 cannot be bound to NUMA node 1, as --numa strict",
                 pr_store_sharded(&d.x, &d.shards, topo, PR_NUMA_STRICT, &store));
    assert_null(store);
    assert_ok(pr_store_sharded(&d.x, &d.shards, topo, PR_NUMA_AUTO, &store));
    pr_store_free(store);
    assert_ok(pr_store_sharded(&d.x, &d.shards, topo, PR_NUMA_OFF, &store));
    pr_store_free(store);
    dealt_close(&d);

    topo->node      = own;
    topo->num_nodes = 1;
    pr_topo_free(topo);
    munmap(at, 64 * page_bytes());
}

/* What one node can show: shards are absent until their lane fills them, then all there. */
static void the_pages_of_a_shard_come_with_its_lane(void **state)
{
    (void)state;
    pr_topo   *topo   = NULL;
    pr_store  *store  = NULL;
    pr_ranges *ranges = calloc(1, sizeof *ranges);
    test_rng   rng    = { .key = test_seed() };
    dealt      d;

    assert_non_null(ranges);
    assert_ok(pr_topo_discover(&topo));
    const int32_t only = pri_area_only_node(topo);
    for (int kind = PR_FEATURES_DENSE; kind <= PR_FEATURES_CSR; kind++)
        for (int table = 0; table < 2; table++) {
            dealt_open(&d, (pr_feature_kind)kind, 3000, 128, &rng);
            (table ? dealt_table : dealt_ranges)(&d, 4, 1, 2, &rng);
            for (uint32_t s = 0; s < 4; s++) d.shards.node[s] = only;
            assert_ok(pr_store_sharded(&d.x, &d.shards, only < 0 ? NULL : topo,
                                       only < 0 ? PR_NUMA_OFF : PR_NUMA_STRICT, &store));
            for (uint32_t filled = 0; filled <= 2; filled++) {
                if (filled) pr_store_fill(store, filled - 1);
                *ranges = (pr_ranges){ 0 };
                pr_store_ranges(store, ranges);
                for (uint32_t i = 0; i < ranges->num; i++) {
                    const pr_range    *r     = &ranges->at[i];
                    const pr_residency found = ask(r->at, r->bytes, r->numa_node, 0);
                    assert_int_equal(found.elsewhere, 0);
                    if (!strcmp(r->what, "shard") && kind == PR_FEATURES_DENSE)
                        assert_int_equal(r->lane < filled ? found.on_node : found.absent,
                                         found.pages);
                    if (filled == 2) assert_int_equal(found.on_node, found.pages);
                }
            }
            pr_store_free(store);
            dealt_close(&d);
        }
    pr_topo_free(topo);
    free(ranges);
}

/* Check every range of a store on a machine of several nodes. */
static void check_spread(const pr_topo *topo, const pr_store *store)
{
    pr_ranges *ranges = calloc(1, sizeof *ranges);

    assert_non_null(ranges);
    pr_store_ranges(store, ranges);
    for (uint32_t i = 0; i < ranges->num; i++) {
        pr_range           r     = ranges->at[i];
        const pr_residency found = ask(r.at, r.bytes, r.numa_node, 0);
        assert_int_equal(found.absent, 0);
        assert_int_equal(found.on_node, found.pages);
        if (!strcmp(r.what, "shard")) continue;
        for (uint32_t k = 0; k < topo->num_nodes; k++) { /* the table: some pages on every node */
            r.numa_node = topo->node[k].os_index;
            if (topo->node[k].memory_bytes > 0)
                assert_true(ask(r.at, r.bytes, r.numa_node, 0).on_node > 0);
        }
    }
    free(ranges);
}

/* One thread copies all shards: where their pages are is decided by the binding alone, huge pages
 * and borders within them included. */
static void shards_are_on_their_nodes_whoever_fills_them(void **state)
{
    (void)state;
    enum { ROWS = 40000, COLS = 128 }; /* 20 MiB */
    pr_topo  *topo  = NULL;
    pr_store *store = NULL;
    test_rng  rng   = { .key = test_seed() };
    int32_t   node[PR_MAX_SHARDS];
    uint32_t  num = 0;
    dealt     d;

    assert_ok(pr_topo_discover(&topo));
    for (uint32_t k = 0; k < topo->num_nodes && num < PR_MAX_SHARDS; k++)
        if (topo->node[k].memory_bytes > 0) node[num++] = topo->node[k].os_index;
    if (num < 2) {
        print_message("skipped: one NUMA node\n");
        pr_topo_free(topo);
        skip();
    }
    for (int kind = PR_FEATURES_DENSE; kind <= PR_FEATURES_CSR; kind++)
        for (int table = 0; table < 2; table++)
            for (int mode = PR_NUMA_AUTO; mode <= PR_NUMA_STRICT; mode++) {
                dealt_open(&d, (pr_feature_kind)kind, ROWS, kind ? COLS / 8 : COLS, &rng);
                (table ? dealt_table : dealt_ranges)(&d, 2 * num, 1, 1, &rng);
                for (uint32_t s = 0; s < 2 * num; s++) d.shards.node[s] = node[s % num];
                assert_ok(pr_store_sharded(&d.x, &d.shards, topo, (pr_numa_mode)mode, &store));
                pr_store_fill(store, 0);
                check_spread(topo, store);
                pr_store_free(store);
                dealt_close(&d);
            }
    pr_topo_free(topo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_absent_until_they_are_touched),
        cmocka_unit_test(pages_of_a_machine_with_one_node_are_on_it_and_on_no_other),
        cmocka_unit_test(ragged_ends_count_as_their_whole_pages),
        cmocka_unit_test(a_sample_is_taken_at_even_distances),
        cmocka_unit_test(huge_pages_answer_for_each_small_page),
        cmocka_unit_test(ranges_beyond_the_list_are_counted),
        cmocka_unit_test(bad_questions_are_named),
        cmocka_unit_test(nothing_is_bound_on_a_machine_that_is_not_ours),
        cmocka_unit_test(the_kernel_binds_to_a_node_it_has_and_refuses_others),
        cmocka_unit_test(the_pages_of_a_shard_come_with_its_lane),
        cmocka_unit_test(shards_are_on_their_nodes_whoever_fills_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
