/* float_text.h: floats as text, many times faster than printf. */
#ifndef BASE_FLOAT_TEXT_H
#define BASE_FLOAT_TEXT_H

#include <stddef.h>

#define PRI_FLOAT_TEXT 16 /* most bytes of one */

/* Write what printf("%.9g") writes, byte by byte, without an end: the number that reads back as the
 * same float. JSON differs in two: -0 is "-0.0", so that its sign is kept by readers that make an
 * integer of "-0", and what is not finite is "null". Gives the bytes written. Cannot fail. */
size_t pri_float_text(float x, char out[PRI_FLOAT_TEXT]);

#endif
