/* Lines for LOAD DATA made of objects of Python. */

#ifndef CELLS_H
#define CELLS_H

#include <Python.h>

#include "buffer.h"

/* What moments of Python are known by. */
typedef struct {
    PyObject *datetime_type;
    PyObject *date_type;
    PyObject *time_type;
    /* Name of the method that returns their parts as bytes, as pickles have them: it takes a sixth of the time that their text does. */
    PyObject *reduce;
} Moments;

/* Returns -1, with an exception, if they are not there. */
int find_moments(Moments *moments);

void forget_moments(Moments *moments);

/*
 * Appends a line for each row: a tuple of `width` integers, strings, bytes, moments without their offsets, and others that are spelled as
 * `str` does.
 *
 * Returns -1, with an exception, for a row of another width and for a string that cannot be stored.
 */
int append_lines(PyObject *rows, Py_ssize_t width, const Moments *moments, Buffer *buffer);

#endif
