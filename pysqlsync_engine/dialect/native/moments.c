/* Fields of dates and times, which count from the year 2000. */

#include "fields.h"
#include "moments.h"

/* Nanoseconds, as far as they are zeros. */
#define MAX_FRACTION_DIGITS 9

typedef struct {
    const char *text;
    const char *end;
} Reader;

static bool
read_digits(Reader *reader, int count, int least, int most, int *value)
{
    if (reader->end - reader->text < count) {
        return false;
    }
    *value = 0;
    for (int index = 0; index < count; index++) {
        if (!is_digit(reader->text[index])) {
            return false;
        }
        *value = 10 * *value + (reader->text[index] - '0');
    }
    reader->text += count;
    return *value >= least && *value <= most;
}

static bool
read_letter(Reader *reader, char letter)
{
    if (reader->text == reader->end || *reader->text != letter) {
        return false;
    }
    reader->text++;
    return true;
}

static int
days_of_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : DAYS[month - 1];
}

/* Days from 2000-01-01 to one that exists; the year starts in March, so that a leap day is its last one. */
static int32_t
days_since_2000(int year, int month, int day)
{
    int shifted = year - (month <= 2);
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - DAYS_BEFORE_2000;
}

static bool
read_date(Reader *reader, const Field *field, int32_t *days)
{
    int year, month, day;
    if (!read_digits(reader, 4, (int)field->first, (int)field->last, &year) || !read_letter(reader, '-')
        || !read_digits(reader, 2, 1, 12, &month) || !read_letter(reader, '-')
        || !read_digits(reader, 2, 1, days_of_month(year, month), &day)) {
        return false;
    }
    *days = days_since_2000(year, month, day);
    return true;
}

/* Reads digits of a second, of which there are no more than the column has, but for zeros. */
static bool
read_fraction(Reader *reader, long digits, int64_t *microseconds)
{
    int64_t unit = SECOND;
    long count = 0;
    while (reader->text < reader->end && is_digit(*reader->text)) {
        if (++count > digits && *reader->text != '0') {
            return false;
        }
        unit /= 10;
        *microseconds += unit * (*reader->text - '0');
        reader->text++;
    }
    return count > 0 && count <= MAX_FRACTION_DIGITS;
}

static bool
read_clock(Reader *reader, long digits, int64_t *microseconds)
{
    int hours, minutes, seconds = 0;
    if (!read_digits(reader, 2, 0, 23, &hours) || !read_letter(reader, ':') || !read_digits(reader, 2, 0, 59, &minutes)) {
        return false;
    }
    bool has_seconds = read_letter(reader, ':');
    if (has_seconds && !read_digits(reader, 2, 0, 59, &seconds)) {
        return false;
    }
    *microseconds = SECOND * (60 * (60 * (int64_t)hours + minutes) + seconds);
    return !has_seconds || !read_letter(reader, '.') || read_fraction(reader, digits, microseconds);
}

static bool
read_offset(Reader *reader, int64_t *microseconds)
{
    int hours, minutes = 0;
    *microseconds = 0;
    if (read_letter(reader, 'Z')) {
        return true;
    }
    bool is_negative = read_letter(reader, '-');
    if ((!is_negative && !read_letter(reader, '+')) || !read_digits(reader, 2, 0, 14, &hours)) {
        return false;
    }
    bool has_minutes = read_letter(reader, ':') || reader->text < reader->end;
    if (has_minutes && !read_digits(reader, 2, 0, 59, &minutes)) {
        return false;
    }
    *microseconds = SECOND * 60 * (60 * (int64_t)hours + minutes) * (is_negative ? -1 : 1);
    return true;
}

static Verdict
append_number(Buffer *buffer, uint32_t width, int64_t value)
{
    if (buffer_reserve(buffer, 12) < 0) {
        return NO_MEMORY;
    }
    append_uint32(buffer, width);
    store_uint64(buffer->bytes + buffer->size, (uint64_t)value << (64 - 8 * width));
    buffer->size += width;
    return WRITTEN;
}

static Reader
reader_of(const Cell *cell)
{
    return (Reader){cell->text, cell->text + cell->size};
}

Verdict
write_date(const Field *field, const Cell *cell, Buffer *buffer)
{
    Reader reader = reader_of(cell);
    int32_t days;
    if (!read_date(&reader, field, &days) || reader.text != reader.end) {
        return INEXACT;
    }
    return append_number(buffer, 4, days);
}

static bool
read_moment(Reader *reader, const Field *field, int64_t *moment)
{
    int32_t days;
    if (!read_date(reader, field, &days) || !(read_letter(reader, 'T') || read_letter(reader, ' '))
        || !read_clock(reader, field->limit, moment)) {
        return false;
    }
    *moment += DAY * days;
    return true;
}

Verdict
write_timestamp(const Field *field, const Cell *cell, Buffer *buffer)
{
    Reader reader = reader_of(cell);
    int64_t moment;
    if (!read_moment(&reader, field, &moment) || reader.text != reader.end) {
        return INEXACT;
    }
    return append_number(buffer, 8, moment);
}

Verdict
write_timestamptz(const Field *field, const Cell *cell, Buffer *buffer)
{
    Reader reader = reader_of(cell);
    int64_t moment, offset;
    if (!read_moment(&reader, field, &moment) || !read_offset(&reader, &offset) || reader.text != reader.end) {
        return INEXACT;
    }
    return append_number(buffer, 8, moment - offset);
}

Verdict
write_time(const Field *field, const Cell *cell, Buffer *buffer)
{
    Reader reader = reader_of(cell);
    int64_t microseconds;
    if (!read_clock(&reader, field->limit, &microseconds) || reader.text != reader.end) {
        return INEXACT;
    }
    return append_number(buffer, 8, microseconds);
}
