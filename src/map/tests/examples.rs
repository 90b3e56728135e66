//! The examples that the built-in schemas carry.

use crate::map::Guard;
use crate::map::schema::Schema;
use crate::model::format::Format;

use super::build;

/// Runs the examples of every schema whose events are JSON; the others need the decode stage and
/// run in the integration tests.
#[test]
fn of_json_schemas_come_out_as_expected() {
    let guard = Guard::new::<&str>(&[]);
    let mut failures = Vec::new();
    for schema in Schema::built_in().unwrap() {
        if schema.format() != Format::Json {
            continue;
        }
        let results = schema.run_examples(&guard, &mut |_, line, tape| {
            build::fill(line, tape);
            Ok(())
        });
        assert!(!results.is_empty(), "{} has no examples", schema.name());
        for result in results {
            for failure in result.failures {
                failures.push(format!("{} ({}): {failure}", result.place, result.title));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
