//! Reads CEF, one message a line; writes VRL's verdict on each as one line of JSON:
//! `{"fields": {…}}` or `{"error": "…"}`.

use std::error::Error;
use std::io::{self, BufRead, Write};

use vrl::compiler::{Context, TargetValue, TimeZone, compile, state::RuntimeState};
use vrl::value::{Secrets, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let source = "parse_cef!(.message, strict: true)";
    let compiled = compile(source, &[Box::new(vrl::stdlib::ParseCef)])
        .map_err(|diagnostics| format!("{source} does not compile: {diagnostics:?}"))?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let mut target = TargetValue {
            value: Value::Object([("message".into(), line?.into())].into()),
            metadata: Value::Object(Default::default()),
            secrets: Secrets::default(),
        };
        let mut state = RuntimeState::default();
        let zone = TimeZone::default();
        let mut context = Context::new(&mut target, &mut state, &zone);
        let verdict = match compiled.program.resolve(&mut context) {
            Ok(fields) => serde_json::json!({ "fields": fields }),
            Err(error) => serde_json::json!({ "error": error.to_string() }),
        };
        writeln!(out, "{verdict}")?;
    }
    out.flush()?;
    Ok(())
}
