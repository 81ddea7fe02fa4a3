# Programs of Debian 12 itself.
export DEBIAN_FRONTEND=noninteractive
packages="
  binutils ca-certificates chromium debootstrap gcc golang-go libc6-dev make npm nodejs perl tmux valgrind wget
  xz-utils zstd
"
# Where node comes from elsewhere, it brings npm, and Debian's own npm package would conflict with it.
if command -v npm; then
  packages=${packages/npm nodejs/}
fi
apt-get -o DPkg::Lock::Timeout=600 update
# shellcheck disable=SC2086 # a list of words
apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends $packages
