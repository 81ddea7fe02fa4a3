# The viewers and readers of Python profiles.
"$PYTHON_3_11/bin/python3.11" -m venv .
bin/pip install --no-input -r "$RECIPES/venv.txt"
bin/pip check
