/* sqlite_version.h: which SQLite this is, for the log's versions. */
#ifndef PIPELINE_LOG_SQLITE_VERSION_H
#define PIPELINE_LOG_SQLITE_VERSION_H

const char *pri_sqlite_version(void); /* "3.40.1"; a literal of the library */

#endif
