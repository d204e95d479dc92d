/* Records of a file, and what is made of them. */

#ifndef RECORDS_H
#define RECORDS_H

#include "fields.h"

typedef struct {
    Field *fields;       /* one for each cell of a record */
    size_t field_count;
    size_t column_count; /* fields that are not skipped */
    char delimiter;
    char quote;          /* '\0' if special characters are escaped instead */
    bool writes_lines;   /* rows are lines for LOAD DATA, and not for binary COPY */
    char *null;          /* spelling of NULL */
    size_t null_size;
} Form;

typedef struct {
    size_t rows;
    size_t end;          /* after the last record that was written */
    long cell;           /* the one for which the next record was not; -1 if there is no next one */
    size_t cell_start;   /* where it is */
} Progress;

/*
 * Write records until one has to be read by those who know more.
 *
 * Each record has a line feed. Returns -1 if there is no memory.
 */
int write_records(const Form *form, const char *text, size_t start, size_t size, Buffer *buffer, Progress *progress);

#endif
