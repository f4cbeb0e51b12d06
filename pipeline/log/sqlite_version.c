/* sqlite_version.c: which SQLite this is. */
#include "pipeline/log/sqlite_version.h"

#include <sqlite3.h>

const char *pri_sqlite_version(void)
{
    return sqlite3_libversion();
}
