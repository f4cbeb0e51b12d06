/* machines.c: see machines.h. */
#include "support/machines.h"

#include "support/support.h"

#include <hwloc.h>

char *test_read(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *bytes     = (size_t)ftell(file);
    char *text = malloc(*bytes + 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, *bytes, file), *bytes);
    text[*bytes] = '\0';
    fclose(file);
    return text;
}

/* Give `text` with one edit made; frees it. */
static char *edited(char *text, const test_edit *edit)
{
    char *at = strstr(text, edit->from);

    if (!at) fail_msg("the machine's XML has no '%s'", edit->from);
    const size_t before = (size_t)(at - text);
    const size_t bytes  = strlen(text) + strlen(edit->to) + 1;
    char        *out    = malloc(bytes);
    assert_non_null(out);
    snprintf(out, bytes, "%.*s%s%s", (int)before, text, edit->to, at + strlen(edit->from));
    free(text);
    return out;
}

const char *test_machine_xml(const char *synthetic, const test_edit *edits, size_t num_edits)
{
    static const char *directory;
    static int         number;
    hwloc_topology_t   hw;
    char              *xml, name[32];
    int                bytes;

    assert_int_equal(hwloc_topology_init(&hw), 0);
    assert_int_equal(hwloc_topology_set_synthetic(hw, synthetic), 0);
    assert_int_equal(hwloc_topology_load(hw), 0);
    assert_int_equal(hwloc_topology_export_xmlbuffer(hw, &xml, &bytes, 0), 0);
    char *text = strdup(xml);
    assert_non_null(text);
    hwloc_free_xmlbuffer(hw, xml);
    hwloc_topology_destroy(hw);
    for (size_t i = 0; i < num_edits; i++) text = edited(text, &edits[i]);
    snprintf(name, sizeof name, "machine%d.xml", number++);
    if (!directory) directory = test_directory();
    const char *path = test_file(directory, name, text, strlen(text));
    free(text);
    return path;
}
