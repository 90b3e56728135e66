//! Tapes and mapped events without the decode stage.

use jiter::{Jiter, Peek};

use crate::map::schema::Schema;
use crate::map::{Guard, MapError, Mapper};
use crate::model::event::{Event, Tape};
use crate::model::fields::{Fields, Slot};
use crate::model::format::{Decoded, Format};
use crate::model::position::{FileKey, Position};

/// Names the events that have no id of their own.
pub(super) const POSITION: Position = Position { file: FileKey(1), offset: 0 };
/// The name that makes.
pub(super) const DERIVED_ID: &str = "sg0000000000000001-0";

/// Fills `tape` from a JSON text; numbers keep their spelling.
pub(super) fn fill(json: &str, tape: &mut Tape) {
    tape.clear();
    let mut jiter = Jiter::new(json.as_bytes());
    let first = jiter.peek().unwrap();
    push(&mut jiter, first, tape);
    jiter.finish().unwrap();
}

fn push(jiter: &mut Jiter<'_>, peek: Peek, tape: &mut Tape) {
    match peek {
        Peek::Null => {
            jiter.known_null().unwrap();
            tape.null();
        }
        Peek::True | Peek::False => tape.bool(jiter.known_bool(peek).unwrap()),
        Peek::String => tape.text(jiter.known_str().unwrap()),
        Peek::Array => {
            let open = tape.open_array();
            let mut next = jiter.known_array().unwrap();
            while let Some(peek) = next {
                push(jiter, peek, tape);
                next = jiter.array_step().unwrap();
            }
            tape.close(open);
        }
        Peek::Object => {
            let open = tape.open_object();
            let mut next = jiter.known_object().unwrap().map(str::to_owned);
            while let Some(key) = next {
                tape.key(&key);
                let peek = jiter.peek().unwrap();
                push(jiter, peek, tape);
                next = jiter.next_key().unwrap().map(str::to_owned);
            }
            tape.close(open);
        }
        number => {
            let digits = jiter.known_number_bytes(number).unwrap();
            tape.number(std::str::from_utf8(digits).unwrap());
        }
    }
}

/// All built-in schemas and the built-in guard.
pub(super) fn mapper() -> Mapper {
    Mapper::new(Schema::built_in().unwrap(), Guard::new::<&str>(&[]))
}

/// What became of one event.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) schema: String,
    pub(super) fields: Fields,
    /// Its values point into it.
    tape: Tape,
}

impl Mapped {
    /// `vendor|product|version|event class id|name|severity`
    pub(super) fn header(&self) -> String {
        use Slot::{DeviceProduct, DeviceVendor, DeviceVersion, EventClassId, Name};
        let slots = [DeviceVendor, DeviceProduct, DeviceVersion, EventClassId, Name];
        let parts: Vec<&str> = slots.iter().map(|slot| self.slot(*slot)).collect();
        format!("{}|{}", parts.join("|"), self.fields.severity().get())
    }

    /// `key=value key=value`, unescaped.
    pub(super) fn extension(&self) -> String {
        let pairs: Vec<String> =
            self.fields.pairs(self.event()).map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(" ")
    }

    /// The value of an extension key.
    pub(super) fn pair(&self, key: &str) -> Option<&str> {
        self.fields.pair(key, self.event())
    }

    /// The text of a slot.
    pub(super) fn slot(&self, slot: Slot) -> &str {
        self.fields.get(slot, self.event())
    }

    fn event(&self) -> Event<'_> {
        Event::new(&self.tape, "")
    }

    /// Everything that could reach a wire.
    pub(super) fn everything(&self) -> String {
        let slots = [Slot::Id, Slot::EventType].map(|slot| self.slot(slot)).join(" ");
        format!("{} {} {slots}", self.header(), self.extension())
    }
}

/// Maps a tape given as JSON.
pub(super) fn try_map(
    mapper: &mut Mapper,
    schema: Option<usize>,
    format: Format,
    json: &str,
) -> Result<Mapped, MapError> {
    let mut tape = Tape::new();
    fill(json, &mut tape);
    let mut fields = Fields::new();
    // The tape holds all text itself, so the line can be anything.
    let decoded = Decoded { line: "", format };
    let index = mapper.map(schema, decoded, &mut tape, POSITION, &mut fields)?;
    Ok(Mapped { schema: mapper.schema(index).unwrap().name().to_owned(), fields, tape })
}

/// Maps one JSON event by detection.
pub(super) fn map(json: &str) -> Mapped {
    try_map(&mut mapper(), None, Format::Json, json).unwrap()
}
