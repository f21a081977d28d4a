#!/usr/bin/env bash
# Installs the programs that the lab tests use, or with the word `bench` the benchmarks, where that
# is possible without asking anyone: as root on Debian or Ubuntu. Elsewhere it names what is missing,
# and what needs it is skipped by name.
set -uo pipefail

declare -A package_of=(
    [chromium]=chromium [certutil]=libnss3-tools [curl]=curl [openssl]=openssl
    [nft]=nftables [ip]=iproute2 [pdftoppm]=poppler-utils [dnsmasq]=dnsmasq-base [haproxy]=haproxy
    [slapd]=slapd
)
[[ ${1:-} == bench ]] && package_of=(
    [ip]=iproute2 [nft]=nftables [curl]=curl [openssl]=openssl [nginx]=nginx-light [wrk]=wrk [haproxy]=haproxy
    [dnsmasq]=dnsmasq-base [squidGuard]=squidguard [squid]=squid-openssl [e2guardian]=e2guardian
)
missing=()
for program in "${!package_of[@]}"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null 2>&1 || missing+=("${package_of[$program]}")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0
if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null 2>&1; then
    printf 'Installing what is needed: %s\n' "${missing[*]}" >&2
    log=$(mktemp)
    # Some come with a service, which a test machine did not ask for (policy-rc.d: Debian's way).
    quiet=/usr/sbin/policy-rc.d
    if [[ ! -e $quiet ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$quiet" && chmod 755 "$quiet"
        trap 'rm -f "$quiet"' EXIT
    fi
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
