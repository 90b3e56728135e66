# Joins the event ids and categories of events.tsv to their QIDs, by QRadar's API, for one log source
# type. Run it behind qids.sh, as often as you like: a mapping that is there is left alone.
#
#   bash mappings.sh --token-file FILE                        for "Universal DSM", on the console itself
#   bash mappings.sh --token-file FILE --type "Universal CEF" [--console HOST] [--ca FILE] [LIST]
#
# FILE holds an authorized service token with the right to administer; nothing else.
# shellcheck shell=bash
set -euo pipefail

type="Universal DSM"
console=localhost
curl=${CURL:-curl}
token_file=
ca=
list=

main() {
    while [ $# -gt 0 ]; do
        case "$1" in
        --token-file) token_file=${2-} && shift ;;
        --type) type=${2-} && shift ;;
        --console) console=${2-} && shift ;;
        --ca) ca=${2-} && shift ;;
        -*) fail "unknown option: $1" ;;
        *) list=$1 ;;
        esac
        shift || fail "an option lacks its value"
    done
    [ -n "$list" ] || list=$(dirname -- "${BASH_SOURCE[0]}")/events.tsv
    [ -r "$list" ] || fail "cannot read $list"
    [ -r "$token_file" ] || fail "name a file with the token: --token-file FILE"
    temporary=$(mktemp -d)
    trap 'rm -rf -- "$temporary"' EXIT
    # Not among the arguments, which everybody on the machine can read.
    (
        umask 077
        printf 'header = "SEC: %s"\n' "$(tr -cd '[:alnum:]_-' <"$token_file")" >"$temporary/token"
    )

    local type_id
    type_id=$(ask config/event_sources/log_source_management/log_source_types "name=$(quoted "$type")")
    [ -n "$type_id" ] || fail "this console has no log source type $type"
    made=0 unchanged=0
    local id category name qid_record found
    while IFS=$'\t' read -r _ id category name _; do
        qid_record=$(ask data_classification/qid_records "name=$(quoted "$name")")
        [ -n "$qid_record" ] || fail "no QID is called $name: run qids.sh first"
        found=$(ask data_classification/dsm_event_mappings "log_source_type_id=$type_id and \
log_source_event_id=$(quoted "$id") and log_source_event_category=$(quoted "$category")")
        if [ -n "$found" ]; then
            unchanged=$((unchanged + 1))
            continue
        fi
        post "{\"log_source_type_id\": $type_id, \"log_source_event_id\": $(quoted "$id"), \
\"log_source_event_category\": $(quoted "$category"), \"qid_record_id\": $qid_record, \"custom_event\": true}"
        made=$((made + 1))
    done < <(tail -n +2 -- "$list")
    echo "mappings of $type: $made made, $unchanged as they were"
}

# The id of the first thing below that endpoint that the filter lets pass; nothing when there is none.
ask() {
    local answer
    answer=$(call --get --data-urlencode "filter=$2" --data-urlencode fields=id \
        --header "Range: items=0-0" "https://$console/api/$1") || exit 1
    [[ $answer =~ \"id\"[[:space:]]*:[[:space:]]*([0-9]+) ]] || return 0
    printf '%s' "${BASH_REMATCH[1]}"
}

post() {
    call --header "Content-Type: application/json" --data "$1" \
        "https://$console/api/data_classification/dsm_event_mappings" >/dev/null
}

call() {
    "$curl" --silent --show-error --fail --config "$temporary/token" ${ca:+--cacert "$ca"} \
        --header "Accept: application/json" "$@" </dev/null ||
        fail "the API of $console did not take it: $*"
}

# As JSON and as the filters of the API have it.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

fail() {
    printf 'mappings.sh: %s\n' "$*" >&2
    exit 1
}

main "$@"
