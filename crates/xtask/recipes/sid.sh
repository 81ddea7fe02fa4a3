# A root of Debian sid: the CPythons and the Go that Debian 12 lacks. Run things in it by `chroot`; the parts `python`
# and `pprof` make its interpreters and its pprof runnable from outside.
debootstrap --variant=minbase \
  --include=ca-certificates,golang-1.27-go,python3.14,python3.14-venv,python3.15,python3.15-venv \
  sid .
rm -rf var/cache/apt/archives/*.deb
