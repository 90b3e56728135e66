//! Severities; the whole mapping has golden files in `tests/golden/cloud`.

use super::*;
use crate::model::event::{Event, Tape};
use crate::model::fields::{Fields, Severity};
use crate::model::time::EventTime;

/// `severity_id` of an event with that CEF severity and that `severity_id` of its own.
fn severity(cef: u8, own: Option<&str>) -> u8 {
    let mut tape = Tape::new();
    let object = tape.open_object();
    if let Some(own) = own {
        tape.key("severity_id");
        tape.number(own);
    }
    tape.close(object);
    let mut fields = Fields::new();
    fields.set_severity(Severity::new(cef).unwrap());
    let event = Event::new(&tape, "");
    let (id, hostname, time) = ("id", "outpost", EventTime(0));
    severity_id(&Item { fields: &fields, event, id, schema: AEGIS, hostname, time })
}

#[test]
fn severities_are_those_that_cef_came_from() {
    for (ocsf, cef, word) in [
        (1, 3, "Informational"),
        (2, 4, "Low"),
        (3, 6, "Medium"),
        (4, 8, "High"),
        (5, 9, "Critical"),
        (6, 10, "Fatal"),
        (0, 5, "Unknown"),
    ] {
        assert_eq!((severity(cef, None), caption(ocsf)), (ocsf, word));
    }
    assert_eq!(severity(3, Some("99")), 99);
    assert_eq!(severity(3, Some("x")), 1);
    assert_eq!(caption(99), "Other");
}
