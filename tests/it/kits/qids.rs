//! `packaging/qradar/qids.sh` with a `qidmap_cli.sh` that does what IBM says of the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{kit, rows};

/// Keeps QIDs in the file `qids`, and every call in `calls`, arguments apart by unit separators.
const CONSOLE: &str = r#"#!/usr/bin/env bash
set -eu
here=$(dirname "$0")
action=$1
(IFS=$'\x1f'; printf '%s\n' "$*" >>"$here/calls")
shift
file= name= description= severity= category= qid=
while [ $# -gt 0 ]; do
    case "$1" in
    -f) file=$2 ;;
    --qid) qid=$2 ;;
    --qname) name=$2 ;;
    --qdescription) description=$2 ;;
    --severity) severity=$2 ;;
    --lowlevelcategoryid) category=$2 ;;
    *) echo "usage: $1" >&2; exit 2 ;;
    esac
    shift 2
done
# The real one is Java, which may read its standard input.
cat >/dev/null
touch "$here/qids"
case "$action" in
-l) cat "$here/categories" ;;
-e) cp "$here/qids" "$file" ;;
-c)
    count=$(wc -l <"$here/qids")
    printf '%s,%s,%s,%s,%s\n' "$((2000001 + count))" "$name" "$description" "$severity" "$category" >>"$here/qids"
    ;;
-m)
    while IFS= read -r line; do
        case "$line" in
        "$qid",*) printf '%s,%s,%s,%s,%s\n' "$qid" "$name" "$description" "$severity" "${line##*,}" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$here/qids" >"$here/new"
    mv "$here/new" "$here/qids"
    ;;
esac
"#;

struct Console {
    dir: TempDir,
}

impl Console {
    fn new() -> Console {
        let dir = tempfile::tempdir().unwrap();
        let cli = dir.path().join("qidmap_cli.sh");
        fs::write(&cli, CONSOLE).unwrap();
        fs::set_permissions(&cli, fs::Permissions::from_mode(0o755)).unwrap();
        let mut categories: Vec<_> = rows("qradar/events.tsv")
            .iter()
            .map(|row| format!("ID: {}, Name: {}\n", row[6], row[7]))
            .collect();
        categories.sort();
        categories.dedup();
        let console = Console { dir };
        fs::write(console.path("categories"), categories.concat()).unwrap();
        console
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("bash")
            .arg(kit("qradar/qids.sh"))
            .args(arguments)
            .env("QIDMAP_CLI", self.path("qidmap_cli.sh"))
            .current_dir(self.dir.path())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn expect(&self, arguments: &[&str], summary: &str) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}{error}");
        assert_eq!(said.lines().last(), Some(summary), "{error}");
    }

    /// The calls that change something since the last question.
    fn changes(&self) -> Vec<Vec<String>> {
        let calls = fs::read_to_string(self.path("calls")).unwrap();
        fs::write(self.path("calls"), "").unwrap();
        let calls = calls.lines().map(|call| call.split('\x1f').map(str::to_owned).collect());
        calls.filter(|call: &Vec<String>| ["-c", "-m"].contains(&call[0].as_str())).collect()
    }

    fn qids(&self) -> String {
        fs::read_to_string(self.path("qids")).unwrap()
    }
}

#[test]
fn a_second_run_changes_nothing_and_a_later_list_only_what_differs() {
    let console = Console::new();
    let mut names: Vec<_> = rows("qradar/events.tsv").iter().map(|row| row[3].clone()).collect();
    names.sort();
    names.dedup();
    let count = names.len();

    console.expect(&["--dry-run"], &format!("QIDs: {count} made, 0 changed, 0 as they were"));
    assert!(console.changes().is_empty());
    console.expect(&[], &format!("QIDs: {count} made, 0 changed, 0 as they were"));
    assert_eq!(console.changes().len(), count);
    let made = console.qids();
    assert_eq!(made.lines().count(), count);
    for name in names {
        assert_eq!(made.matches(&format!(",{name},")).count(), 1, "{name}");
    }

    console.expect(&[], &format!("QIDs: 0 made, 0 changed, {count} as they were"));
    assert!(console.changes().is_empty());
    assert_eq!(console.qids(), made);

    let list = fs::read_to_string(kit("qradar/events.tsv")).unwrap();
    let list = list.replace("The attested verdict was DENY.", "Said no.");
    fs::write(console.path("later.tsv"), list).unwrap();
    let rest = count - 1;
    console.expect(&["later.tsv"], &format!("QIDs: 0 made, 1 changed, {rest} as they were"));
    let changes = console.changes();
    assert_eq!(changes[0][0..2], ["-m", "--qid"]);
    assert_eq!(console.qids().matches("Said no.").count(), 1);
    assert_eq!(console.qids().lines().count(), count);
}

#[test]
fn odd_names_stay_one_argument_and_run_nothing() {
    let console = Console::new();
    let odd = [
        "$(touch owned); `touch owned`",
        "-c --qname",
        r#"it's "quoted" \ back\n"#,
        "--",
        "* ? [a-z] ~ $HOME %s",
        "  ünïcode | & > owned #",
    ];
    let mut list = "head\n".to_owned();
    for name in odd {
        list.push_str(&format!("x\tid\tCEF\t{name}\t{name}!\t5\t4014\tAccess Permitted\n"));
    }
    fs::write(console.path("odd.tsv"), list).unwrap();
    console.expect(&["odd.tsv"], "QIDs: 6 made, 0 changed, 0 as they were");
    for (call, name) in console.changes().iter().zip(odd) {
        assert_eq!(call[1..5], ["--qname", name, "--qdescription", &format!("{name}!")]);
    }
    console.expect(&["odd.tsv"], "QIDs: 0 made, 0 changed, 6 as they were");
    assert!(!console.path("owned").exists());
}

#[test]
fn what_cannot_be_done_is_told() {
    let console = Console::new();
    let expect_failure = |arguments: &[&str], part: &str| {
        let output = console.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(part), "{error}");
    };
    expect_failure(&["absent.tsv"], "absent.tsv");
    fs::write(console.path("categories"), "ID: 14014, Name: another\n").unwrap();
    expect_failure(&[], "no low-level category 4014");
    assert!(console.changes().is_empty());
    // QIDs of others, whose names only begin like ours, stay as they are.
    fs::write(console.path("categories"), "4014\n").unwrap();
    fs::write(console.path("one.tsv"), "head\nx\tid\tCEF\tName\tText\t5\t4014\tx\n").unwrap();
    fs::write(console.path("qids"), "2000001,Name, longer,Text, more,5,4014\n").unwrap();
    expect_failure(&["one.tsv"], "Name, longer");
    assert!(console.changes().is_empty());
    fs::write(console.path("comma.tsv"), "head\nx\tid\tCEF\ta,b\tText\t5\t4014\tx\n").unwrap();
    expect_failure(&["comma.tsv"], "a comma");
    fs::write(console.path("qids"), "").unwrap();
    // It says that all is well and does nothing.
    let cli = CONSOLE.replace(">>\"$here/qids\"", ">/dev/null");
    fs::write(console.path("qidmap_cli.sh"), cli).unwrap();
    expect_failure(&["one.tsv"], "not as it should be: Name");
    fs::write(console.path("qidmap_cli.sh"), "#!/bin/sh\n[ $1 = -l ] && echo 4014\n").unwrap();
    expect_failure(&["one.tsv"], "--none-yet");
}

/// An API that knows every QID and keeps mappings in the file `mappings`.
const API: &str = r#"#!/usr/bin/env bash
set -eu
here=$(dirname "$0")
printf '%s\n' "$*" >>"$here/calls"
filter= body=
while [ $# -gt 0 ]; do
    case "$1" in
    --config) grep -qx 'header = "SEC: secret-token"' "$2"; shift ;;
    --data-urlencode) case "$2" in filter=*) filter=${2#filter=} ;; esac; shift ;;
    --data) body=$2; shift ;;
    --header | --cacert) shift ;;
    esac
    url=$1
    shift
done
touch "$here/mappings"
case "$url" in
*/log_source_types) [ "$filter" = 'name="Universal DSM"' ] && echo '[{"id": 4}]' || echo '[]' ;;
*/qid_records) echo '[ { "id" : 77 } ]' ;;
*/dsm_event_mappings)
    if [ -n "$body" ]; then
        printf '%s\n' "$body" >>"$here/mappings"
        exit
    fi
    filter=${filter#log_source_type_id=4 and log_source_event_id=}
    wanted="\"log_source_event_id\": ${filter%% and *}, \"log_source_event_category\": ${filter##*=},"
    grep -qF "$wanted" "$here/mappings" && echo '[{"id":1}]' || echo '[]'
    ;;
esac
"#;

#[test]
fn mappings_are_made_once_and_the_token_is_no_argument() {
    let console = Console::new();
    let curl = console.path("curl");
    fs::write(&curl, API).unwrap();
    fs::set_permissions(&curl, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(console.path("token"), "secret-token\n").unwrap();
    let all = fs::read_to_string(kit("qradar/events.tsv")).unwrap();
    let list: Vec<_> = all.lines().take(9).map(|line| format!("{line}\n")).collect();
    let odd = "x\ta\"b\\c\tCEF\tName\tText\t5\t4014\tx\n";
    fs::write(console.path("some.tsv"), list.concat() + odd).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("bash")
            .arg(kit("qradar/mappings.sh"))
            .args(["--token-file", "token", "some.tsv"])
            .args(arguments)
            .env("CURL", &curl)
            .current_dir(console.dir.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    };
    let made = "mappings of Universal DSM: 9 made, 0 as they were\n";
    assert_eq!(run(&[]), (made.to_owned(), String::new()));
    let kept = "mappings of Universal DSM: 0 made, 9 as they were\n";
    assert_eq!(run(&[]), (kept.to_owned(), String::new()));
    let mappings = fs::read_to_string(console.path("mappings")).unwrap();
    assert_eq!(mappings.lines().count(), 9);
    for mapping in mappings.lines() {
        let mapping: serde_json::Value = serde_json::from_str(mapping).unwrap();
        assert_eq!(mapping["log_source_type_id"], 4, "{mapping}");
        assert_eq!(mapping["qid_record_id"], 77, "{mapping}");
    }
    assert!(mappings.contains(r#""log_source_event_id": "a\"b\\c""#), "{mappings}");
    assert!(!fs::read_to_string(console.path("calls")).unwrap().contains("secret-token"));
    let (_, error) = run(&["--type", "Nothing"]);
    assert!(error.contains("no log source type Nothing"), "{error}");
    fs::write(&curl, "#!/bin/sh\necho 401 >&2\nexit 22\n").unwrap();
    let (said, error) = run(&[]);
    assert!(said.is_empty() && error.contains("the API of localhost did not take it"), "{error}");
}
