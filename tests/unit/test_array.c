/* test_array.c: a file that is used in place moves to huge pages with the same elements, and stays
 * in place where there is no memory. */
#include "support/little.h"

#include "base/mem.h"
#include "loaders/array.h"
#include "loaders/npy.h"

static void open_indices(pri_array *array, const char *directory)
{
    little_put(directory, CSC | DENSE);
    assert_ok(pri_array_open(array, directory, "indices.npy", PRI_TYPES_ID));
}

static void a_file_moves_to_pages_with_its_elements(void **state)
{
    const char   *directory = test_directory();
    const int64_t live      = pri_mem_live();
    pri_array     before = { 0 }, after = { 0 };

    (void)state;
    open_indices(&before, directory);
    open_indices(&after, directory);
    const size_t size = pri_dtype_bytes(before.npy.dtype);
    const void  *copy = pri_array_to_pages(&after, 2, LITTLE_E - 2);
    assert_non_null(copy);
    assert_memory_equal(copy, (const char *)before.npy.data + 2 * size, (LITTLE_E - 2) * size);
    assert_ptr_equal(after.memory, copy);
    assert_null(after.npy.data);
    pri_array_close(&before);
    pri_array_close(&after);
    assert_int_equal(pri_mem_live(), live);
}

static void without_memory_the_file_stays_in_place(void **state)
{
    pri_array array = { 0 };

    (void)state;
    open_indices(&array, test_directory());
    pri_mem_fail_at(0);
    assert_null(pri_array_to_pages(&array, 0, LITTLE_E));
    pri_mem_fail_at(-1);
    assert_null(array.memory);
    assert_non_null(array.npy.data);
    pri_array_close(&array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_moves_to_pages_with_its_elements),
        cmocka_unit_test(without_memory_the_file_stays_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
