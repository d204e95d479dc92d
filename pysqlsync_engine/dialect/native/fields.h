/*
 * Fields of rows, made of the text of cells.
 *
 * For binary COPY of PostgreSQL a field is its length, and the bytes that the receive function of a type reads
 * (https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY). For LOAD DATA of MySQL it is text without a character
 * set, in which bytes stand for themselves.
 */

#ifndef FIELDS_H
#define FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/* As text_rows.py has them. */
typedef enum {
    KIND_TEXT,
    KIND_JSONB,
    KIND_INTEGER,
    KIND_FLOAT,
    KIND_DECIMAL,
    KIND_BOOLEAN,
    KIND_UUID,
    KIND_ADDRESS,
    KIND_DATE,
    KIND_TIMESTAMP,
    KIND_TIMESTAMPTZ,
    KIND_TIME,
    KIND_COUNT
} Kind;

typedef struct {
    char *text;
    size_t size;
} Label;

typedef struct {
    Kind kind;
    bool is_skipped;     /* the cell is of no column */
    bool is_nullable;    /* a cell that spells NULL is written as such */
    long limit;          /* characters, bytes of a number, digits of a second, or digits before the point; -1 for as many as there are */
    long scale;          /* digits after the point, or bytes of text; -1 for as many as there are */
    long first;          /* lowest number, of which nothing but 0 counts, or first year */
    long last;           /* last year */
    Label *labels;       /* the only text that there may be */
    size_t label_count;  /* 0 for any text */
} Field;

typedef struct {
    const char *text;
    size_t size;
    bool is_quoted;      /* it was in quotes, which are not part of it */
    bool has_quotes;     /* quotes in it are doubled */
    bool has_escapes;    /* there may be backslashes, which start escapes */
    bool has_tabs;       /* there may be tabs and line feeds */
} Cell;

typedef enum {
    WRITTEN,
    INEXACT,    /* the cell has to be read by those who know more */
    NO_MEMORY
} Verdict;

typedef Verdict (*Write)(const Field *, const Cell *, Buffer *);

Verdict write_text(const Field *, const Cell *, Buffer *);
Verdict write_jsonb(const Field *, const Cell *, Buffer *);
Verdict write_uuid(const Field *, const Cell *, Buffer *);
Verdict write_address(const Field *, const Cell *, Buffer *);
Verdict write_boolean(const Field *, const Cell *, Buffer *);
Verdict write_integer(const Field *, const Cell *, Buffer *);
Verdict write_float(const Field *, const Cell *, Buffer *);
Verdict write_decimal(const Field *, const Cell *, Buffer *);
Verdict write_date(const Field *, const Cell *, Buffer *);
Verdict write_timestamp(const Field *, const Cell *, Buffer *);
Verdict write_timestamptz(const Field *, const Cell *, Buffer *);
Verdict write_time(const Field *, const Cell *, Buffer *);

/* Any of them, as text for LOAD DATA. */
Verdict write_line_cell(const Field *, const Cell *, Buffer *);

extern const Write WRITERS[KIND_COUNT];

static inline bool
is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

#endif
