"""Runs hot() 13 times in each of two subinterpreters."""

import sys

CODE = """
def hot():
    pass
for _ in range(13):
    hot()
"""
if sys.version_info >= (3, 14):
    from concurrent import interpreters

    for _ in range(2):
        interpreter = interpreters.create()
        interpreter.exec(CODE)
        interpreter.close()
else:
    if sys.version_info >= (3, 13):
        import _interpreters as interpreters
    else:
        import _xxsubinterpreters as interpreters
    for _ in range(2):
        interpreter = interpreters.create()
        interpreters.run_string(interpreter, CODE)
        interpreters.destroy(interpreter)
