//! What the language of schema files means, on a schema made for it.

use crate::map::schema::Schema;
use crate::map::{Guard, Mapper};
use crate::model::fields::Slot;
use crate::model::format::Format;

use super::build::{self, Mapped};

fn schema(parts: &str, fields: &str) -> Schema {
    let text = format!(
        r#"
name = "t"
title = "test"
{parts}
header = {{ vendor = "V", product = "P", version = "1", event_class_id = "C", name = "N" }}
severity = {{ default = 5 }}
fields = [
{fields}
]
"#
    );
    Schema::parse("t.toml", &text).unwrap()
}

fn map_by(schema: Schema, event: &str) -> Mapped {
    let mut mapper = Mapper::new(vec![schema], Guard::new::<&str>(&[]));
    build::try_map(&mut mapper, None, Format::Json, event).unwrap()
}

fn check(fields: &str, cases: &[(&str, &str)]) {
    for (event, extension) in cases {
        let mapped = map_by(schema("", fields), event);
        assert_eq!(mapped.extension(), *extension, "{fields} of {event}");
    }
}

#[test]
fn absent_values_are_omitted_or_kept_empty() {
    check(
        r#"{ key = "act", path = "a" }, { key = "cs1", label = "L", path = "a" },
           { key = "cs2", label = "M", path = "a", when_absent = "empty" }"#,
        &[
            (r#"{"a":"x"}"#, "act=x cs1Label=L cs1=x cs2Label=M cs2=x"),
            (r#"{}"#, "cs2Label=M cs2="),
            (r#"{"a":null}"#, "cs2Label=M cs2="),
            (r#"{"a":""}"#, "cs2Label=M cs2="),
            (r#"{"a":"  "}"#, "cs2Label=M cs2="),
            (r#"{"a":[]}"#, "cs2Label=M cs2="),
            (r#"{"a":[null,""]}"#, "cs2Label=M cs2="),
            (r#"{"a":{}}"#, "cs2Label=M cs2="),
            (r#"{"a":0}"#, "act=0 cs1Label=L cs1=0 cs2Label=M cs2=0"),
            (r#"{"a":false}"#, "act=false cs1Label=L cs1=false cs2Label=M cs2=false"),
        ],
    );
}

#[test]
fn values_stand_as_spelled() {
    check(
        r#"{ key = "a", path = "a" }"#,
        &[
            (r#"{"a":1.50}"#, "a=1.50"),
            (r#"{"a":1e400}"#, "a=1e400"),
            (r#"{"a":18446744073709551616}"#, "a=18446744073709551616"),
            (r#"{"a":["x",2,true,null,"y"]}"#, "a=x,2,true,y"),
            (r#"{"a":[{"b":[1]},["c"]]}"#, r#"a={"b":[1]},c"#),
            (
                r#"{"a":{"b":"q\"\\\n\t\u0001ü","c":[1.0,null]}}"#,
                r#"a={"b":"q\"\\\n\t\u0001ü","c":[1.0,null]}"#,
            ),
            (r#"{"a":"1","a":"2"}"#, "a=2"),
            (r#"{"a":"1","a":null}"#, ""),
        ],
    );
}

#[test]
fn the_last_of_two_keys_counts_with_all_below_it() {
    check(
        r#"{ key = "x", path = "o.x" }, { key = "y", path = "o.y" },
           { key = "z", path = "o.p.z" }"#,
        &[
            (r#"{"o":{"x":1,"p":{"z":3}},"o":{"y":2}}"#, "y=2"),
            (r#"{"o":{"x":1,"p":{"z":3}},"o":5}"#, ""),
            (r#"{"o":5,"o":{"x":1}}"#, "x=1"),
            (r#"{"o":{"p":{"z":1},"p":{"w":1}}}"#, ""),
            (r#"{"o":{"x":1,"x":null,"y":2}}"#, "y=2"),
        ],
    );
}

#[test]
fn paths_go_through_lists_and_quoted_keys() {
    check(
        r#"{ key = "t", path = "e[].type" }, { key = "u", path = "e[].tags[]" },
           { key = "q", path = 'm."a.b".c' }"#,
        &[
            (r#"{"e":[{"type":"A"},{"x":1},{"type":"B","tags":["p","q"]}]}"#, "t=A,B u=p,q"),
            (r#"{"e":[]}"#, ""),
            (r#"{"e":{"type":"A"}}"#, ""),
            (r#"{"m":{"a.b":{"c":7}}}"#, "q=7"),
        ],
    );
}

#[test]
fn sources_fall_back_in_their_order() {
    check(
        r#"{ key = "a", path = ["x", "y"], default = "none" },
           { key = "b", first_of = [{ path = "z", map = { on = 1 } },
           { path = "y" }, { text = "t" }] },
           { key = "c", template = "{x}-{y} {{}}" }"#,
        &[
            (r#"{"x":"1","y":"2"}"#, "a=1 b=2 c=1-2 {}"),
            (r#"{"x":"","y":"2"}"#, "a=2 b=2"),
            (r#"{"z":"ON"}"#, "a=none b=1"),
            (r#"{"z":"off"}"#, "a=none b=t"),
        ],
    );
}

#[test]
fn maps_and_types_choose() {
    check(
        r#"{ key = "m", path = "m", map = { inbound = 0, outbound = 1 } },
           { key = "k", path = "m", map = { inbound = "in" }, unlisted = "keep" },
           { key = "src", path = ["a", "b"], only = "ipv4" },
           { key = "c6a2", label = "Six", path = ["a", "b"], only = "ipv6" },
           { key = "cn1", label = "Int", path = ["a", "b"], only = "integer" },
           { key = "h", path = "a", only = "name" }"#,
        &[
            (r#"{"m":"Inbound"}"#, "m=0 k=in"),
            (r#"{"m":"sideways"}"#, "k=sideways"),
            (r#"{"m":["inbound"]}"#, "k=inbound"),
            (r#"{"a":"192.0.2.1"}"#, "src=192.0.2.1"),
            (r#"{"a":"host","b":"192.0.2.1"}"#, "src=192.0.2.1 h=host"),
            (r#"{"a":"2001:db8::1","b":7}"#, "c6a2Label=Six c6a2=2001:db8::1 cn1Label=Int cn1=7"),
            (r#"{"a":"1.5"}"#, "h=1.5"),
            (r#"{"a":["192.0.2.1"]}"#, ""),
        ],
    );
}

#[test]
fn times_are_converted() {
    check(
        r#"{ key = "start", path = ["s", "t"], convert = "epoch_ms" },
           { key = "j", path = "l", convert = "json" }"#,
        &[
            (r#"{"s":"2026-01-15T09:30:00.123456Z"}"#, "start=1768469400123"),
            (r#"{"s":"soon","t":1768469400}"#, "start=1768469400000"),
            (r#"{"s":-1}"#, "start=-1000"),
            (r#"{"s":"soon"}"#, ""),
            (r#"{"l":["a",1]}"#, r#"j=["a",1]"#),
        ],
    );
}

#[test]
fn rows_may_depend_and_objects_be_copied() {
    check(
        r#"{ key = "a", text = "yes", when = [{ path = "k", prefix = "dlp." },
           { path = "n", one_of = [1, "2"] }] },
           { key = "b", text = "no", when = [{ any = [{ path = "k", exists = false },
           { path = "e[].x", exists = true }] }] },
           { copy = "o", except = ["skip"] }"#,
        &[
            (r#"{"k":"dlp.match","n":2}"#, "a=yes"),
            (r#"{"k":"dlp.match","n":3,"e":[{"x":1}]}"#, "b=no"),
            (r#"{"k":"x","e":[{"y":1}]}"#, ""),
            (r#"{"k":"x","o":{"p":"1","skip":"2","q":"","p":"3","r":[1,2]}}"#, "p=1 q= p=3 r=1,2"),
            (r#"{"k":"x","o":"text"}"#, ""),
        ],
    );
}

#[test]
fn variants_override_parts() {
    let text = r#"
[[variant]]
when = [{ path = "k", equals = "v" }]
id = "other"
event_type = "variant"
header.name = { template = "{k}!", default = "?" }
severity.default = 9
"#;
    let base =
        schema("id = \"id\"\nevent_type = { path = \"k\" }", "{ key = \"a\", path = \"k\" }");
    let both = Schema::parse("t.toml", &format!("{}{text}", base.text())).unwrap();
    let mapped = map_by(both.clone(), r#"{"k":"v","id":"1","other":"2"}"#);
    assert_eq!(mapped.header(), "V|P|1|C|v!|9");
    assert_eq!(mapped.slot(Slot::Id), "2");
    assert_eq!(mapped.slot(Slot::EventType), "variant");
    assert_eq!(mapped.extension(), "a=v");
    let mapped = map_by(both, r#"{"k":"w","id":"1","other":"2"}"#);
    assert_eq!(mapped.header(), "V|P|1|C|N|5");
    assert_eq!(mapped.slot(Slot::Id), "1");
    assert_eq!(mapped.slot(Slot::EventType), "w");
}
