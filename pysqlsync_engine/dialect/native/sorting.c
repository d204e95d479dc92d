/* Lines for LOAD DATA in the order of one of their cells, as a table that is kept in that order takes less work then. */

#include "sorting.h"

#include <stdlib.h>
#include <string.h>

#include "digits.h"

static uint64_t
prefix_of(const char *cell, size_t size)
{
    uint64_t prefix = 0;
    for (size_t index = 0; index < sizeof prefix; index++) {
        prefix = prefix << 8 | (index < size ? (uint8_t)cell[index] : 0);
    }
    return prefix;
}

static Line
find_cell(const char *text, const char *end, size_t cell, size_t place)
{
    const char *start = text;
    for (; cell > 0 && start < end; cell--) {
        const char *tab = memchr(start, '\t', (size_t)(end - start));
        start = tab == NULL ? end : tab + 1;
    }
    const char *stop = memchr(start, '\t', (size_t)(end - start));
    size_t size = (size_t)((stop == NULL ? end : stop) - start);
    return (Line){prefix_of(start, size), text, (size_t)(end - text) + 1, start, size, place};
}

static int
compare(const void *left, const void *right)
{
    const Line *one = left, *other = right;
    if (one->prefix != other->prefix) {
        return one->prefix < other->prefix ? -1 : 1;
    }
    size_t common = one->cell_size < other->cell_size ? one->cell_size : other->cell_size;
    int result = memcmp(one->cell, other->cell, common);
    if (result == 0 && one->cell_size != other->cell_size) {
        result = one->cell_size < other->cell_size ? -1 : 1;
    }
    return result != 0 ? result : (one->place > other->place) - (one->place < other->place);
}

static int
add_line(Lines *lines, Line line)
{
    if (lines->count == lines->room) {
        size_t room = lines->room == 0 ? 4096 : 2 * lines->room;
        Line *grown = room > SIZE_MAX / 2 / sizeof *grown ? NULL : realloc(lines->lines, room * sizeof *grown);
        if (grown == NULL) {
            return -1;
        }
        lines->lines = grown;
        lines->room = room;
    }
    lines->lines[lines->count++] = line;
    lines->bytes += line.size;
    return 0;
}

int
find_lines(const char *text, size_t size, size_t cell, Lines *lines)
{
    const char *stop = text + size;
    while (text < stop) {
        const char *end = memchr(text, '\n', (size_t)(stop - text));
        if (end == NULL) {
            break;
        }
        if (add_line(lines, find_cell(text, end, cell, lines->count)) < 0) {
            return -1;
        }
        text = end + 1;
    }
    return 0;
}

void
sort_all(Lines *lines)
{
    for (size_t index = 1; index < lines->count; index++) {
        if (compare(&lines->lines[index - 1], &lines->lines[index]) > 0) {
            qsort(lines->lines, lines->count, sizeof *lines->lines, compare);
            return;
        }
    }
}

static int
count_digits(uint64_t number)
{
    int digits = 1;
    for (; number > 9; number /= 10) {
        digits++;
    }
    return digits;
}

size_t
numbered_size(const Lines *lines, uint64_t first)
{
    size_t size = lines->bytes;
    for (size_t index = 0; index < lines->count; index++) {
        size += (size_t)count_digits(first + index) + 1;
    }
    return size;
}

void
write_sorted(const Lines *lines, bool is_numbered, uint64_t first, char *to)
{
    for (size_t index = 0; index < lines->count; index++) {
        const Line *line = &lines->lines[index];
        if (is_numbered) {
            uint64_t number = first + line->place;
            put_digits(&to, (int64_t)number, count_digits(number), '\t');
        }
        memcpy(to, line->text, line->size);
        to += line->size;
    }
}
