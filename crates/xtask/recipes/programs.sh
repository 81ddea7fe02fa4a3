# Real programs to be recorded, and what they run on; click's tests are in its source distribution only.
for series in 3.11 3.13; do
  variable=PYTHON_${series/./_}
  "${!variable}/bin/python$series" -m venv "$series"
  "$series/bin/pip" install --no-input -r "$RECIPES/programs.txt"
  "$series/bin/pip" check
done
click=$(sed -n 's/^click==//p' "$RECIPES/programs.txt")
3.11/bin/pip download --no-input --no-deps --no-binary click "click==$click"
tar xzf "click-$click.tar.gz"
mv "click-$click" click
