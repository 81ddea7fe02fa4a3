# Debian's programs that write profiles.
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=600 update
apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends \
  g++ golang-github-google-pprof-dev google-perftools jq libgoogle-perftools-dev linux-perf make
