/* Cuts text into records and cells, and has their fields written. */

#include "records.h"

#include <string.h>

const Write WRITERS[KIND_COUNT] = {
    [KIND_TEXT] = write_text,
    [KIND_JSONB] = write_jsonb,
    [KIND_INTEGER] = write_integer,
    [KIND_FLOAT] = write_float,
    [KIND_DECIMAL] = write_decimal,
    [KIND_BOOLEAN] = write_boolean,
    [KIND_UUID] = write_uuid,
    [KIND_ADDRESS] = write_address,
    [KIND_DATE] = write_date,
    [KIND_TIMESTAMP] = write_timestamp,
    [KIND_TIMESTAMPTZ] = write_timestamptz,
    [KIND_TIME] = write_time,
};

#define NULL_FIELD UINT32_MAX

static const char NULL_CELL[] = {'\\', 'N'};

typedef struct {
    const Form *form;
    const char *position;
    const char *line_end; /* the next line feed */
    const char *end;
    bool has_quotes;      /* what the text has anywhere, as most has none of these */
    bool has_escapes;
    bool has_controls;
} Scan;

static bool
find_line_end(Scan *scan, const char *from)
{
    scan->line_end = memchr(from, '\n', (size_t)(scan->end - from));
    return scan->line_end != NULL;
}

/* Goes on after a cell; returns false unless what ends it is what has to follow. */
static bool
pass_end(Scan *scan, const char *end, bool is_last)
{
    if (end > scan->line_end && !find_line_end(scan, end)) {
        return false;
    }
    if (is_last ? end != scan->line_end : end == scan->line_end || *end != scan->form->delimiter) {
        return false;
    }
    scan->position = end + 1;
    return true;
}

static bool
read_quoted(Scan *scan, bool is_last, Cell *cell)
{
    char quote = scan->form->quote;
    cell->text = scan->position + 1;
    cell->is_quoted = true;
    cell->has_tabs = true;
    const char *from = cell->text, *found;
    while ((found = memchr(from, quote, (size_t)(scan->end - from))) != NULL) {
        if (found + 1 == scan->end || found[1] != quote) {
            cell->size = (size_t)(found - cell->text);
            return found + 1 < scan->end && pass_end(scan, found + 1, is_last);
        }
        cell->has_quotes = true;
        from = found + 2;
    }
    return false;
}

static bool
read_bare(Scan *scan, bool is_last, Cell *cell)
{
    size_t rest = (size_t)(scan->line_end - scan->position);
    const char *found = memchr(scan->position, scan->form->delimiter, rest);
    if (is_last != (found == NULL)) {
        return false;
    }
    cell->text = scan->position;
    cell->size = found == NULL ? rest : (size_t)(found - scan->position);
    cell->has_escapes = scan->has_escapes;
    cell->has_tabs = scan->form->delimiter != '\t';
    if (scan->has_quotes && memchr(cell->text, scan->form->quote, cell->size) != NULL) {
        return false;
    }
    scan->position += cell->size + 1;
    return true;
}

static bool
read_cell(Scan *scan, bool is_last, Cell *cell)
{
    memset(cell, 0, sizeof *cell);
    if (scan->has_quotes && scan->position < scan->end && *scan->position == scan->form->quote) {
        return read_quoted(scan, is_last, cell);
    }
    return read_bare(scan, is_last, cell);
}

static bool
is_null(const Form *form, const Cell *cell)
{
    return cell->size == form->null_size && memcmp(cell->text, form->null, cell->size) == 0;
}

static Verdict
write_cell(const Scan *scan, const Field *field, const Cell *cell, Buffer *buffer)
{
    if (field->is_skipped) {
        return WRITTEN;
    }
    if (scan->has_controls && (memchr(cell->text, '\r', cell->size) != NULL || memchr(cell->text, '\0', cell->size) != NULL)) {
        return INEXACT;
    }
    bool is_line = scan->form->writes_lines;
    if (!is_null(scan->form, cell)) {
        return is_line ? write_line_cell(field, cell, buffer) : WRITERS[field->kind](field, cell, buffer);
    }
    if (!field->is_nullable || cell->is_quoted) {
        return INEXACT;
    }
    if (buffer_reserve(buffer, 4) < 0) {
        return NO_MEMORY;
    }
    if (is_line) {
        memcpy(buffer->bytes + buffer->size, NULL_CELL, sizeof NULL_CELL);
        buffer->size += sizeof NULL_CELL;
    } else {
        append_uint32(buffer, NULL_FIELD);
    }
    return WRITTEN;
}

/* Ends a cell of a line: the last one by a line feed, others by a tab. */
static Verdict
end_cell(Buffer *buffer, bool is_last)
{
    if (buffer_reserve(buffer, 1) < 0) {
        return NO_MEMORY;
    }
    buffer->bytes[buffer->size++] = is_last ? '\n' : '\t';
    return WRITTEN;
}

/* Writes a record; `progress` tells at which cell it is. */
static Verdict
write_record(Scan *scan, const char *text, Buffer *buffer, Progress *progress)
{
    const Form *form = scan->form;
    progress->cell = 0;
    progress->cell_start = (size_t)(scan->position - text);
    if (!find_line_end(scan, scan->position)) {
        return INEXACT;
    }
    if (form->quote != '\0' && scan->line_end == scan->position) {
        /* a blank line is none */
        return INEXACT;
    }
    if (!form->writes_lines) {
        if (buffer_reserve(buffer, 2) < 0) {
            return NO_MEMORY;
        }
        append_uint16(buffer, (uint16_t)form->column_count);
    }
    size_t columns = 0;
    for (size_t index = 0; index < form->field_count; index++) {
        const Field *field = &form->fields[index];
        Cell found;
        progress->cell = (long)index;
        progress->cell_start = (size_t)(scan->position - text);
        if (!read_cell(scan, index + 1 == form->field_count, &found)) {
            return INEXACT;
        }
        Verdict verdict = write_cell(scan, field, &found, buffer);
        if (verdict == WRITTEN && form->writes_lines && !field->is_skipped) {
            verdict = end_cell(buffer, ++columns == form->column_count);
        }
        if (verdict != WRITTEN) {
            return verdict;
        }
    }
    return WRITTEN;
}

int
write_records(const Form *form, const char *text, size_t start, size_t size, Buffer *buffer, Progress *progress)
{
    Scan scan = {.form = form, .position = text + start, .end = text + size};
    size_t rest = size - start;
    scan.has_quotes = form->quote != '\0' && memchr(scan.position, form->quote, rest) != NULL;
    scan.has_escapes = form->quote == '\0' && memchr(scan.position, '\\', rest) != NULL;
    scan.has_controls = memchr(scan.position, '\r', rest) != NULL || memchr(scan.position, '\0', rest) != NULL;
    *progress = (Progress){.end = start, .cell_start = start, .cell = -1};
    while (scan.position < scan.end) {
        size_t written = buffer->size;
        Verdict verdict = write_record(&scan, text, buffer, progress);
        if (verdict == NO_MEMORY) {
            return -1;
        }
        if (verdict == INEXACT) {
            buffer->size = written;
            return 0;
        }
        progress->rows++;
        progress->end = (size_t)(scan.position - text);
    }
    progress->cell = -1;
    return 0;
}
