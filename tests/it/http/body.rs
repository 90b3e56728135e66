//! Bodies that several APIs have.

use serde_json::Value;

use super::server::{Event, Request};

/// The events of a body of JSON, one a line, each line ended.
pub fn lines(request: &Request) -> Result<Vec<Event>, String> {
    let text = std::str::from_utf8(&request.plain).map_err(|error| error.to_string())?;
    let text = text.strip_suffix('\n').ok_or("the last line is not ended")?;
    let event = |line: &str| {
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let id = value["id"].as_str().ok_or("no id")?.to_owned();
        Ok(Event { id, value })
    };
    text.split('\n').map(event).collect()
}
