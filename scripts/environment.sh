# shellcheck shell=bash
# Sourced by run, test and bench: finds a Python, makes .venv, installs a hashed lock into it.
#
# Everything here is idempotent. A stamp beside the packages names what they were installed
# from, so a second start does no work; an interrupted set-up leaves no stamp and starts over.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

say() { printf '%s\n' "$*" >&2; }

# A shim on PATH may exist and still fail, so a candidate counts only once it has run.
usable_python() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() {
    local candidate
    # 3.13 first: every locked package has wheels for it, and newer releases may not have them yet.
    for candidate in ${SCHOOLGATE_PYTHON:+"$SCHOOLGATE_PYTHON"} \
        python3.13 python3.12 python3.14 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3 \
        "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/cpython-3.1[2-9]*/bin/python3 \
        /usr/local/bin/python3.1[2-9] /opt/python*/bin/python3; do
        candidate=$(command -v -- "$candidate" 2>/dev/null) || continue
        if usable_python "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    if command -v uv >/dev/null 2>&1 && candidate=$(uv python find '>=3.12' 2>/dev/null) &&
        usable_python "$candidate"; then
        printf '%s\n' "$candidate"
        return 0
    fi
    return 1
}

# prepare LOCK NAME: makes .venv hold what LOCK lists, and this checkout, editable.
prepare() {
    local lock=$root/$1 stamp=$venv/.installed-$2 want python
    want=$(cat "$lock" "$root/pyproject.toml" | sha256sum)
    [[ -r $stamp && $(<"$stamp") == "$want $root" && -x $venv/bin/python ]] && return 0

    exec 9>"$root/.venv.lock"
    if command -v flock >/dev/null 2>&1 && ! flock -n 9; then
        say "Another set-up of $venv is running; waiting for it to finish."
        flock 9
        [[ -r $stamp && $(<"$stamp") == "$want $root" && -x $venv/bin/python ]] && return 0
    fi
    if ! ls "$venv"/.installed-* >/dev/null 2>&1 || ! "$venv/bin/python" -c '' 2>/dev/null; then
        if ! python=$(find_python); then
            say "Schoolgate needs Python 3.12 or newer with its venv module, and found none." \
                "Install one (Debian 13 and Ubuntu 24.04: apt install python3-venv; anywhere: uv python install 3.13)," \
                "or name one with SCHOOLGATE_PYTHON=/path/to/python3."
            return 1
        fi
        say "Setting up .venv with $python."
        "$python" -m venv --clear "$venv" || { say "Could not make $venv; see the message above."; return 1; }
    fi
    rm -f "$stamp"
    say "Installing the packages that $1 lists (once)."
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r "$lock" || {
        say "Could not install the packages that $1 lists; is this machine online? See pip's message above."
        return 1
    }
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --no-index -e "$root" || {
        say "Could not install Schoolgate itself into $venv; see pip's message above."
        return 1
    }
    printf '%s\n' "$want $root" >"$stamp"
    exec 9>&-
}
