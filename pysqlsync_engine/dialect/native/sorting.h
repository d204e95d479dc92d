/* Lines for LOAD DATA in the order of one of their cells. */

#ifndef SORTING_H
#define SORTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    /* The first bytes of the cell, as most of them differ in these. */
    uint64_t prefix;
    const char *text;
    size_t size;
    const char *cell;
    size_t cell_size;
    /* Which one it is among those that were given. */
    size_t place;
} Line;

typedef struct {
    Line *lines;
    size_t count;
    size_t room;
    size_t bytes;
} Lines;

/* Adds the lines of a text, each of which has a line feed, with the cell to sort them by. Returns -1 if there is no memory. */
int find_lines(const char *text, size_t size, size_t cell, Lines *lines);

/* Sorts them by the bytes of the cell, escapes among them; those of the same bytes stay in order. They have to be released by `free`. */
void sort_all(Lines *lines);

/* How many bytes the lines take with numbers in front of them, of which the first one is given. */
size_t numbered_size(const Lines *lines, uint64_t first);

/* Writes the lines to where there is room for them; with numbers in front, each that of its place, if that is asked for. */
void write_sorted(const Lines *lines, bool is_numbered, uint64_t first, char *to);

#endif
