# Two ages of `go tool pprof`, as programs of their own. Go 1.19 ships it; newer ones build it on demand from their
# sources, which is done once here. It is linked statically, so that sid's runs on this machine.
cp /usr/lib/go-1.19/pkg/tool/linux_amd64/pprof pprof-go1.19
sid=$PROFKIT_REFERENCE/sid
mkdir "$sid/build"
trap 'rm -rf "$sid/build"' EXIT
# Without /proc this go cannot find its own root.
chroot "$sid" env -i -C /usr/share/go-1.27/src/cmd PATH=/usr/bin:/bin HOME=/build GOROOT=/usr/lib/go-1.27 \
  GOCACHE=/build/cache GOFLAGS=-mod=vendor GOTOOLCHAIN=local GOTELEMETRY=off CGO_ENABLED=0 \
  /usr/lib/go-1.27/bin/go build -p 2 -trimpath -o /build/pprof ./pprof
mv "$sid/build/pprof" pprof-go1.27
for program in pprof-go1.19 pprof-go1.27; do
  "./$program" -h 2>&1 | grep -q 'Produce output in the specified format'
done
# What the library behind them reads, as JSON.
build=$RECIPES/../../../tests/reference/pprof_dump/build.sh
export GOCACHE=$PWD/cache GOTELEMETRY=off
sh "$build" /usr/lib/go-1.19 pprof-dump-go1.19
sh "$build" "$sid/usr/lib/go-1.27" pprof-dump-go1.27
rm -rf cache
