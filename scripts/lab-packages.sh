#!/usr/bin/env bash
# Installs the programs that the lab tests use, or with the word `bench` the benchmarks, where that
# is possible without asking anyone: as root on Debian or Ubuntu. Elsewhere it names what is missing,
# and what needs it is skipped by name.
set -uo pipefail

declare -A package_of=(
    [chromium]=chromium [certutil]=libnss3-tools [curl]=curl [openssl]=openssl
    [nft]=nftables [ip]=iproute2 [pdftoppm]=poppler-utils
)
[[ ${1:-} == bench ]] && package_of=(
    [ip]=iproute2 [nginx]=nginx-light [wrk]=wrk [squidGuard]=squidguard
)
missing=()
for program in "${!package_of[@]}"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null 2>&1 || missing+=("${package_of[$program]}")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0
if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null 2>&1; then
    printf 'Installing what is needed: %s\n' "${missing[*]}" >&2
    log=$(mktemp)
    if apt-get -qq update >"$log" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
fi
printf 'Not installed: %s. What needs them is skipped by name.\n' "${missing[*]}" >&2
exit 0
