/* Fields of numbers and truth values. */

#include <Python.h>

#include <math.h>
#include <string.h>

#include "fields.h"

/* Decimal digits in each digit of a `numeric`, and how many of those there are before or after the point at most. */
#define BASE_DIGITS 4
#define MAX_DIGITS 1000

#define NEGATIVE 0x4000

/* Digits of 64 bits at most, and the lowest number of so many digits. */
#define MAX_INTEGER_DIGITS 20
#define FIRST_OF_MOST_DIGITS UINT64_C(10000000000000000000)

/* Digits of whole numbers that a double has exactly. */
#define EXACT_DIGITS 15
#define EXACT_POWER 22

#define MAX_FLOAT_BYTES 128

static const double POWERS[EXACT_POWER + 1] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* A number as it is spelled: a sign, digits, a point and more digits, an exponent. */
typedef struct {
    bool is_negative;
    const char *whole;
    size_t whole_size;
    const char *fraction;
    size_t fraction_size;
    int exponent;
    size_t exponent_size;
} Spelling;

static size_t
count_digits(const char *text, const char *end)
{
    const char *start = text;
    while (text < end && is_digit(*text)) {
        text++;
    }
    return (size_t)(text - start);
}

static const char *
read_sign(const char *text, const char *end, bool *is_negative)
{
    *is_negative = text < end && *text == '-';
    return text < end && (*text == '-' || *text == '+') ? text + 1 : text;
}

static const char *
read_exponent(const char *text, const char *end, Spelling *found)
{
    bool is_negative;
    text = read_sign(text, end, &is_negative);
    found->exponent_size = count_digits(text, end);
    if (found->exponent_size < 1 || found->exponent_size > 2) {
        return NULL;
    }
    for (size_t index = 0; index < found->exponent_size; index++) {
        found->exponent = 10 * found->exponent + (text[index] - '0');
    }
    found->exponent = is_negative ? -found->exponent : found->exponent;
    return text + found->exponent_size;
}

/* Returns false unless all of the cell is a number that starts with a digit. */
static bool
read_number(const Cell *cell, bool has_exponent, Spelling *found)
{
    const char *end = cell->text + cell->size;
    memset(found, 0, sizeof *found);
    found->whole = read_sign(cell->text, end, &found->is_negative);
    found->whole_size = count_digits(found->whole, end);
    const char *text = found->whole + found->whole_size;
    if (found->whole_size == 0) {
        return false;
    }
    if (text < end && *text == '.') {
        found->fraction = text + 1;
        found->fraction_size = count_digits(text + 1, end);
        text += 1 + found->fraction_size;
        if (found->fraction_size == 0) {
            return false;
        }
    }
    if (has_exponent && text < end && (*text == 'e' || *text == 'E')) {
        text = read_exponent(text + 1, end, found);
    }
    return text == end;
}

static uint64_t
value_of(const char *digits, size_t size, uint64_t start)
{
    for (size_t index = 0; index < size; index++) {
        start = 10 * start + (uint64_t)(digits[index] - '0');
    }
    return start;
}

/* The greatest integer that a column has, without its sign. */
static uint64_t
most_of(const Field *field, bool is_negative)
{
    uint64_t half = UINT64_C(1) << (8 * field->limit - 1);
    if (field->first == 0) {
        return is_negative ? 0 : half + (half - 1);
    }
    return is_negative ? half : half - 1;
}

Verdict
write_integer(const Field *field, const Cell *cell, Buffer *buffer)
{
    const char *end = cell->text + cell->size;
    bool is_negative;
    const char *digits = read_sign(cell->text, end, &is_negative);
    size_t size = count_digits(digits, end), width = (size_t)field->limit;
    if (size == 0 || size > MAX_INTEGER_DIGITS || digits + size != end) {
        return INEXACT;
    }
    uint64_t value = value_of(digits, size, 0);
    /* what starts with 1 and has more than 64 bits comes out too low */
    bool is_over = size == MAX_INTEGER_DIGITS && (*digits != '1' || value < FIRST_OF_MOST_DIGITS);
    if (is_over || value > most_of(field, is_negative)) {
        return INEXACT;
    }
    if (buffer_reserve(buffer, 12) < 0) {
        return NO_MEMORY;
    }
    append_uint32(buffer, (uint32_t)width);
    store_uint64(buffer->bytes + buffer->size, (is_negative ? 0 - value : value) << (64 - 8 * width));
    buffer->size += width;
    return WRITTEN;
}

/* Finds the nearest number if it comes of two exact ones by one operation, which rounds once. */
static bool
find_quickly(const Cell *cell, double *value)
{
    Spelling spelled;
    if (!read_number(cell, true, &spelled) || spelled.whole_size + spelled.fraction_size > EXACT_DIGITS) {
        return false;
    }
    int power = spelled.exponent - (int)spelled.fraction_size;
    if (power < -EXACT_POWER || power > EXACT_POWER) {
        return false;
    }
    double digits = (double)value_of(spelled.fraction, spelled.fraction_size, value_of(spelled.whole, spelled.whole_size, 0));
    *value = power < 0 ? digits / POWERS[-power] : digits * POWERS[power];
    *value = spelled.is_negative ? -*value : *value;
    return true;
}

/* Finds what Python takes the text for, unless that is out of range. */
static bool
find_slowly(const Cell *cell, double *value)
{
    char text[MAX_FLOAT_BYTES];
    if (cell->size >= sizeof text) {
        return false;
    }
    memcpy(text, cell->text, cell->size);
    text[cell->size] = '\0';
    *value = PyOS_string_to_double(text, NULL, PyExc_OverflowError);
    if (*value == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return false;
    }
    return true;
}

Verdict
write_float(const Field *field, const Cell *cell, Buffer *buffer)
{
    double value;
    if (!find_quickly(cell, &value) && !find_slowly(cell, &value)) {
        return INEXACT;
    }
    bool is_double = field->limit == 8;
    if (!is_double && isinf((float)value) && !isinf(value)) {
        return INEXACT;
    }
    if (buffer_reserve(buffer, 12) < 0) {
        return NO_MEMORY;
    }
    append_uint32(buffer, (uint32_t)field->limit);
    if (is_double) {
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        append_uint64(buffer, bits);
    } else {
        float narrow = (float)value;
        uint32_t bits;
        memcpy(&bits, &narrow, sizeof bits);
        append_uint32(buffer, bits);
    }
    return WRITTEN;
}

/* Appends digits of base 10,000, of which the last one is filled up with zeros. */
static void
append_digits(const char *text, size_t size, Buffer *buffer)
{
    for (size_t start = 0; start < size; start += BASE_DIGITS) {
        uint16_t digit = 0;
        for (size_t index = start; index < start + BASE_DIGITS; index++) {
            digit = (uint16_t)(10 * digit + (index < size ? text[index] - '0' : 0));
        }
        append_uint16(buffer, digit);
    }
}

/* Returns false if a number has more digits than the column has room for; zeros at either end are left out, as they need none. */
static bool
fits(const Field *field, Spelling *spelled)
{
    size_t most = field->limit < 0 ? MAX_DIGITS : (size_t)field->limit;
    size_t scale = field->scale < 0 ? MAX_DIGITS : (size_t)field->scale;
    while (spelled->whole_size > 1 && *spelled->whole == '0') {
        spelled->whole++;
        spelled->whole_size--;
    }
    while (spelled->fraction_size > scale && spelled->fraction[spelled->fraction_size - 1] == '0') {
        spelled->fraction_size--;
    }
    bool is_fraction = spelled->whole_size == 1 && *spelled->whole == '0';
    return (is_fraction || spelled->whole_size <= most) && spelled->fraction_size <= scale;
}

/* The server leaves out digits that are idle. */
Verdict
write_decimal(const Field *field, const Cell *cell, Buffer *buffer)
{
    Spelling spelled;
    if (!read_number(cell, false, &spelled)) {
        return INEXACT;
    }
    if (!fits(field, &spelled)) {
        return INEXACT;
    }
    size_t head = spelled.whole_size % BASE_DIGITS;
    size_t before = (spelled.whole_size + BASE_DIGITS - 1) / BASE_DIGITS;
    size_t after = (spelled.fraction_size + BASE_DIGITS - 1) / BASE_DIGITS;
    size_t size = 8 + 2 * (before + after);
    if (buffer_reserve(buffer, 4 + size) < 0) {
        return NO_MEMORY;
    }
    append_uint32(buffer, (uint32_t)size);
    append_uint16(buffer, (uint16_t)(before + after));
    append_uint16(buffer, (uint16_t)(before - 1));
    append_uint16(buffer, spelled.is_negative ? NEGATIVE : 0);
    append_uint16(buffer, (uint16_t)spelled.fraction_size);
    if (head > 0) {
        append_uint16(buffer, (uint16_t)value_of(spelled.whole, head, 0));
    }
    append_digits(spelled.whole + head, spelled.whole_size - head, buffer);
    append_digits(spelled.fraction, spelled.fraction_size, buffer);
    return WRITTEN;
}

Verdict
write_boolean(const Field *field, const Cell *cell, Buffer *buffer)
{
    static const struct {
        const char *text;
        uint8_t value;
    } words[] = {{"t", 1}, {"f", 0}, {"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0}, {"1", 1}, {"0", 0}};
    (void)field;
    for (size_t index = 0; index < sizeof words / sizeof *words; index++) {
        if (strlen(words[index].text) == cell->size && memcmp(words[index].text, cell->text, cell->size) == 0) {
            if (buffer_reserve(buffer, 5) < 0) {
                return NO_MEMORY;
            }
            append_uint32(buffer, 1);
            buffer->bytes[buffer->size++] = words[index].value;
            return WRITTEN;
        }
    }
    return INEXACT;
}
