/* test_fanout.c: what --fanout accepts and what it says otherwise. */
#include "support/support.h"

static void expect(const char *text, uint32_t layers, uint32_t num, const uint32_t *hops)
{
    pr_fanout fanout;

    assert_ok(pr_fanout_parse(text, layers, &fanout));
    assert_int_equal(fanout.num_layers, num);
    for (uint32_t h = 0; h < num; h++) assert_int_equal(fanout.hop[h], hops[h]);
}

static void a_list_names_the_hops_and_their_number(void **state)
{
    (void)state;
    expect("15,10,5", 0, 3, (uint32_t[]){ 15, 10, 5 });
    expect("15,10,5", 3, 3, (uint32_t[]){ 15, 10, 5 });
    expect("15,all", 0, 2, (uint32_t[]){ 15, PR_FANOUT_ALL });
    expect("15,all,5", 0, 3, (uint32_t[]){ 15, PR_FANOUT_ALL, 5 });
    expect("1,65535", 2, 2, (uint32_t[]){ 1, PR_FANOUT_MAX });
}

static void one_value_repeats_for_all_layers(void **state)
{
    (void)state;
    expect("all", 0, 2, (uint32_t[]){ PR_FANOUT_ALL, PR_FANOUT_ALL });
    expect("all", 1, 1, (uint32_t[]){ PR_FANOUT_ALL });
    expect("7", 4, 4, (uint32_t[]){ 7, 7, 7, 7 });
    expect("7", 0, 2, (uint32_t[]){ 7, 7 });
}

static void auto_is_15_10_5_5_cut_to_the_layers(void **state)
{
    (void)state;
    expect("auto", 0, 2, (uint32_t[]){ 15, 10 });
    expect("auto", 1, 1, (uint32_t[]){ 15 });
    expect("auto", 5, 5, (uint32_t[]){ 15, 10, 5, 5, 5 });
    expect("auto", 16, 16, (uint32_t[]){ 15, 10, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5 });
}

static void a_bad_value_is_named_with_what_is_allowed(void **state)
{
    static const char *const bad[] = {
        "",    ",",      "0",    "5,0",   "-1",         "+3",
        "5,",  ",5",     "5,,5", "65536", "4294967297", "1e3",
        "ALL", "auto,5", " 5",   "5, 5",  "alls",       "99999999999999999999999999999999"
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pr_fanout fanout = { .num_layers = 77 };
        assert_fails(PR_E_ARG, "1..65535 or all", pr_fanout_parse(bad[i], 0, &fanout));
        assert_non_null(strstr(pr_error_message(), "--fanout"));
        assert_int_equal(fanout.num_layers, 77);
    }
    pr_fanout fanout;
    assert_fails(PR_E_ARG, "value 2 is \"x\"", pr_fanout_parse("15,x,5", 0, &fanout));
    assert_fails(PR_E_ARG, "--fanout", pr_fanout_parse(NULL, 0, &fanout));
    assert_fails(PR_E_ARG, "NULL", pr_fanout_parse("5", 0, NULL));
}

static void a_number_of_hops_unlike_the_layers_names_both(void **state)
{
    pr_fanout fanout;

    (void)state;
    assert_fails(PR_E_ARG, "--fanout 15,10,5 names 3 hops but --layers is 2",
                 pr_fanout_parse("15,10,5", 2, &fanout));
    assert_fails(PR_E_ARG, "names 2 hops but --layers is 3", pr_fanout_parse("15,10", 3, &fanout));
    assert_fails(PR_E_ARG, "names 2 hops but --layers is 1",
                 pr_fanout_parse("all,all", 1, &fanout));
}

static void more_than_sixteen_hops_are_refused(void **state)
{
    pr_fanout fanout;
    char      text[8192];

    (void)state;
    assert_ok(pr_fanout_parse("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", 0, &fanout));
    assert_int_equal(fanout.num_layers, 16);
    assert_fails(PR_E_ARG, "more than 16 hops",
                 pr_fanout_parse("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", 0, &fanout));
    assert_fails(PR_E_ARG, "--layers is 17", pr_fanout_parse("5", 17, &fanout));
    memset(text, '1', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_fails(PR_E_ARG, "--fanout", pr_fanout_parse(text, 0, &fanout));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_names_the_hops_and_their_number),
        cmocka_unit_test(one_value_repeats_for_all_layers),
        cmocka_unit_test(auto_is_15_10_5_5_cut_to_the_layers),
        cmocka_unit_test(a_bad_value_is_named_with_what_is_allowed),
        cmocka_unit_test(a_number_of_hops_unlike_the_layers_names_both),
        cmocka_unit_test(more_than_sixteen_hops_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
