#!/usr/bin/env bash
# Installs the programs that the lab tests use, or with the word `bench` the benchmarks, where that
# is possible without asking anyone: as root on Debian or Ubuntu. Elsewhere it names what is missing,
# and what needs it is skipped by name.
set -uo pipefail

declare -A package_of=(
    [chromium]=chromium [certutil]=libnss3-tools [curl]=curl [openssl]=openssl
    [nft]=nftables [ip]=iproute2 [pdftoppm]=poppler-utils [dnsmasq]=dnsmasq-base [haproxy]=haproxy
    [shellcheck]=shellcheck [slapd]=slapd [freeradius]=freeradius [radclient]=freeradius-utils [firefox-esr]=firefox-esr
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
none=()
if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null 2>&1; then
    printf 'Installing what is needed: %s\n' "${missing[*]}" >&2
    log=$(mktemp)
    # Some come with a service, which a test machine did not ask for (policy-rc.d: Debian's way).
    quiet=/usr/sbin/policy-rc.d
    if [[ ! -e $quiet ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$quiet" && chmod 755 "$quiet"
        trap 'rm -f "$quiet"' EXIT
    fi
    if apt-get -qq update >"$log" 2>&1; then
        # Ubuntu has no Firefox as a package. What does not exist must not keep out what does.
        there=()
        for package in "${missing[@]}"; do
            if [[ $(LC_ALL=C apt-cache policy "$package") == *'Candidate: '[^\(]* ]]; then
                there+=("$package")
            else
                none+=("$package")
            fi
        done
        [[ ${#there[@]} -eq 0 ]] || DEBIAN_FRONTEND=noninteractive apt-get -qq -y install \
            --no-install-recommends "${there[@]}" >"$log" 2>&1 && missing=("${none[@]}")
        for service in freeradius slapd; do  # nor shall it come with the next start of the machine
            [[ " ${there[*]} " != *" $service "* ]] || update-rc.d "$service" disable >/dev/null 2>&1
        done
    fi
    [[ ${#missing[@]} -eq ${#none[@]} ]] || tail -n 5 "$log" >&2
    rm -f "$log"
fi
[[ ${#missing[@]} -eq 0 ]] ||
    printf 'Not installed: %s. What needs them is skipped by name.\n' "${missing[*]}" >&2
exit 0
