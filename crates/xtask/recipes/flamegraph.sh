# flamegraph.pl itself, which PyPI's pyflamegraph carries. Only Python 2 builds that.
"$PYTHON_2_7/bin/python2.7" -m pip install --no-input --no-deps --target . pyflamegraph==0.0.2
