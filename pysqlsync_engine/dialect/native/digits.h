/* Digits of numbers. */

#ifndef DIGITS_H
#define DIGITS_H

#include <stdint.h>

/* Appends so many digits of a number, and what comes after them. */
static inline void
put_digits(char **text, int64_t number, int digits, char after)
{
    for (int place = digits - 1; place >= 0; place--) {
        (*text)[place] = (char)('0' + number % 10);
        number /= 10;
    }
    (*text)[digits] = after;
    *text += digits + 1;
}

#endif
