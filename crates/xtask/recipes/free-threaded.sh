# A CPython 3.14 without the GIL, which Debian does not have, made from the sources of sid's: two minutes. Sources leave the archive
# when newer ones come, and a mirror may lag behind its own index: then those of when this was written have to do.
sid=$PROFKIT_REFERENCE/sid
mkdir "$sid/sources"
trap 'rm -rf "$sid/sources"' EXIT
echo 'deb-src http://deb.debian.org/debian sid main' >"$sid/sources/list"
fetch="
  cd /sources && mkdir lists
  set -- -o Dir::Etc::SourceList=/sources/list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=/sources/lists
  apt-get \"\$@\" -o Acquire::Check-Valid-Until=false update && apt-get \"\$@\" source --download-only python3.14
"
if ! chroot "$sid" sh -c "$fetch"; then
  wget -q -P "$sid/sources" http://deb.debian.org/debian/pool/main/p/python3.14/python3.14_3.14.7.orig.tar.xz
  echo "3b48dac8fb59f62eaa67ac83c1eb12bda1b7a08406dd286e252c11a66be27f81  $sid/sources/python3.14_3.14.7.orig.tar.xz" |
    sha256sum --check
fi
mkdir build
tar -xf "$sid"/sources/python3.14_*.orig.tar.xz --strip-components=1 -C build
prefix=$PWD
(
  cd build
  ./configure --quiet --disable-gil --prefix="$prefix" --without-ensurepip --disable-test-modules
  make --quiet -j"$(nproc)"
  make --quiet altinstall
)
rm -rf build
bin/python3.14t -c 'import asyncio, json, sys; assert not sys._is_gil_enabled()'
