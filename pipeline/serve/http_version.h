/* http_version.h: which libmicrohttpd this is, for the log's versions. */
#ifndef PIPELINE_SERVE_HTTP_VERSION_H
#define PIPELINE_SERVE_HTTP_VERSION_H

const char *pri_http_version(void); /* "0.9.75"; a literal of the library */

#endif
