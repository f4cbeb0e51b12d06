/* test_parts.c: rows are dealt to lanes as --shards says; files of parts are hostile. */
#include "support/little.h"

#include "pipeline/parts.h"

enum { N = 5 };

static char why[PRI_PARTS_WHY_BYTES];

static pr_placement_options options_of(int shards, const char *file)
{
    pr_placement_options options = { .shards = shards };
    snprintf(options.shards_file, sizeof options.shards_file, "%s", file);
    return options;
}

/* Write numbers as a file of parts and read it. */
static pr_status read_numbers(pr_dtype dtype, uint32_t num_dims, uint64_t rows, uint64_t cols,
                              const double *values, uint32_t num_lanes, uint8_t **lane)
{
    static const char *dir;

    if (!dir) dir = test_directory();
    little_put_array(dir, "parts.npy", dtype, num_dims, rows, cols, values);
    const pr_placement_options options = options_of(PR_SHARDS_AUTO, little_path(dir, "parts.npy"));
    return pri_parts_open(&options, N, num_lanes, 1, lane, why);
}

static void ranges_need_no_list(void **state)
{
    (void)state;
    static const int kinds[] = { PR_SHARDS_AUTO, PR_SHARDS_RANGE };

    for (int k = 0; k < 2; k++) {
        const pr_placement_options options = options_of(kinds[k], "");
        uint8_t                   *lane    = &(uint8_t){ 0 };
        assert_ok(pri_parts_open(&options, 100, 4, 1, &lane, why));
        assert_null(lane);
        assert_string_equal(why, "runs of ids");
    }
}

static void hashes_are_even_and_go_by_seed_and_id_alone(void **state)
{
    (void)state;
    enum { ROWS = 30000, LANES = 6 };
    const pr_placement_options options      = options_of(PR_SHARDS_HASH, "");
    uint32_t                   count[LANES] = { 0 };
    uint32_t                   moved        = 0;
    uint8_t                   *a, *b, *of_fewer;

    assert_ok(pri_parts_open(&options, ROWS, LANES, test_seed(), &a, why));
    assert_ok(pri_parts_open(&options, ROWS, LANES, test_seed() + 1, &b, why));
    assert_ok(pri_parts_open(&options, ROWS / 2, LANES, test_seed(), &of_fewer, why));
    for (uint32_t v = 0; v < ROWS; v++) {
        assert_true(a[v] < LANES);
        count[a[v]]++;
        moved += a[v] != b[v];
    }
    for (uint32_t lane = 0; lane < LANES; lane++)
        assert_in_range(count[lane], ROWS / LANES * 9 / 10, ROWS / LANES * 11 / 10);
    assert_true(moved > ROWS / 2);
    assert_memory_equal(a, of_fewer, ROWS / 2);
    pri_free(of_fewer);
    pri_free(b);
    pri_free(a);
}

static void one_lane_has_all_rows(void **state)
{
    (void)state;
    const double               bad[N]  = { 0, 1, 128, 0, 0 };
    const double               good[N] = { 0, 1, 2, 0, 0 };
    const pr_placement_options hash    = options_of(PR_SHARDS_HASH, "");
    uint8_t                   *lane    = NULL;

    assert_ok(pri_parts_open(&hash, N, 1, 1, &lane, why));
    assert_null(lane);
    assert_ok(read_numbers(PR_I64, 1, N, 1, good, 1, &lane));
    assert_null(lane);
    assert_fails(PR_E_INPUT, "entry 2 is 128", read_numbers(PR_I64, 1, N, 1, bad, 1, &lane));
}

static void parts_of_any_whole_type_are_dealt_evenly_and_in_order(void **state)
{
    (void)state;
    static const pr_dtype types[]    = { PR_U8, PR_I32, PR_U32, PR_I64, PR_U64 };
    const double          parts[N]   = { 4, 0, 3, 1, 2 };
    static const uint8_t  want[4][N] = {
         [1] = { 1, 0, 1, 0, 0 }, /* 0 1 2, 3 4 */
         [2] = { 2, 0, 1, 0, 1 }, /* 0 1, 2 3, 4 */
    };
    uint8_t *lane;

    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        for (uint32_t lanes = 2; lanes <= 3; lanes++) {
            assert_ok(read_numbers(types[t], 1, N, 1, parts, lanes, &lane));
            assert_memory_equal(lane, want[lanes - 1], N);
            pri_free(lane);
        }
        assert_non_null(strstr(why, "parts.npy, 1 or 2 a lane"));
        assert_ok(read_numbers(types[t], 1, N, 1, parts, N, &lane));
        for (int v = 0; v < N; v++) assert_int_equal(lane[v], (int)parts[v]);
        assert_non_null(strstr(why, "parts.npy, 1 a lane"));
        pri_free(lane);
    }
}

/* 127 is the largest part; parts between may be empty, lanes too. */
static void the_largest_part_says_how_many_there_are(void **state)
{
    (void)state;
    const double parts[N] = { 127, 127, 64, 127, 127 };
    uint8_t     *lane;

    assert_ok(read_numbers(PR_U8, 1, N, 1, parts, 4, &lane));
    assert_memory_equal(lane, ((uint8_t[N]){ 3, 3, 2, 3, 3 }), N);
    pri_free(lane);
    assert_ok(read_numbers(PR_U8, 1, N, 1, parts, PR_MAX_LANES, &lane));
    assert_memory_equal(lane, ((uint8_t[N]){ 63, 63, 32, 63, 63 }), N);
    pri_free(lane);
}

static void files_that_are_no_parts_are_named_with_what_they_hold(void **state)
{
    (void)state;
    const double below[N] = { 0, 1, 1, -1, 0 }, above[N] = { 0, 1, 1, 0, 128 };
    const double two[2 * N] = { 0 }, good[N + 1] = { 0, 1 };
    uint8_t     *lane = &(uint8_t){ 0 };

    assert_fails(PR_E_INPUT, "parts.npy: entry 3 is -1, must be a part in 0 .. 127",
                 read_numbers(PR_I32, 1, N, 1, below, 2, &lane));
    assert_null(lane);
    assert_fails(PR_E_INPUT, "parts.npy: entry 4 is 128, must be a part in 0 .. 127",
                 read_numbers(PR_U8, 1, N, 1, above, 2, &lane));
    assert_fails(PR_E_INPUT, "parts.npy: has 1 dimension of reals, must be one dimension of whole",
                 read_numbers(PR_F32, 1, N, 1, good, 2, &lane));
    assert_fails(PR_E_INPUT, "parts.npy: has 2 dimensions of integers, must be one dimension",
                 read_numbers(PR_I64, 2, N, 2, two, 2, &lane));
    assert_fails(PR_E_MISMATCH, "parts.npy: has 6 parts, and the dataset 5 nodes",
                 read_numbers(PR_I64, 1, N + 1, 1, good, 2, &lane));
    assert_fails(PR_E_MISMATCH, "parts.npy: has 0 parts, and the dataset 5 nodes",
                 read_numbers(PR_I64, 1, 0, 1, good, 2, &lane));
    assert_null(lane);
}

static void a_number_beyond_63_bits_is_named_too(void **state)
{
    (void)state;
    const uint64_t numbers[N] = { 0, UINT64_MAX, 1, 0, 1 }, shape[] = { N };
    const char    *path = little_path(test_directory(), "huge.npy");
    uint8_t       *lane;

    assert_ok(pr_npy_write(path, PR_U64, 1, shape, numbers));
    const pr_placement_options options = options_of(PR_SHARDS_PART, path);
    assert_fails(PR_E_INPUT,
                 "huge.npy: entry 1 is 18446744073709551615, must be a part in 0 .. 127",
                 pri_parts_open(&options, N, 2, 1, &lane, why));
}

static void fewer_parts_than_lanes_say_what_to_do(void **state)
{
    (void)state;
    const double two[N] = { 0, 1, 1, 0, 1 }, one[N] = { 0 };
    uint8_t     *lane;

    assert_fails(PR_E_MISMATCH,
                 "parts.npy: has 2 parts, and there are 3 lanes: packrat partition --parts 3 makes "
                 "as many, --lanes 2 uses these",
                 read_numbers(PR_U8, 1, N, 1, two, 3, &lane));
    assert_fails(PR_E_MISMATCH, "has 1 part, and there are 2 lanes",
                 read_numbers(PR_U8, 1, N, 1, one, 2, &lane));
}

static void files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    const char                *dir   = test_directory();
    static const char          cut[] = "\x93NUMPY\x01";
    const pr_placement_options none  = options_of(PR_SHARDS_PART, little_path(dir, "none.npy"));
    const pr_placement_options part =
        options_of(PR_SHARDS_PART, test_file(dir, "cut.npy", cut, sizeof cut - 1));
    uint8_t *lane;

    assert_fails(PR_E_INPUT, "none.npy", pri_parts_open(&none, N, 2, 1, &lane, why));
    assert_fails(PR_E_INPUT, "cut.npy", pri_parts_open(&part, N, 2, 1, &lane, why));
    assert_null(lane);
}

static void a_file_goes_with_parts_and_parts_with_a_file(void **state)
{
    (void)state;
    const pr_placement_options part  = options_of(PR_SHARDS_PART, "");
    const pr_placement_options range = options_of(PR_SHARDS_RANGE, "p.npy");
    const pr_placement_options hash  = options_of(PR_SHARDS_HASH, "p.npy");
    uint8_t                   *lane;

    assert_fails(PR_E_ARG, "--shards part needs --shards.file FILE",
                 pri_parts_open(&part, N, 2, 1, &lane, why));
    assert_fails(PR_E_ARG, "--shards.file p.npy goes with --shards part, and --shards is range",
                 pri_parts_open(&range, N, 2, 1, &lane, why));
    assert_fails(PR_E_ARG, "--shards is hash", pri_parts_open(&hash, N, 2, 1, &lane, why));
    assert_null(lane);
}

static pr_status open_parts(void *context, void **out)
{
    uint8_t        *lane = NULL;
    const pr_status st   = pri_parts_open(context, N, 2, 1, &lane, why);
    *out                 = lane;
    return st;
}

static void parts_that_cannot_be_kept_leave_nothing(void **state)
{
    (void)state;
    const char  *dir     = test_directory();
    const double good[N] = { 0, 1, 1, 0, 0 };

    little_put_array(dir, "p.npy", PR_I64, 1, N, 1, good);
    pr_placement_options part = options_of(PR_SHARDS_PART, little_path(dir, "p.npy"));
    pr_placement_options hash = options_of(PR_SHARDS_HASH, "");
    test_oom("parts", open_parts, pri_free, &part);
    test_oom("hashes", open_parts, pri_free, &hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_need_no_list),
        cmocka_unit_test(hashes_are_even_and_go_by_seed_and_id_alone),
        cmocka_unit_test(one_lane_has_all_rows),
        cmocka_unit_test(parts_of_any_whole_type_are_dealt_evenly_and_in_order),
        cmocka_unit_test(the_largest_part_says_how_many_there_are),
        cmocka_unit_test(files_that_are_no_parts_are_named_with_what_they_hold),
        cmocka_unit_test(a_number_beyond_63_bits_is_named_too),
        cmocka_unit_test(fewer_parts_than_lanes_say_what_to_do),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(a_file_goes_with_parts_and_parts_with_a_file),
        cmocka_unit_test(parts_that_cannot_be_kept_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
