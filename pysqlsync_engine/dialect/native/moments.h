/* How moments are counted: in microseconds, and days, from the year 2000 on. */

#ifndef MOMENTS_H
#define MOMENTS_H

#include <stdint.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

/* From the first of March of the year 0, on which years begin to be alike: a leap day is the last one of such a year. */
#define DAYS_BEFORE_2000 730425

#endif
