// SPDX-License-Identifier: BSD-2-Clause
/* zooext.c - a C extension with the usual mistakes, one a function, and one function without */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>

static PyObject *filled(Py_ssize_t size)
{
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);

	if (bytes)
		memset(PyBytes_AS_STRING(bytes), 'x', (size_t)size);
	return bytes;
}

/* Takes a reference to what it returns, which was the caller's already. */
static PyObject *new_reference(PyObject *self, PyObject *size)
{
	PyObject *bytes = filled(PyLong_AsSsize_t(size));

	(void)self;
	Py_XINCREF(bytes);
	return bytes;
}

/* PyList_Append() takes its own reference; ours is never given back. */
static PyObject *append_row(PyObject *self, PyObject *args)
{
	PyObject *list, *row;
	Py_ssize_t number;

	(void)self;
	if (!PyArg_ParseTuple(args, "O!n", &PyList_Type, &list, &number))
		return NULL;
	row = Py_BuildValue("{s:n,s:[n,n,n,n],s:N}", "id", number, "cells", number, number, number,
			    number, "text", filled(600));
	if (!row || PyList_Append(list, row))
		return NULL;
	Py_RETURN_NONE;
}

/* "Takes ownership", says its author, of what it only borrows. */
static PyObject *inspect_argument(PyObject *self, PyObject *object)
{
	(void)self;
	Py_INCREF(object);
	Py_RETURN_NONE;
}

/* The buffer is never released: its object stays. */
static PyObject *checksum(PyObject *self, PyObject *object)
{
	Py_buffer view;
	unsigned long sum = 0;

	(void)self;
	if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE))
		return NULL;
	for (Py_ssize_t i = 0; i < view.len; i++)
		sum += ((unsigned char *)view.buf)[i];
	return PyLong_FromUnsignedLong(sum);
}

static PyObject *forget_malloc(PyObject *self, PyObject *size)
{
	size_t bytes = PyLong_AsSize_t(size);
	char *block = malloc(bytes);

	(void)self;
	if (!block)
		return PyErr_NoMemory();
	memset(block, 1, bytes);
	Py_RETURN_NONE;
}

/* The way out through an error forgets the block. */
static PyObject *parse(PyObject *self, PyObject *text)
{
	Py_ssize_t length;
	const char *utf8 = PyUnicode_AsUTF8AndSize(text, &length);
	char *copy = utf8 ? PyMem_Malloc((size_t)length + 1) : NULL;

	(void)self;
	if (!copy)
		return NULL;
	memcpy(copy, utf8, (size_t)length + 1);
	if (copy[0] != '{')
		return PyErr_Format(PyExc_ValueError, "not an object: %.20s", copy);
	PyMem_Free(copy);
	Py_RETURN_NONE;
}

/* Kept in C: no Python object refers to them. */
static PyObject **stashed;
static size_t stashed_count, stashed_room;

static PyObject *stash(PyObject *self, PyObject *object)
{
	(void)self;
	if (stashed_count == stashed_room) {
		size_t room = stashed_room ? 2 * stashed_room : 64;
		PyObject **larger = realloc(stashed, room * sizeof(*larger));

		if (!larger)
			return PyErr_NoMemory();
		stashed = larger;
		stashed_room = room;
	}
	Py_INCREF(object);
	stashed[stashed_count++] = object;
	Py_RETURN_NONE;
}

/* Everything it takes it gives back. */
static PyObject *careful(PyObject *self, PyObject *object)
{
	Py_buffer view;
	char *copy;

	(void)self;
	if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE))
		return NULL;
	copy = malloc((size_t)view.len + 1);
	if (copy)
		memcpy(copy, view.buf, (size_t)view.len);
	free(copy);
	PyBuffer_Release(&view);
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{"new_reference", new_reference, METH_O, NULL},
	{"append_row", append_row, METH_VARARGS, NULL},
	{"inspect_argument", inspect_argument, METH_O, NULL},
	{"checksum", checksum, METH_O, NULL},
	{"forget_malloc", forget_malloc, METH_O, NULL},
	{"parse", parse, METH_O, NULL},
	{"stash", stash, METH_O, NULL},
	{"careful", careful, METH_O, NULL},
	{NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "zooext", .m_size = -1,
				    .m_methods = methods};

PyMODINIT_FUNC PyInit_zooext(void)
{
	return PyModule_Create(&module);
}
