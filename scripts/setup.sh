#!/bin/sh
# Sets up what is missing to run Plexus from this checkout: the npm packages, among them the pinned Node, and the pages.
# With --tests also the programs that the tests compare and interoperate with, with --bench also those that only the
# benchmarks do. Quick and silent when nothing is missing; safe to run again and again. Everything it says goes to stderr.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
stamp_file=node_modules/.plexus-setup

say() { printf 'setup: %s\n' "$*" >&2; }

# npm run puts our own node_modules/.bin first, and `npm ci` deletes it under the feet of the npm it runs.
path_without_ours() {
  rest=$PATH: clean=
  while [ -n "$rest" ]; do
    entry=${rest%%:*} rest=${rest#*:}
    case $entry in "$root"/*node_modules/*) ;; *) clean=${clean:+$clean:}$entry ;; esac
  done
  printf '%s' "$clean"
}

digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum; else cksum; fi
}

# What was installed, by content and platform: times of files say nothing after a checkout.
stamp() { { cat package-lock.json; uname -sm; } | digest; }

node_runs() { [ "$(node_modules/.bin/node -v 2>/dev/null)" = "v$pinned" ]; }

install_packages() {
  say 'installing npm packages (once, and when package-lock.json changes)'
  # The pinned Node arrives through an install script; the type checker and test runner are dev dependencies.
  (PATH=$(path_without_ours) && export PATH && unset NODE_ENV &&
    npm ci --include=dev --ignore-scripts=false --no-audit --no-fund --loglevel=error >&2)
}

pinned=$(sed -n 's/.*"node": *"\([0-9][0-9.]*\)".*/\1/p' package.json | head -n 1)
wanted=$(stamp)
if [ "$(cat "$stamp_file" 2>/dev/null)" != "$wanted" ] || ! node_runs; then
  install_packages || { say 'npm ci failed: see above'; exit 1; }
  node_runs || { say "node_modules/.bin/node is not Node $pinned on this machine"; exit 1; }
  printf '%s\n' "$wanted" >"$stamp_file"
fi

# --- the pages that the node serves ------------------------------------------------------------------

pages=packages/dashboard
pages_stamp_file=$pages/dist/.built-from

# Names and contents of all that the build reads; the lock file stands for the packages.
pages_stamp() {
  find $pages/src packages/protocol/src $pages/index.html $pages/vite.config.ts $pages/package.json package-lock.json \
    -type f ! -name '*.test.*' | LC_ALL=C sort | while IFS= read -r file; do
    printf '%s\n' "$file"
    cat "$file"
  done | digest
}

# Built aside and put in place whole: a node may be reading the pages just now.
build_pages() {
  say 'building the pages (once, and when their sources change)'
  built=node_modules/.plexus-pages-$$
  if (PATH=$root/node_modules/.bin:$PATH && export PATH && unset NODE_ENV &&
    vite build $pages --outDir "$root/$built" --emptyOutDir --logLevel warn >&2); then
    printf '%s\n' "$1" >"$built/.built-from"
    rm -rf $pages/dist && mv "$built" $pages/dist
  else
    rm -rf "$built"
    return 1
  fi
}

wanted=$(pages_stamp)
if [ "$(cat $pages_stamp_file 2>/dev/null)" != "$wanted" ]; then
  build_pages "$wanted" || say 'the pages could not be built: see above; everything else works without them'
fi

case ${1:-} in --tests | --bench) ;; *) exit 0 ;; esac

# --- programs that only the tests and benchmarks use -------------------------------------------------

# Daemons are often outside the PATH of a user who is not root.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
has() { command -v "$1" >/dev/null 2>&1; }
has_paho() {
  [ -e /usr/lib/python3/dist-packages/paho/mqtt/client.py ] ||
    { has python3 && python3 -c 'import paho.mqtt.client' 2>/dev/null; }
}
# Debian keeps the server outside every PATH.
has_postgres() { has postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; }

missing=
has nats-server || missing="$missing nats-server"
has mosquitto || missing="$missing mosquitto"
{ has mosquitto_pub && has mosquitto_sub; } || missing="$missing mosquitto-clients"
{ has chromium || has chromium-browser || has google-chrome; } || missing="$missing chromium"
has_paho || missing="$missing python3-paho-mqtt"
[ "$1" != --bench ] || has_postgres || missing="$missing postgresql"
[ -n "$missing" ] || exit 0

cannot() {
  say "cannot install:$missing ($1); the tests that need them will say so"
  exit 0
}
{ [ -e /etc/debian_version ] && has apt-get; } || cannot 'not a Debian-like system'
sudo=
if [ "$(id -u)" -ne 0 ]; then
  { has sudo && sudo -n true 2>/dev/null; } || cannot 'not root, and sudo wants a password'
  sudo='sudo -n'
fi

# Debian starts a daemon when its package is installed, unless this file says no. The tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ] && printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null 2>&1; then
  trap '$sudo rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  $sudo chmod 755 "$policy"
fi

apt() {
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=60 -o Acquire::Retries=1 \
    -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@" >&2 </dev/null
}
install() { apt install -y --no-install-recommends "$@"; }

say "installing test programs:$missing"
# shellcheck disable=SC2086 # a list of words
if ! install $missing 2>/dev/null; then
  apt update || say 'apt-get update failed'
  # One by one, so that a package this release does not have costs only itself.
  for package in $missing; do
    install "$package" || say "could not install $package; the tests that need it will say so"
  done
fi
