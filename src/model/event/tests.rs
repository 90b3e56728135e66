use super::*;

/// `{"a":1,"value":{"value":2,"b":[{"prompt":"x","c":true}]},"d":[1,{"value":3}],"e":null}`
fn sample(line: &str) -> Tape {
    let mut tape = Tape::new();
    let root = tape.open_object();
    tape.key("a");
    tape.number_in_line(line.find('1').unwrap(), line.find('1').unwrap() + 1);
    tape.key("value");
    let inner = tape.open_object();
    tape.member("value", "2");
    tape.close(inner);
    tape.key("d");
    let array = tape.open_array();
    tape.number("7");
    let object = tape.open_object();
    tape.member("value", "3");
    tape.member("keep", "4");
    tape.close(object);
    tape.close(array);
    tape.key("e");
    tape.null();
    tape.close(root);
    tape
}

#[test]
fn reads_what_was_written() {
    let line = "a line with 1 in it";
    let tape = sample(line);
    let event = Event::new(&tape, line);
    assert_eq!(event.at("a").and_then(Value::scalar), Some("1"));
    assert_eq!(event.at("value.value").and_then(Value::scalar), Some("2"));
    let items: Vec<_> = event.at("d").unwrap().items().collect();
    assert_eq!(items.len(), 2);
    assert_eq!(items[1].get("keep").and_then(Value::scalar), Some("4"));
    assert_eq!(event.at("e").map(Value::kind), Some(Kind::Null));
    assert!(event.at("a.b").is_none());
}

#[test]
fn removes_keys_at_any_depth() {
    let line = "a line with 1 in it";
    let mut tape = sample(line);
    assert_eq!(tape.remove_keys(line, |key| key == "value"), 2);
    let event = Event::new(&tape, line);
    assert!(event.at("value").is_none());
    let keys: Vec<_> = event.root().unwrap().members().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "d", "e"]);
    let item = event.at("d").unwrap().items().nth(1).unwrap();
    assert!(item.get("value").is_none());
    assert_eq!(item.get("keep").and_then(Value::scalar), Some("4"));
    assert_eq!(tape.remove_keys(line, |key| key == "value"), 0);
}
