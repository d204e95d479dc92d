/* What Python is given of all this: see _text_rows.pyi. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#include "cells.h"
#include "records.h"
#include "sorting.h"

#define MAX_COLUMNS 1600

/* What is kept from one call to the next, as to ask the system for it each time takes a while. */
#define MAX_KEPT_BYTES (1 << 20)

typedef struct {
    PyObject_HEAD
    Form form;
    Buffer buffer;
} RowWriter;

static int
copy_bytes(PyObject *given, char **text, size_t *size)
{
    char *bytes;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(given, &bytes, &length) < 0) {
        return -1;
    }
    *text = PyMem_Malloc((size_t)length + 1);
    if (*text == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(*text, bytes, (size_t)length + 1);
    *size = (size_t)length;
    return 0;
}

static int
set_labels(Field *field, PyObject *labels)
{
    Py_ssize_t count = PyTuple_Size(labels);
    if (count <= 0) {
        return (int)count;
    }
    field->labels = PyMem_Calloc((size_t)count, sizeof *field->labels);
    if (field->labels == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (; field->label_count < (size_t)count; field->label_count++) {
        Label *label = &field->labels[field->label_count];
        if (copy_bytes(PyTuple_GetItem(labels, (Py_ssize_t)field->label_count), &label->text, &label->size) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
check_limits(const Field *field)
{
    bool is_width = true;
    if (field->kind == KIND_INTEGER) {
        is_width = field->limit >= 1 && field->limit <= 8;
    } else if (field->kind == KIND_FLOAT) {
        is_width = field->limit == 4 || field->limit == 8;
    }
    if (!is_width) {
        PyErr_Format(PyExc_ValueError, "expected the width of a number in bytes; got %ld", field->limit);
    }
    return is_width ? 0 : -1;
}

static int
set_field(Field *field, PyObject *given)
{
    int kind, is_nullable;
    PyObject *labels;
    if (given == Py_None) {
        field->is_skipped = true;
        return 0;
    }
    if (!PyTuple_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "expected a tuple for a field, or None");
        return -1;
    }
    if (!PyArg_ParseTuple(
            given, "iillllO!:field", &kind, &is_nullable, &field->limit, &field->scale, &field->first, &field->last,
            &PyTuple_Type, &labels)) {
        return -1;
    }
    if (kind < 0 || kind >= KIND_COUNT) {
        PyErr_Format(PyExc_ValueError, "unknown kind of field: %d", kind);
        return -1;
    }
    field->kind = (Kind)kind;
    field->is_nullable = is_nullable != 0;
    return check_limits(field) < 0 ? -1 : set_labels(field, labels);
}

static int
set_fields(Form *form, PyObject *given)
{
    Py_ssize_t count = PyTuple_Size(given);
    if (count < 1 || count > 64 * MAX_COLUMNS) {
        PyErr_Format(PyExc_ValueError, "expected a field at least; got %zd", count);
        return -1;
    }
    form->fields = PyMem_Calloc((size_t)count, sizeof *form->fields);
    if (form->fields == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (; form->field_count < (size_t)count; form->field_count++) {
        Field *field = &form->fields[form->field_count];
        if (set_field(field, PyTuple_GetItem(given, (Py_ssize_t)form->field_count)) < 0) {
            form->field_count++;
            return -1;
        }
        form->column_count += !field->is_skipped;
    }
    if (form->column_count > MAX_COLUMNS) {
        PyErr_Format(PyExc_ValueError, "expected at most %d columns", MAX_COLUMNS);
        return -1;
    }
    return 0;
}

static void
clear_form(Form *form)
{
    for (size_t index = 0; index < form->field_count; index++) {
        Field *field = &form->fields[index];
        for (size_t label = 0; label < field->label_count; label++) {
            PyMem_Free(field->labels[label].text);
        }
        PyMem_Free(field->labels);
    }
    PyMem_Free(form->fields);
    PyMem_Free(form->null);
    memset(form, 0, sizeof *form);
}

static int
RowWriter_init(RowWriter *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"fields", "delimiter", "quote", "null", "lines", NULL};
    PyObject *fields, *null;
    char delimiter;
    const char *quote;
    Py_ssize_t quote_size;
    int writes_lines = 0;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O!cy#S|$p", names, &PyTuple_Type, &fields, &delimiter, &quote, &quote_size, &null, &writes_lines)) {
        return -1;
    }
    if (quote_size > 1) {
        PyErr_SetString(PyExc_ValueError, "expected one byte as a quote, or none");
        return -1;
    }
    clear_form(&self->form);
    self->form.delimiter = delimiter;
    self->form.writes_lines = writes_lines != 0;
    self->form.quote = quote_size == 1 ? *quote : '\0';
    if (copy_bytes(null, &self->form.null, &self->form.null_size) < 0) {
        return -1;
    }
    return set_fields(&self->form, fields);
}

static void
RowWriter_dealloc(RowWriter *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    clear_form(&self->form);
    free(self->buffer.bytes);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *
RowWriter_write(RowWriter *self, PyObject *args)
{
    const char *text;
    Py_ssize_t size, start;
    if (!PyArg_ParseTuple(args, "y#n:write", &text, &size, &start)) {
        return NULL;
    }
    if (start < 0 || start > size || self->form.field_count == 0) {
        PyErr_SetString(PyExc_ValueError, "expected a position in the text");
        return NULL;
    }
    Buffer *buffer = &self->buffer;
    Progress progress;
    PyObject *written = NULL;
    buffer->size = 0;
    /* about as much as text takes, so that it has to grow rarely */
    if (buffer_reserve(buffer, (size_t)(size - start) + 1) == 0
        && write_records(&self->form, text, (size_t)start, (size_t)size, buffer, &progress) == 0) {
        written = PyBytes_FromStringAndSize((const char *)buffer->bytes, (Py_ssize_t)buffer->size);
    } else {
        PyErr_NoMemory();
    }
    if (buffer->room > MAX_KEPT_BYTES) {
        free(buffer->bytes);
        memset(buffer, 0, sizeof *buffer);
    }
    if (written == NULL) {
        return NULL;
    }
    return Py_BuildValue(
        "Nnnln", written, (Py_ssize_t)progress.rows, (Py_ssize_t)progress.end, progress.cell, (Py_ssize_t)progress.cell_start);
}

static PyMethodDef RowWriter_methods[] = {
    {"write", (PyCFunction)RowWriter_write, METH_VARARGS, "Write records from a position on, up to one that is not exact."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot RowWriter_slots[] = {
    {Py_tp_doc, "Makes rows of the text of records."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, RowWriter_init},
    {Py_tp_dealloc, RowWriter_dealloc},
    {Py_tp_methods, RowWriter_methods},
    {0, NULL},
};

static PyType_Spec RowWriter_spec = {
    .name = "pysqlsync_engine.dialect._text_rows.RowWriter",
    .basicsize = sizeof(RowWriter),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = RowWriter_slots,
};

static PyObject *
spell_lines(PyObject *module, PyObject *args)
{
    PyObject *rows, *lines = NULL;
    Py_ssize_t width;
    if (!PyArg_ParseTuple(args, "O!n:spell_lines", &PyList_Type, &rows, &width)) {
        return NULL;
    }
    Buffer buffer = {0};
    if (append_lines(rows, width, PyModule_GetState(module), &buffer) == 0) {
        lines = PyBytes_FromStringAndSize((const char *)buffer.bytes, (Py_ssize_t)buffer.size);
    }
    free(buffer.bytes);
    return lines;
}

static int
find_all_lines(PyObject *texts, size_t cell, Lines *lines)
{
    Py_ssize_t count = PyList_Size(texts);
    for (Py_ssize_t index = 0; index < count; index++) {
        char *text;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(PyList_GetItem(texts, index), &text, &size) < 0) {
            return -1;
        }
        if (size > 0 && text[size - 1] != '\n') {
            PyErr_SetString(PyExc_ValueError, "expected whole lines");
            return -1;
        }
        if (find_lines(text, (size_t)size, cell, lines) < 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

static PyObject *
sort_lines(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *texts, *sorted = NULL;
    Py_ssize_t cell, first;
    if (!PyArg_ParseTuple(args, "O!nn:sort_lines", &PyList_Type, &texts, &cell, &first)) {
        return NULL;
    }
    if (cell < 0) {
        PyErr_SetString(PyExc_ValueError, "expected the position of a cell");
        return NULL;
    }
    Lines lines = {0};
    if (find_all_lines(texts, (size_t)cell, &lines) == 0) {
        sort_all(&lines);
        bool is_numbered = first >= 0;
        size_t size = is_numbered ? numbered_size(&lines, (uint64_t)first) : lines.bytes;
        sorted = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
        if (sorted != NULL) {
            write_sorted(&lines, is_numbered, (uint64_t)first, PyBytes_AsString(sorted));
        }
    }
    free(lines.lines);
    return sorted;
}

static PyMethodDef module_methods[] = {
    {"sort_lines", sort_lines, METH_VARARGS, "Put lines for LOAD DATA in the order of one of their cells."},
    {"spell_lines", spell_lines, METH_VARARGS, "Spell rows of integers and text as lines for LOAD DATA."},
    {NULL, NULL, 0, NULL},
};

static int
add_names(PyObject *module)
{
    if (find_moments(PyModule_GetState(module)) < 0) {
        return -1;
    }
    PyObject *type = PyType_FromSpec(&RowWriter_spec);
    if (type == NULL) {
        return -1;
    }
    int result = PyModule_AddObjectRef(module, "RowWriter", type);
    Py_DECREF(type);
    return result;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, add_names},
    {0, NULL},
};

static void
free_module(void *module)
{
    forget_moments(PyModule_GetState(module));
}

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_text_rows",
    .m_doc = "Rows in the form of a server, made of the text of files and of objects.",
    .m_methods = module_methods,
    .m_size = sizeof(Moments),
    .m_slots = module_slots,
    .m_free = free_module,
};

PyMODINIT_FUNC
PyInit__text_rows(void)
{
    return PyModuleDef_Init(&module_def);
}
