use super::*;
use crate::deliver::pipeline::SourcePlan;
use crate::encode::Encoder;
use crate::encode::settings::{Body, CefSettings, Framing, Header, Settings};
use crate::map::schema::Schema;
use crate::map::settings::FilterSettings;
use crate::map::{Filter, Guard, Mapper};
use crate::model::format::Format;
use crate::model::position::FileKey;

const NOW: EventTime = EventTime(1_773_360_000_000_000);
const FILE: FileKey = FileKey(7);

fn pipeline() -> Pipeline {
    let encode = Settings {
        hostname: "outpost.example.net".to_owned(),
        facility: 16,
        header: Header::Rfc5424 { fraction_digits: 3 },
        framing: Framing::Lf,
        body: Body::Cef,
        cef: CefSettings {
            version: 0,
            strict: false,
            device_vendor: None,
            device_product: None,
            device_version: None,
        },
        max_message_bytes: 4096,
        structured_data: false,
        bom: false,
    };
    let mapper = Mapper::new(Schema::built_in().unwrap(), Guard::new::<&str>(&[]));
    let sources = vec![SourcePlan { format: Format::Auto, schema: None }];
    let filter = Filter::new(&FilterSettings::default());
    Pipeline::new(sources, mapper, filter, Encoder::new(encode), usize::MAX)
}

/// Lines of which some are no events, some are kept back, and many have no id of their own.
fn text(lines: u64) -> String {
    let line = |number| match number % 7 {
        3 => format!("{{\"type\":\"loop.detected\",\"number\":{number}\n"),
        5 => format!("{{\"type\":\"policy.allow\",\"id\":\"allowed-{number}\"}}\n"),
        _ => format!(
            "{{\"type\":\"dlp.pii_blocked\",\"severity\":\"high\",\"model\":\"m=|{number}\"}}\n"
        ),
    };
    (0..lines).map(line).collect()
}

fn run(text: &str, offset: u64) -> Lines<'_> {
    let end = offset + text.len() as u64;
    Lines {
        position: Position { file: FILE, offset },
        source: 0,
        bytes: text.as_bytes(),
        end: Cursor { file: FILE, offset: end, tail_hash: tail_hash(text.as_bytes()) },
    }
}

/// Messages, dead lines with their places, and the last cursor, its number included.
type Taken = (Vec<u8>, Vec<(u64, Vec<u8>)>, Option<(Cursor, u32)>);

fn take(batch: &Batch, taken: &mut Taken) {
    let mut at = 0;
    while let Some((bytes, _, portion)) = batch.portion(at) {
        taken.0.extend_from_slice(bytes);
        taken.2 = Some((portion.end, portion.sequence));
        at += 1;
    }
    taken.1.extend(batch.dead.iter().map(|dead| (dead.position.offset, dead.line.clone())));
}

/// What a pair makes of the runs, and how many batches that were.
fn all(pair: &mut Pair, runs: &[Lines<'_>]) -> (Taken, usize) {
    let (mut sequence, mut batch, mut batches) = (1, Batch::default(), 0);
    let mut taken = Taken::default();
    for lines in runs {
        pair.fill(*lines, NOW, &mut sequence, &mut batch);
        loop {
            take(&batch, &mut taken);
            batches += 1;
            if pair.rest(&mut sequence, &mut batch) != Ok(true) {
                break;
            }
        }
    }
    (taken, batches)
}

#[test]
fn two_threads_make_what_one_makes_in_its_order() {
    let (long, short) = (text(4000), text(9));
    let runs = [
        run(&long, 0),
        run(&short, long.len() as u64),
        run(&long, (long.len() + short.len()) as u64),
    ];
    let (expected, batches) = all(&mut Pair::alone(pipeline()), &runs);
    assert_eq!(batches, 3);
    assert!(expected.1.len() > 1000 && expected.0.len() > 100_000);
    let mut pair = Pair::shared(pipeline(), pipeline(), "beside-test".to_owned());
    let (made, batches) = all(&mut pair, &runs);
    assert_eq!(batches, 5, "the short run is not shared");
    assert!(made == expected);
}

#[test]
fn a_half_that_is_forgotten_is_not_given_later() {
    let long = text(4000);
    let lines = run(&long, 0);
    let mut pair = Pair::shared(pipeline(), pipeline(), "beside-test".to_owned());
    let (mut sequence, mut batch) = (1, Batch::default());
    pair.fill(lines, NOW, &mut sequence, &mut batch);
    assert!((1..long.len() as u64).contains(&pair.under_way_bytes()));
    pair.discard();
    assert_eq!(pair.under_way_bytes(), 0);
    assert_eq!(pair.rest(&mut sequence, &mut batch), Ok(false));
    let expected = all(&mut Pair::alone(pipeline()), &[lines]).0;
    assert!(all(&mut pair, &[lines]).0 == expected);
}

#[test]
fn a_thread_that_ends_costs_its_half_and_nothing_after() {
    let long = text(4000);
    let lines = run(&long, 0);
    let (to, received) = sync_channel(1);
    let (done, from) = sync_channel(1);
    let far = Far { to, from, spare: Half::default() };
    let mut pair = Pair { near: pipeline(), far: Some(far), under_way_bytes: 0 };
    let (mut sequence, mut batch) = (1, Batch::default());
    pair.fill(lines, NOW, &mut sequence, &mut batch);
    let half: Half = received.recv().unwrap();
    assert!(half.bytes.len() > long.len() / 3);
    drop((half, done, received));
    assert_eq!(pair.rest(&mut sequence, &mut batch), Err(Lost));
    let expected = all(&mut Pair::alone(pipeline()), &[lines]).0;
    assert!(all(&mut pair, &[lines]).0 == expected);
}

#[test]
fn numbers_go_on_behind_the_highest() {
    let highest = i32::MAX as u32;
    for (sequence, messages, behind) in [
        (1, 0, 1),
        (1, 5, 6),
        (highest, 0, highest),
        (highest, 1, 1),
        (highest - 1, 3, 2),
        (0, 1, 2),
    ] {
        assert_eq!(next_sequence_behind(sequence, messages), behind, "{sequence} {messages}");
    }
}
