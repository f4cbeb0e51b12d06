/* test_edges.c: edge text to pairs, scattered ids to 0, 1, ..., and pairs to canonical arcs. */
#include "support/support.h"

#include <fcntl.h>
#include <unistd.h>

#include "loaders/csc.h"
#include "loaders/edges.h"
#include "loaders/remap.h"

static const pri_edge_rules plain = { 0 }, any_id = { .any_id = true };

/* All blocks of a text together. */
typedef struct edge_list {
    uint64_t  n;
    uint64_t *id; /* [2 n] */
    float    *weight;
} edge_list;

static void forget(edge_list *list)
{
    free(list->id);
    free(list->weight);
    *list = (edge_list){ 0 };
}

static pr_status read_all(pri_edges *e, edge_list *out)
{
    pr_status st;

    *out = (edge_list){ 0 };
    while ((st = pri_edges_next(e)) == PR_OK && e->n > 0) {
        out->id = realloc(out->id, 2 * (out->n + e->n) * sizeof *out->id);
        assert_non_null(out->id);
        memcpy(out->id + 2 * out->n, e->id, 2 * e->n * sizeof *out->id);
        if (e->weight) {
            out->weight = realloc(out->weight, (out->n + e->n) * sizeof *out->weight);
            assert_non_null(out->weight);
            memcpy(out->weight + out->n, e->weight, e->n * sizeof *out->weight);
        }
        out->n += e->n;
        assert_int_equal(out->n, e->num_edges);
    }
    if (st != PR_OK) forget(out);
    return st;
}

static pr_status read_text(const char *text, size_t bytes, const pri_edge_rules *rules,
                           edge_list *out)
{
    pri_edges e;
    assert_ok(pri_edges_memory(&e, "edges.txt", text, bytes, rules));
    const pr_status st = read_all(&e, out);
    pri_edges_close(&e);
    return st;
}

/* Expect pairs 0->1, 7->2. */
static void expect_two(const char *text)
{
    edge_list e;
    assert_ok(read_text(text, strlen(text), &plain, &e));
    assert_int_equal(e.n, 2);
    const uint64_t want[] = { 0, 1, 7, 2 };
    assert_memory_equal(e.id, want, sizeof want);
    forget(&e);
}

static void edges_are_read_in_every_allowed_dress(void **state)
{
    (void)state;
    expect_two("0 1\n7 2\n");
    expect_two("0 1\n7 2");
    expect_two("0\t1\r\n7\t2\r\n");
    expect_two("0,1\n7,2\n");
    expect_two("  0 , 1  \n\t7  \t 2\n");
    expect_two("# a comment\n% another\n\n   \n0 1\n  # indented\n7 2\n\n");
    expect_two("source,target\n0,1\n7,2\n");
    expect_two("\"from id\",\"to_id\"\n0,1\n7,2\n");
    expect_two("# comment first\nFromNodeId\tToNodeId\n0\t1\n7\t2\n");
    expect_two("\xef\xbb\xbf"
               "src,dst\r\n0,1\r\n7,2\r\n");
    expect_two("000 00001\n07 2\n");
}

static void further_columns_are_ignored(void **state)
{
    (void)state;
    pr_diag_set_level(PR_ERROR);
    expect_two("0 1 0.5\n7 2 1370000000 x\n");
    expect_two("0,1,0.5\n7,2,\n");
    expect_two("src,dst,weight\n0,1,0.5\n7,2,3\n");
    pr_diag_set_level(PR_INFO);
}

static void a_third_column_is_the_weight_when_asked_for(void **state)
{
    (void)state;
    static const pri_edge_rules weighted = { .weighted = true };
    static const char *const    good[]   = { "0 1 0.5\n7 2 3\n", "0,1,.5\n7,2,3e0\n",
                                             "src,dst,weight\n0,1,0.5\n7,2,3\n",
                                             "0\t1\t5e-1\t99\r\n7\t2\t+3\r\n" };
    static const struct {
        const char *text, *words;
    } bad[] = {
        { "0 1\n", "line 1: found '0 1', must be two node ids (whole numbers from 0 to "
                   "9223372036854775807) and a weight, separated by" },
        { "0 1 2\n0 1 x\n", "line 2: found '0 1 x'" },
        { "0 1 2x\n", "line 1: found '0 1 2x'" },
        { "0 1 -2\n", "line 1: weight -2, must be finite in 32 bits and at least 0" },
        { "0 1 1e39\n", "line 1: weight 1e+39, must be finite" },
        { "0 1 nan\n", "line 1: weight nan, must be" },
        { "0 1 inf\n", "line 1: weight inf, must be" },
        { "0 1,,2\n", "line 1: found '0 1,,2'" },
    };
    edge_list e;

    pr_diag_set_level(PR_ERROR);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(read_text(good[i], strlen(good[i]), &weighted, &e));
        assert_int_equal(e.n, 2);
        assert_true(e.id[2] == 7 && e.weight[0] == 0.5f && e.weight[1] == 3.0f);
        forget(&e);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(PR_E_INPUT, bad[i].words,
                     read_text(bad[i].text, strlen(bad[i].text), &weighted, &e));
    }
    pr_diag_set_level(PR_INFO);
}

static const struct bad_line {
    const char *text, *words;
} bad_lines[] = {
    { "0 1\nx 2\n", "edges.txt: line 2: found 'x 2', must be two node ids" },
    { "hello\n", "line 1: found 'hello'" },
    { "0\n", "line 1: found '0'" },
    { "0 \n", "line 1: found '0 '" },
    { ",1\n", "line 1: found ',1'" },
    { "0,,1\n", "line 1: found '0,,1'" },
    { "0;1\n", "line 1: found '0;1'" },
    { "0 -1\n", "line 1: found '0 -1'" },
    { "+0 1\n", "line 1: found '+0 1'" },
    { "0 1.5\n", "line 1: found '0 1.5'" },
    { "0 1e3\n", "line 1: found '0 1e3'" },
    { "0 1x\n", "line 1: found '0 1x'" },
    { "0x1 2\n", "line 1: found '0x1 2'" },
    { "0 1\nsource target\n", "line 2: found 'source target'" },
    { "0 1\n-3 2\n", "line 2: found '-3 2'" },
    { "0 1\n0 4294967296\n", "line 2: node id 4294967296, must be in 0 .. 4294967293" },
    { "0 1\n18446744073709551617 0\n", "line 2: found '18446744073709551617 0'" },
    { "0 1\n0 10000000000000000000\n", "line 2: found '0 10000000000000000000'" },
    { "0 1\n5\n", "line 2: found '5'" },
    { "0 1\n\xef\xbb\xbf"
      "2 3\n",
      "line 2: found '???2 3'" },
    { "src dst\nsrc dst\n", "line 2: found 'src dst'" },
    { "# c\n\n0 1\r\n0 y\r\n", "line 4: found '0 y'" },
    { "0 99999999999999999999\n", "line 1: found '0 99999999999999999999'" },
    { "9223372036854775808 0\n", "from 0 to 9223372036854775807" },
    { "4294967294 0\n", "line 1: node id 4294967294, must be in 0 .. 4294967293 (--remap" },
    { "\x01\x02\x7f\xff\t\n", "line 1: found '???? '" },
    { "0 z23456789012345678901234567890123456789012345678901234567890123456789\n",
      "found '0 z234567890123456789012345678901234567890123456789012345678...', must" },
};

static void a_malformed_line_is_named_with_its_number_and_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_lines / sizeof bad_lines[0]; i++) {
        edge_list e;
        assert_fails(PR_E_INPUT, bad_lines[i].words,
                     read_text(bad_lines[i].text, strlen(bad_lines[i].text), &plain, &e));
    }
}

static void a_zero_byte_in_a_line_is_malformed(void **state)
{
    (void)state;
    edge_list e;
    assert_fails(PR_E_INPUT, "found '0 1?2'",
                 read_text("0 1\0"
                           "2\n",
                           6, &plain, &e));
    assert_fails(PR_E_INPUT, "found '0?1'",
                 read_text("0\0"
                           "1\n",
                           4, &plain, &e));
}

static void ids_must_be_below_the_number_of_nodes(void **state)
{
    (void)state;
    const pri_edge_rules five = { .num_nodes = 5, .nodes_from = "the 5 rows of F.npy" };
    edge_list            e;

    assert_ok(read_text("4 0\n", 4, &five, &e));
    forget(&e);
    assert_fails(PR_E_INPUT, "line 2: node id 5, must be in 0 .. 4 for the 5 rows of F.npy",
                 read_text("4 0\n0 5\n", 8, &five, &e));
}

static void files_of_any_size_read_like_memory(void **state)
{
    (void)state;
    enum { PAIRS = 200000, COMMENT = 700000 }; /* more than two buffers, more than a block */
    const char *directory = test_directory();
    char       *text      = malloc(PAIRS * 24 + COMMENT + 2);
    size_t      bytes     = 0;
    test_rng    rng       = { .key = test_seed() };
    pri_edges   e;
    edge_list   memory, file;

    assert_non_null(text);
    text[bytes++] = '#'; /* a comment longer than the buffer */
    memset(text + bytes, 'c', COMMENT);
    bytes += COMMENT;
    text[bytes++] = '\n';
    for (int i = 0; i < PAIRS; i++)
        bytes += (size_t)sprintf(text + bytes, "%u %u\n", test_random(&rng) % 1000000000,
                                 test_below(&rng, 100));
    const char *path = test_file(directory, "edges.txt", text, bytes);
    assert_ok(read_text(text, bytes, &plain, &memory));
    assert_int_equal(memory.n, PAIRS);
    assert_ok(pri_edges_open(&e, path, &plain, NULL));
    assert_ok(read_all(&e, &file));
    pri_edges_close(&e);
    assert_int_equal(file.n, PAIRS);
    assert_memory_equal(file.id, memory.id, 2 * PAIRS * sizeof *file.id);
    forget(&file);
    forget(&memory);
    free(text);

    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    char name[64];
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    assert_fails(PR_E_INPUT, "is not a regular file", pri_edges_open(&e, name, &plain, NULL));
    close(ends[0]);
}

/* A line that never ends is refused long before memory is. */
static void an_endless_line_is_refused(void **state)
{
    (void)state;
    const char *path = test_file(test_directory(), "zeros", "", 0);
    const int   fd   = open(path, O_WRONLY);
    pri_edges   e;

    assert_true(fd >= 0 && ftruncate(fd, (off_t)1 << 32) == 0);
    close(fd);
    assert_ok(pri_edges_open(&e, path, &plain, NULL));
    assert_fails(PR_E_INPUT, "line 1 has more than 1048576 bytes", pri_edges_next(&e));
    assert_true(pri_edges_bytes(&e) < (4 << 20));
    pri_edges_close(&e);
    assert_fails(PR_E_INPUT, "/dev/zero: is not a regular file",
                 pri_edges_open(&e, "/dev/zero", &plain, NULL));
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    pri_edges e;
    assert_fails(PR_E_INPUT, "/nowhere/edges: cannot be read: No such file",
                 pri_edges_open(&e, "/nowhere/edges", &plain, NULL));
    assert_fails(PR_E_INPUT, "is a directory", pri_edges_open(&e, test_directory(), &plain, NULL));
}

static void reading_ends_when_asked_to_stop(void **state)
{
    (void)state;
    const volatile int stop = 1;
    const char        *path = test_file(test_directory(), "edges.txt", "0 1\n", 4);
    pri_edges          e;

    assert_ok(pri_edges_open(&e, path, &plain, &stop));
    assert_fails(PR_E_INTERRUPTED, "interrupted", pri_edges_next(&e));
    pri_edges_close(&e);
}

static void any_id_below_2_to_63_is_read_where_ids_are_numbered(void **state)
{
    (void)state;
    const char *text = "9223372036854775807 5\n000000000000000000000000012 4294967296\n";
    edge_list   e;

    assert_ok(read_text(text, strlen(text), &any_id, &e));
    const uint64_t want[] = { INT64_MAX, 5, 12, 4294967296 };
    assert_memory_equal(e.id, want, sizeof want);
    forget(&e);
    assert_fails(PR_E_INPUT, "found '9223372036854775808 5'",
                 read_text("9223372036854775808 5\n", 22, &any_id, &e));
}

/* Many random ids: equal ids get equal numbers, and numbers ascend with ids. */
static void remap_agrees_with_the_ids_it_gives(void **state)
{
    (void)state;
    enum { NUM = 60000, RANGE = 20000 };
    test_rng   rng   = { .key = test_seed() };
    uint64_t  *want  = malloc(NUM * sizeof *want);
    pr_vid    *order = malloc(NUM * sizeof *order);
    pri_id_set set;
    pri_paged  ids, rank;

    assert_true(want && order);
    assert_ok(pri_id_set_init(&set, RANGE));
    for (int i = 0; i < NUM; i++) {
        want[i]  = i == 0 ? INT64_MAX : i == 1 ? 0 : pri_mix64(test_below(&rng, RANGE / 2)) >> 1;
        order[i] = pri_id_set_add(&set, want[i]);
        assert_true(order[i] < set.n);
    }
    const uint64_t n = set.n;
    assert_true(n <= RANGE && n > RANGE / 4);
    assert_ok(pri_id_set_sort(&set, &ids, &rank));
    const int64_t *id = ids.at;
    const pr_vid  *of = rank.at;
    assert_true(id[0] == 0 && id[n - 1] == INT64_MAX);
    for (uint64_t i = 1; i < n; i++) assert_true(id[i - 1] < id[i]);
    for (int i = 0; i < NUM; i++) {
        assert_true(of[order[i]] < n);
        assert_true((uint64_t)id[of[order[i]]] == want[i]);
    }
    pri_paged_free(&ids);
    pri_paged_free(&rank);
    free(want);
    free(order);
}

static void one_id_too_many_is_noticed(void **state)
{
    (void)state;
    pri_id_set set;

    assert_ok(pri_id_set_init(&set, 2));
    assert_int_equal(pri_id_set_add(&set, 5), 0);
    assert_int_equal(pri_id_set_add(&set, 5), 0);
    assert_int_equal(pri_id_set_add(&set, 4), 1);
    assert_int_equal(pri_id_set_add(&set, 6), PR_VID_NONE);
    assert_int_equal(pri_id_set_add(&set, 4), 1);
    pri_id_set_clear(&set);
}

/* Random pairs against a matrix of bits. */
static void arcs_are_canonical_whatever_the_pairs(void **state)
{
    (void)state;
    enum { N = 40, PAIRS = 900 };
    test_rng rng = { .key = test_seed() };

    for (int round = 0; round < 40; round++) {
        const bool     undirected   = round % 2;
        bool           wanted[N][N] = { { false } }; /* [destination][source] */
        pr_vid         pair[2 * PAIRS];
        uint64_t       loops = 0, num_arcs = 0, kept = 0;
        const uint32_t few = round < 20 ? N : 3; /* long lists of equal ids too */
        for (int i = 0; i < PAIRS; i++) {
            const pr_vid s = test_below(&rng, N), d = test_below(&rng, few);
            pair[2 * i] = s, pair[2 * i + 1] = d;
            loops += s == d;
            num_arcs += s == d ? 0 : undirected ? 2 : 1;
            if (s != d) wanted[d][s] = true;
            if (s != d && undirected) wanted[s][d] = true;
        }
        for (uint32_t threads = 1; threads <= 3; threads++) {
            const pri_csc_how how = { .undirected = undirected, .threads = threads };
            pri_csc           csc;
            assert_ok(pri_csc_from_pairs(pair, PAIRS, N, &how, &csc));
            pr_eid e = 0;
            for (pr_vid d = 0; d < N; d++) {
                assert_int_equal(csc.graph.indptr[d], e);
                for (pr_vid s = 0; s < N; s++)
                    if (wanted[d][s]) assert_int_equal(csc.graph.indices[e++], s);
            }
            kept = e;
            assert_int_equal(csc.graph.indptr[N], kept);
            assert_int_equal(csc.graph.num_edges, kept);
            assert_int_equal(csc.self_loops_dropped, loops);
            assert_int_equal(csc.duplicates_dropped, num_arcs - kept);
            bool symmetric, expected = true;
            for (pr_vid d = 0; d < N; d++)
                for (pr_vid s = 0; s < N; s++) expected &= wanted[d][s] == wanted[s][d];
            assert_ok(pri_csc_is_symmetric(&csc.graph, &symmetric));
            assert_int_equal(symmetric, expected);
            pri_csc_clear(&csc);
        }
    }
}

static void a_graph_in_any_order_becomes_canonical(void **state)
{
    (void)state;
    const pr_eid      indptr[]   = { 0, 5, 5, 7 };
    const pr_vid      indices[]  = { 2, 1, 0, 2, 1, 2, 0 };
    const pr_graph    graph      = { 3, 7, indptr, indices, NULL };
    const pri_csc_how how        = { .threads = 2 };
    const pr_eid      want_ptr[] = { 0, 2, 2, 3 };
    const pr_vid      want[]     = { 1, 2, 0 };
    pri_csc           csc;

    assert_ok(pri_csc_from_graph(&graph, &how, &csc));
    assert_memory_equal(csc.graph.indptr, want_ptr, sizeof want_ptr);
    assert_memory_equal(csc.graph.indices, want, sizeof want);
    assert_int_equal(csc.self_loops_dropped, 2);
    assert_int_equal(csc.duplicates_dropped, 2);
    pri_csc_clear(&csc);
}

/* One hub with far more arcs than an insertion sort should see, and a list of equals. */
static void long_lists_are_sorted(void **state)
{
    (void)state;
    enum { PAIRS = 300000, N = 200000 };
    test_rng rng  = { .key = test_seed() };
    pr_vid  *pair = malloc(2 * PAIRS * sizeof *pair);
    pri_csc  csc;

    assert_non_null(pair);
    for (uint32_t i = 0; i < PAIRS; i++) {
        pair[2 * i]     = i % 3 ? test_below(&rng, N) : 199999;
        pair[2 * i + 1] = i % 3 ? 0 : 1;
    }
    assert_ok(pri_csc_from_pairs(pair, PAIRS, N, &(pri_csc_how){ .threads = 2 }, &csc));
    const pr_eid *p = csc.graph.indptr;
    for (pr_eid e = 1; e < p[1]; e++) assert_true(csc.graph.indices[e - 1] < csc.graph.indices[e]);
    assert_int_equal(p[2] - p[1], 1);
    assert_int_equal(csc.graph.indices[p[1]], 199999);
    pri_csc_clear(&csc);
    free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_are_read_in_every_allowed_dress),
        cmocka_unit_test(further_columns_are_ignored),
        cmocka_unit_test(a_third_column_is_the_weight_when_asked_for),
        cmocka_unit_test(a_malformed_line_is_named_with_its_number_and_text),
        cmocka_unit_test(a_zero_byte_in_a_line_is_malformed),
        cmocka_unit_test(ids_must_be_below_the_number_of_nodes),
        cmocka_unit_test(files_of_any_size_read_like_memory),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(reading_ends_when_asked_to_stop),
        cmocka_unit_test(an_endless_line_is_refused),
        cmocka_unit_test(any_id_below_2_to_63_is_read_where_ids_are_numbered),
        cmocka_unit_test(one_id_too_many_is_noticed),
        cmocka_unit_test(remap_agrees_with_the_ids_it_gives),
        cmocka_unit_test(arcs_are_canonical_whatever_the_pairs),
        cmocka_unit_test(a_graph_in_any_order_becomes_canonical),
        cmocka_unit_test(long_lists_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
