/* Fields as cells of lines for LOAD DATA, without a character set: what was found exact, spelled as the server reads it. */

#include <string.h>

#include "digits.h"
#include "escapes.h"
#include "fields.h"
#include "moments.h"

/* Bytes before the value in a field of binary COPY. */
#define LENGTH_BYTES 4
#define ADDRESS_HEAD_BYTES 8

/* Digits of numbers, before and after the point, that the server is known to read as others do. */
#define MAX_WHOLE_DIGITS 17
#define MAX_FRACTION_DIGITS 20

#define MAX_MOMENT_BYTES 64

static size_t
count_escapes(const uint8_t *text, size_t size)
{
    size_t count = 0;
    for (size_t index = 0; index < size; index++) {
        count += ESCAPES[text[index]] != '\0';
    }
    return count;
}

/*
 * Makes a cell of a field of binary COPY that begins at a place: without what is before its value, with escapes unless nothing in it
 * needs them.
 */
static Verdict
unpack(Buffer *buffer, size_t start, size_t head, bool is_plain)
{
    size_t size = buffer->size - start - head;
    size_t escapes = is_plain ? 0 : count_escapes(buffer->bytes + start + head, size);
    if (buffer_reserve(buffer, escapes) < 0) {
        return NO_MEMORY;
    }
    uint8_t *place = buffer->bytes + start;
    memmove(place, place + head, size);
    buffer->size = start + size + escapes;
    uint8_t *from = place + size, *to = buffer->bytes + buffer->size;
    /* from the end, so that nothing is overwritten before it was read */
    while (to > from) {
        char letter = ESCAPES[*--from];
        *--to = letter == '\0' ? *from : (uint8_t)letter;
        if (letter != '\0') {
            *--to = '\\';
        }
    }
    return WRITTEN;
}

static Verdict
append_bytes(Buffer *buffer, const char *bytes, size_t size)
{
    if (buffer_reserve(buffer, size) < 0) {
        return NO_MEMORY;
    }
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    return WRITTEN;
}

/* Digits, a point and more digits, an exponent of one digit. */
static bool
is_usual_number(const Cell *cell)
{
    const char *text = cell->text, *end = text + cell->size;
    size_t whole = 0, fraction = 0;
    text += text < end && *text == '-';
    for (; text < end && is_digit(*text); text++) {
        whole++;
    }
    bool has_point = text < end && *text == '.';
    for (text += has_point; has_point && text < end && is_digit(*text); text++) {
        fraction++;
    }
    if (whole < 1 || whole > MAX_WHOLE_DIGITS || fraction > MAX_FRACTION_DIGITS || (has_point && fraction == 0)) {
        return false;
    }
    if (text < end && *text == 'e') {
        text++;
        text += text < end && (*text == '-' || *text == '+');
        return end - text == 1 && is_digit(*text);
    }
    return text == end;
}

/* A number without zeros after the point for which the column has no room. */
static Verdict
append_decimal(const Field *field, const Cell *cell, Buffer *buffer)
{
    const char *point = memchr(cell->text, '.', cell->size);
    if (point == NULL || field->scale < 0) {
        return append_bytes(buffer, cell->text, cell->size);
    }
    /* without room for a digit, without the point */
    size_t most = (size_t)(point - cell->text) + (field->scale > 0 ? 1 + (size_t)field->scale : 0);
    return append_bytes(buffer, cell->text, cell->size < most ? cell->size : most);
}

static int64_t
number_at(const uint8_t *place)
{
    uint64_t number = 0;
    for (size_t index = 0; index < sizeof number; index++) {
        number = number << 8 | place[index];
    }
    return (int64_t)number;
}

/* Spells the time of a day, with as many digits of a second as the column has. */
static char *
put_clock(char *text, int64_t microseconds, long digits)
{
    int64_t seconds = microseconds / SECOND;
    put_digits(&text, seconds / 3600, 2, ':');
    put_digits(&text, seconds / 60 % 60, 2, ':');
    put_digits(&text, seconds % 60, 2, '.');
    put_digits(&text, microseconds % SECOND, 6, '\0');
    return text - (digits > 0 ? 7 - digits : 8);
}

/* Spells a day that counts from the year 2000; the year starts in March, so that a leap day is its last one. */
static char *
put_day(char *text, int64_t days)
{
    /* of which there are 146,097 in 400 years */
    int64_t number = days + DAYS_BEFORE_2000;
    int64_t era = number / 146097, of_era = number % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    put_digits(&text, year + era * 400 + (month <= 2), 4, '-');
    put_digits(&text, month, 2, '-');
    put_digits(&text, of_year - (153 * shifted + 2) / 5 + 1, 2, ' ');
    return text;
}

static Verdict
append_moment(const Field *field, Buffer *buffer, int64_t moment)
{
    char text[MAX_MOMENT_BYTES], *end = text;
    int64_t days = moment / DAY - (moment % DAY < 0);
    if (field->kind != KIND_TIME) {
        end = put_day(end, days);
    }
    end = put_clock(end, moment - days * DAY, field->limit);
    return append_bytes(buffer, text, (size_t)(end - text));
}

static Verdict
respell(const Field *field, const Cell *cell, Buffer *buffer, size_t start)
{
    const uint8_t *value = buffer->bytes + start + LENGTH_BYTES;
    int64_t moment;
    switch (field->kind) {
    case KIND_BOOLEAN:
        buffer->size = start;
        return append_bytes(buffer, *value ? "1" : "0", 1);
    case KIND_FLOAT:
        buffer->size = start;
        return is_usual_number(cell) ? append_bytes(buffer, cell->text, cell->size) : INEXACT;
    case KIND_DECIMAL:
        buffer->size = start;
        return append_decimal(field, cell, buffer);
    case KIND_TIMESTAMP:
    case KIND_TIMESTAMPTZ:
    case KIND_TIME:
        moment = number_at(value);
        buffer->size = start;
        return append_moment(field, buffer, moment);
    default:
        buffer->size = start;
        return append_bytes(buffer, cell->text, cell->size);
    }
}

Verdict
write_line_cell(const Field *field, const Cell *cell, Buffer *buffer)
{
    size_t start = buffer->size;
    bool is_plain;
    Verdict verdict = WRITERS[field->kind](field, cell, buffer);
    if (verdict != WRITTEN) {
        return verdict;
    }
    switch (field->kind) {
    case KIND_TEXT:
        if (field->scale >= 0 && buffer->size - start - LENGTH_BYTES > (size_t)field->scale) {
            return INEXACT;
        }
        /* what is as long as the cell had no escapes in it */
        is_plain = !cell->has_tabs && buffer->size - start - LENGTH_BYTES == cell->size;
        return unpack(buffer, start, LENGTH_BYTES, is_plain);
    case KIND_UUID:
        return unpack(buffer, start, LENGTH_BYTES, false);
    case KIND_ADDRESS:
        return unpack(buffer, start, ADDRESS_HEAD_BYTES, false);
    default:
        return respell(field, cell, buffer, start);
    }
}
