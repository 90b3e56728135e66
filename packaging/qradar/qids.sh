# Makes the QIDs of events.tsv on a QRadar console, with qidmap_cli.sh. Run it as root on the
# console, as often as you like: what is there as it should be is left alone, what differs in
# description or severity is changed, nothing is ever deleted.
#
#   bash qids.sh                  the list beside this script
#   bash qids.sh FILE             another list of the same form
#   bash qids.sh --dry-run        says what it would do
#   bash qids.sh --none-yet       takes it that the console has no QIDs of its own: for a qidmap_cli.sh
#                                 that fails to export when there are none
#
# qidmap_cli.sh cannot reach QIDs that belong to a custom log source type: use Universal DSM or
# Universal CEF, or the API, see guide.md. QIDMAP_CLI names another qidmap_cli.sh.
# shellcheck shell=bash
set -euo pipefail

cli=${QIDMAP_CLI:-/opt/qradar/bin/qidmap_cli.sh}
dry_run=
none_yet=
list=

main() {
    while [ $# -gt 0 ]; do
        case "$1" in
        --dry-run) dry_run=1 ;;
        --none-yet) none_yet=1 ;;
        -*) fail "unknown option: $1" ;;
        *) list=$1 ;;
        esac
        shift
    done
    [ -n "$list" ] || list=$(dirname -- "${BASH_SOURCE[0]}")/events.tsv
    [ -r "$list" ] || fail "cannot read $list"
    [ -x "$cli" ] || fail "no $cli: run this on the console, or set QIDMAP_CLI"
    temporary=$(mktemp -d)
    trap 'rm -rf -- "$temporary"' EXIT

    "$cli" -l </dev/null >"$temporary/categories" || fail "$cli -l failed: no list of low-level categories"
    export_qids
    apply
    if [ -z "$dry_run" ] && [ "$((created + changed))" -gt 0 ]; then
        none_yet=
        export_qids
        verify
    fi
    echo "QIDs: $created made, $changed changed, $unchanged as they were"
}

# What the console has, one line a QID: qid,name,description,severity,…
export_qids() {
    : >"$temporary/export"
    if [ -z "$none_yet" ]; then
        "$cli" -e -f "$temporary/export" </dev/null >"$temporary/said" 2>&1 || {
            cat -- "$temporary/said" >&2
            fail "$cli -e failed. If the console has no QIDs of its own yet: --none-yet"
        }
    fi
}

apply() {
    created=0 changed=0 unchanged=0
    local name description severity category found qid
    # Columns 4 to 7, each QID once, though several events may share it.
    while IFS=$'\t' read -r _ _ _ name description severity category _; do
        grep -qwF -- "$category" "$temporary/categories" ||
            fail "this console has no low-level category $category, which $name needs"
        case "$name" in
        *,*) fail "a comma in the name of a QID cannot be told from the end of the name: $name" ;;
        esac
        found=$(lookup "$name" "$description" "$severity")
        qid=${found#* }
        case "$found" in
        same*) unchanged=$((unchanged + 1)) ;;
        unclear*) fail "cannot read in the export whether this is $name: ${found#* }" ;;
        other*)
            [[ $qid =~ ^[0-9]+$ ]] || fail "cannot read the QID of $name in the export"
            run -m --qid "$qid" --qname "$name" --qdescription "$description" --severity "$severity"
            changed=$((changed + 1))
            ;;
        *)
            run -c --qname "$name" --qdescription "$description" --severity "$severity" \
                --lowlevelcategoryid "$category"
            created=$((created + 1))
            ;;
        esac
    done < <(tail -n +2 -- "$list" | awk -F '\t' '!seen[$4]++')
}

# Prints "same QID", "other QID", "unclear LINE" or "none". Names are compared as text, whatever is in
# them; the export may or may not have quotation marks. A line with other commas than those between
# its columns may be a QID with a longer name, which must not be touched.
lookup() {
    NAME=$1 DESCRIPTION=$2 SEVERITY=$3 awk '
        BEGIN {
            name = ENVIRON["NAME"] ","
            whole = name ENVIRON["DESCRIPTION"] "," ENVIRON["SEVERITY"]
            gsub(/"/, "", name)
            gsub(/"/, "", whole)
            verdict = "none"
        }
        {
            gsub(/"/, "")
            at = index($0, ",")
            qid = substr($0, 1, at - 1)
            rest = substr($0, at + 1)
            if (at == 0 || index(rest, name) != 1) {
                next
            }
            behind = substr(rest, length(whole) + 1, 1)
            columns = split($0, ignored, ",")
            if (index(rest, whole) == 1 && (behind == "" || behind == "," || behind == "\r")) {
                verdict = "same " qid
                exit
            }
            verdict = (columns == 4 || columns == 5) ? "other " qid : "unclear " $0
        }
        END { print verdict }
    ' "$temporary/export"
}

# It may end well without having done anything, so what is there in the end decides.
verify() {
    local name description severity missing=0
    while IFS=$'\t' read -r _ _ _ name description severity _; do
        case "$(lookup "$name" "$description" "$severity")" in
        same*) ;;
        *)
            echo "qids.sh: not as it should be: $name" >&2
            missing=$((missing + 1))
            ;;
        esac
    done < <(tail -n +2 -- "$list" | awk -F '\t' '!seen[$4]++')
    [ "$missing" = 0 ] || fail "$missing QIDs are missing or differ; see what $cli says about one"
}

run() {
    if [ -n "$dry_run" ]; then
        printf '%q ' "$cli" "$@"
        echo
    else
        # The list is on standard input of the loop: a program that reads must not eat it.
        "$cli" "$@" </dev/null
    fi
}

fail() {
    printf 'qids.sh: %s\n' "$*" >&2
    exit 1
}

main "$@"
