/* A program that runs Python in itself: the one that it is linked with or, with a path, one that it loads. */

#include <dlfcn.h>
#include <stdio.h>

#ifdef LOADS
static void *function(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) puts(dlerror());
    return found;
}
#else
void Py_Initialize(void);
int PyRun_SimpleString(const char *);
void *PyImport_ImportModule(const char *);
int Py_FinalizeEx(void);
#endif

int main(int count, char **arguments) {
#ifdef LOADS
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL);
    void (*Py_Initialize)(void) = function(library, "Py_Initialize");
    int (*PyRun_SimpleString)(const char *) = function(library, "PyRun_SimpleString");
    void *(*PyImport_ImportModule)(const char *) = function(library, "PyImport_ImportModule");
    int (*Py_FinalizeEx)(void) = function(library, "Py_FinalizeEx");
#endif
    Py_Initialize();
    int failed = PyRun_SimpleString(
        "import os, sys\n"
        "def inner():\n"
        "    pass\n"
        "def outer():\n"
        "    for _ in range(1000):\n"
        "        inner()\n"
        "outer()\n"
        "sys.path.insert(0, '.')\n"
        "print([name for name in os.environ if name in ('LD_PRELOAD', 'PROFKIT_RECORD')])\n");
    failed |= PyImport_ImportModule("embedded") == 0;
    return failed | Py_FinalizeEx();
}
