#!/usr/bin/env bash
# Sees to the Debian packages that Qt, OpenGL and the virtual screen need. Installs what is missing when it may
# (as root, or where sudo asks for no password); otherwise says exactly what to run.
# SKIP_SYSTEM_PACKAGES=1 leaves the system alone.
set -euo pipefail

packages=(
    xvfb xauth                                   # the virtual screen of tests and of the demo without a screen
    libegl1 libgl1 libgl1-mesa-dri               # OpenGL, in software where there is no graphics card
    libdbus-1-3 libfontconfig1                   # Qt
    libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-image0 libxcb-render-util0
    libxcb-randr0 libxcb-shape0 libxcb-xkb1      # Qt's X11 platform plugin
)

if [[ ${SKIP_SYSTEM_PACKAGES:-} == 1 ]]; then
    exit 0
fi
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "Not a Debian system: make sure that the counterparts of these packages are there: ${packages[*]}" >&2
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    if [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
        missing+=("$package")
    fi
done
if ((${#missing[@]} == 0)); then
    exit 0
fi

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if ((EUID == 0)); then
    as_root=(env DEBIAN_FRONTEND=noninteractive)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n env DEBIAN_FRONTEND=noninteractive)
else
    echo "Some system packages are missing, and installing them needs an administrator. Run this, then make again:" >&2
    echo "    sudo apt-get update && sudo ${install[*]}" >&2
    exit 1
fi
echo "Installing system packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq </dev/null || echo "The package lists could not be renewed; going on with the old ones." >&2
if ! "${as_root[@]}" "${install[@]}" -qq </dev/null >/dev/null; then
    echo "These system packages could not be installed: ${missing[*]}" >&2
    echo "Install them, then make again; or set SKIP_SYSTEM_PACKAGES=1 if their libraries are there in another way." >&2
    exit 1
fi
