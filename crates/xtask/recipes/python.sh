# One executable per CPython series, named by it: `.reference/python/3.15 script.py`.
for variable in "${!PYTHON_@}"; do
  series=${variable#PYTHON_}
  series=${series/_/.}
  ln -s "${!variable}/bin/python$series" "$series"
  "./$series" -c 'import marshal, pstats, cProfile'
done
ln -s "$PROFKIT_REFERENCE/free-threaded/bin/python3.14t" 3.14t
# Those of sid need its C library. Started by its loader they see this machine's files, as they would not in a chroot;
# CPython finds its prefix by argv[0].
sid=$PROFKIT_REFERENCE/sid
for series in 3.14 3.15; do
  cat >"$series" <<SCRIPT
#!/bin/sh
exec '$sid/lib64/ld-linux-x86-64.so.2' --argv0 '$sid/usr/bin/python$series' \\
  --library-path '$sid/usr/lib/x86_64-linux-gnu' '$sid/usr/bin/python$series' "\$@"
SCRIPT
  chmod +x "$series"
  "./$series" -c 'import marshal, pstats, cProfile, sys; assert sys.prefix == "'"$sid"'/usr", sys.prefix'
done
