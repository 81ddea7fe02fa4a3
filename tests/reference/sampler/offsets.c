/* Prints what `Layout` says, as the compiler sees it in one CPython's own internal headers: `name offset` a line.
   3.8 declares the runtime in pycore_pystate.h, 3.12 moved the GIL into the interpreter: hence the conditions. */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <frameobject.h>
#include <stdio.h>
#include <stddef.h>
#if PY_VERSION_HEX < 0x03090000
#include <internal/pycore_pystate.h>
#include <code.h>
#else
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#include <internal/pycore_gc.h>
#endif
#include <internal/pycore_gil.h>
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h>
#include <internal/pycore_unicodeobject.h>
#elif PY_VERSION_HEX >= 0x030B0000
#include <internal/pycore_frame.h>
#endif
#if PY_VERSION_HEX >= 0x030D0000
#include <internal/pycore_dict.h>
#endif

#define OFF(name, type, field) printf(#name " %zu\n", offsetof(type, field))
#define NUM(name, value) printf(#name " %zu\n", (size_t)(value))

int main(void) {
#if PY_VERSION_HEX >= 0x030C0000
    OFF(runtime.interpreters_head, _PyRuntimeState, interpreters.head);
#else
    OFF(runtime.interpreters_head, _PyRuntimeState, interpreters.head);
    OFF(runtime.gil, _PyRuntimeState, ceval.gil);
#endif
#if PY_VERSION_HEX < 0x03090000
    OFF(runtime.gc_collecting, _PyRuntimeState, gc.collecting);
#else
    OFF(interp.gc_collecting, PyInterpreterState, gc.collecting);
#endif
    OFF(interp.id, PyInterpreterState, id);
    OFF(interp.next, PyInterpreterState, next);
#if PY_VERSION_HEX < 0x030B0000
    OFF(interp.threads_head, PyInterpreterState, tstate_head);
#else
    OFF(interp.threads_head, PyInterpreterState, threads.head);
#endif
#if PY_VERSION_HEX >= 0x030C0000
    OFF(interp.gil, PyInterpreterState, ceval.gil);
    OFF(interp.modules, PyInterpreterState, imports.modules);
#else
    OFF(interp.modules, PyInterpreterState, modules);
#endif
    OFF(gil.last_holder, struct _gil_runtime_state, last_holder);
    OFF(gil.locked, struct _gil_runtime_state, locked);
    OFF(gil.switch_number, struct _gil_runtime_state, switch_number);
    NUM(gil.size, sizeof(struct _gil_runtime_state));
#ifdef Py_GIL_DISABLED
    OFF(gil.enabled, struct _gil_runtime_state, enabled);
#if PY_VERSION_HEX >= 0x030E0000
    OFF(code.copies, PyCodeObject, co_tlbc);
#endif
#endif
    OFF(thread.next, PyThreadState, next);
    OFF(thread.interp, PyThreadState, interp);
    OFF(thread.thread_id, PyThreadState, thread_id);
#if PY_VERSION_HEX >= 0x030B0000
    OFF(thread.native_thread_id, PyThreadState, native_thread_id);
    OFF(thread.datastack_chunk, PyThreadState, datastack_chunk);
    OFF(thread.datastack_top, PyThreadState, datastack_top);
    OFF(chunk.data, _PyStackChunk, data);
    OFF(chunk.previous, _PyStackChunk, previous);
    OFF(chunk.size, _PyStackChunk, size);
    OFF(chunk.top, _PyStackChunk, top);
#endif
#if PY_VERSION_HEX >= 0x030D0000
    OFF(thread.frame, PyThreadState, current_frame);
#elif PY_VERSION_HEX >= 0x030B0000
    OFF(thread.cframe, PyThreadState, cframe);
    OFF(cframe.current_frame, _PyCFrame, current_frame);
#else
    OFF(thread.frame, PyThreadState, frame);
#endif
#if PY_VERSION_HEX >= 0x030B0000
#if PY_VERSION_HEX >= 0x030D0000
    OFF(frame.code, _PyInterpreterFrame, f_executable);
    OFF(frame.instr, _PyInterpreterFrame, instr_ptr);
#else
    OFF(frame.code, _PyInterpreterFrame, f_code);
    OFF(frame.instr, _PyInterpreterFrame, prev_instr);
#endif
    OFF(frame.previous, _PyInterpreterFrame, previous);
    OFF(frame.owner, _PyInterpreterFrame, owner);
    OFF(frame.size, _PyInterpreterFrame, localsplus);
#if PY_VERSION_HEX >= 0x030E0000
    OFF(frame.stack, _PyInterpreterFrame, stackpointer);
#else
    OFF(frame.stack, _PyInterpreterFrame, stacktop);
#endif
    OFF(generator.frame, PyGenObject, gi_iframe);
    OFF(generator.state, PyGenObject, gi_frame_state);
#else
    OFF(frame.code, PyFrameObject, f_code);
    OFF(frame.instr, PyFrameObject, f_lasti);
    OFF(frame.previous, PyFrameObject, f_back);
    OFF(frame.size, PyFrameObject, f_blockstack);
    OFF(frame.values, PyFrameObject, f_valuestack);
#if PY_VERSION_HEX >= 0x030A0000
    OFF(frame.running, PyFrameObject, f_state);
    OFF(frame.stack, PyFrameObject, f_stackdepth);
#else
    OFF(frame.running, PyFrameObject, f_executing);
    OFF(frame.stack, PyFrameObject, f_stacktop);
#endif
    OFF(generator.frame, PyGenObject, gi_frame);
    OFF(code.bytes, PyCodeObject, co_code);
#endif
    OFF(code.filename, PyCodeObject, co_filename);
    OFF(code.name, PyCodeObject, co_name);
    OFF(code.firstlineno, PyCodeObject, co_firstlineno);
#if PY_VERSION_HEX >= 0x030A0000
    OFF(code.linetable, PyCodeObject, co_linetable);
#else
    OFF(code.linetable, PyCodeObject, co_lnotab);
#endif
    OFF(code.flags, PyCodeObject, co_flags);
#if PY_VERSION_HEX >= 0x030B0000
    OFF(code.qualname, PyCodeObject, co_qualname);
    OFF(code.adaptive, PyCodeObject, co_code_adaptive);
    OFF(code.firsttraceable, PyCodeObject, _co_firsttraceable);
    OFF(code.nlocalsplus, PyCodeObject, co_nlocalsplus);
    OFF(code.stacksize, PyCodeObject, co_stacksize);
#endif
#if PY_VERSION_HEX >= 0x030C0000
    OFF(code.framesize, PyCodeObject, co_framesize);
    OFF(code.version, PyCodeObject, co_version);
#endif
    OFF(bytes.size, PyBytesObject, ob_base.ob_size);
    OFF(bytes.data, PyBytesObject, ob_sval);
    OFF(unicode.length, PyASCIIObject, length);
    OFF(unicode.state, PyASCIIObject, state);
    NUM(unicode.ascii_data, sizeof(PyASCIIObject));
    NUM(unicode.compact_data, sizeof(PyCompactUnicodeObject));
    OFF(object.type, PyObject, ob_type);
    OFF(type.flags, PyTypeObject, tp_flags);
    OFF(type.dictoffset, PyTypeObject, tp_dictoffset);
    OFF(type.basicsize, PyTypeObject, tp_basicsize);
    OFF(type.name, PyTypeObject, tp_name);
    OFF(type.base, PyTypeObject, tp_base);
    OFF(tuple.items, PyTupleObject, ob_item);
    OFF(list.items, PyListObject, ob_item);
    OFF(set.used, PySetObject, used);
    OFF(set.mask, PySetObject, mask);
    OFF(set.table, PySetObject, table);
    OFF(cell.value, PyCellObject, ob_ref);
    OFF(method.function, PyMethodObject, im_func);
    OFF(method.self, PyMethodObject, im_self);
    OFF(builtin.definition, PyCFunctionObject, m_ml);
    OFF(builtin.self, PyCFunctionObject, m_self);
    OFF(function.code, PyFunctionObject, func_code);
    OFF(function.closure, PyFunctionObject, func_closure);
    OFF(heaptype.cached_keys, PyHeapTypeObject, ht_cached_keys);
    OFF(dict.keys, PyDictObject, ma_keys);
    OFF(dict.values, PyDictObject, ma_values);
    return 0;
}
