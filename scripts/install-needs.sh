#!/bin/sh
# Installs the Debian packages that a set of targets needs and that are missing.
# usage: install-needs.sh build|test|bench
# Asks first, unless CI is set or the user is root. Does nothing, silently, when nothing is missing.
set -eu

build="libssl-dev libsqlite3-dev libyaml-dev pkg-config openssl python3 python3-venv curl ca-certificates"
case "${1:-build}" in
  build) needs="$build" ;;
  # Servers of other people that the tests talk to.
  test) needs="$build dnsmasq-base etcd-server libzookeeper-java default-jre-headless python3-thrift iproute2 iptables" ;;
  bench) needs="gcc libc6-dev wrk nghttp2-client nghttp2-server nginx-light haproxy valgrind python3 python3-venv" ;;
  *) echo "usage: $0 build|test|bench" >&2; exit 2 ;;
esac

installed() {
  # nginx-light, nginx-full and nginx-core all bring the same program.
  case "$1" in
    nginx-light) command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] ;;
    *) [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
  esac
}

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "This is no Debian; please see to it that these are there: $needs" >&2
  exit 0
fi

missing=""
for need in $needs; do installed "$need" || missing="$missing $need"; done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  as_root=sudo
  if [ -z "${CI:-}" ]; then
    printf 'Missing Debian packages:%s\nInstall them with sudo apt-get? [y/N] ' "$missing"
    read -r answer
    case "$answer" in y | Y | yes) ;; *) echo "Not installed." >&2; exit 1 ;; esac
  fi
fi

$as_root apt-get update -q
# A server package must not start its daemon: the benchmarks run their own with their own files.
DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 $as_root apt-get install -y -q --no-install-recommends $missing
