/* Bytes that are escaped in lines for LOAD DATA. */

#ifndef ESCAPES_H
#define ESCAPES_H

#include <stdint.h>

/* The letters that stand for them after a backslash; of all others there is none. */
static const char ESCAPES[256] = {['\\'] = '\\', ['\t'] = 't', ['\n'] = 'n', ['\0'] = '0'};

#endif
