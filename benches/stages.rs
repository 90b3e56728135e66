//! What each stage costs, alone and in the pipeline: `cargo bench --bench stages`. See README.md
//! beside this file for how to read and repeat the figures.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot go on has nothing to report"
)]

mod events;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spoolgate::decode::Decoder;
use spoolgate::deliver::pipeline::{Batch, Lines, Pipeline, SourcePlan};
use spoolgate::encode::Encoder;
use spoolgate::encode::settings::{Body, CefSettings, Framing, Header, Settings};
use spoolgate::map::schema::Schema;
use spoolgate::map::settings::FilterSettings;
use spoolgate::map::{Filter, Guard, Mapper};
use spoolgate::model::event::{Event, Tape};
use spoolgate::model::fields::Fields;
use spoolgate::model::format::Format;
use spoolgate::model::position::{Cursor, FileKey, Position};
use spoolgate::model::time::EventTime;

/// Enough that no cache holds all of it but the second level's, as in a spool.
const EVENTS: u64 = 256;
const NOW: EventTime = EventTime(1_773_360_000_000_000);
const POSITION: Position = Position { file: FileKey(7), offset: 0 };

fn stages(criterion: &mut Criterion) {
    let lines = arbitex(EVENTS);
    let mut group = criterion.benchmark_group("arbitex");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("newline scan", |bencher| {
        bencher.iter(|| memchr::memchr_iter(b'\n', black_box(lines.as_bytes())).count());
    });
    let mut decoder = Decoder::new();
    let mut tape = Tape::new();
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            for line in lines.lines() {
                decoder.decode(Format::Auto, line.as_bytes(), &mut tape).expect("an event");
                black_box(&tape);
            }
        });
    });
    let mut mapper = mapper();
    let mut fields = Fields::new();
    group.bench_function("decode, map", |bencher| {
        bencher.iter(|| {
            for line in lines.lines() {
                let decoded = decoder.decode(Format::Auto, line.as_bytes(), &mut tape);
                let decoded = decoded.expect("an event");
                mapper.map(None, decoded, &mut tape, POSITION, &mut fields).expect("a schema");
                black_box(&fields);
            }
        });
    });
    let mut encoder = Encoder::new(settings(Framing::Lf));
    let mut out = Vec::new();
    let first = lines.lines().next().unwrap_or("");
    let decoded = decoder.decode(Format::Auto, first.as_bytes(), &mut tape).expect("an event");
    mapper.map(None, decoded, &mut tape, POSITION, &mut fields).expect("a schema");
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            for sequence in 1..=EVENTS as u32 {
                encoder.encode(&fields, Event::new(&tape, first), NOW, sequence, &mut out);
            }
            black_box(&out);
        });
    });
    let mut counting = Encoder::new(settings(Framing::OctetCounting));
    group.bench_function("encode, octet counting", |bencher| {
        bencher.iter(|| {
            out.clear();
            for sequence in 1..=EVENTS as u32 {
                counting.encode(&fields, Event::new(&tape, first), NOW, sequence, &mut out);
            }
            black_box(&out);
        });
    });
    group.finish();
}

/// Whole lines to messages, per schema and kind of line; bytes are those of the spool.
fn pipeline(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline");
    for (name, lines) in by_schema(EVENTS) {
        group.throughput(Throughput::Bytes(lines.len() as u64));
        group.bench_function(name, |bencher| {
            let mut pipeline = whole();
            let mut batch = Batch::default();
            let mut sequence = 1;
            let run = run(&lines);
            pipeline.fill(run, NOW, &mut sequence, &mut batch);
            let counts = batch.counts();
            assert_eq!((counts.messages, batch.dead.len()), (EVENTS, 0), "{name}");
            bencher.iter(|| {
                pipeline.fill(run, NOW, &mut sequence, &mut batch);
                black_box(&batch);
            });
        });
    }
    group.finish();
}

fn run(lines: &str) -> Lines<'_> {
    let file = FileKey(1);
    Lines {
        position: Position { file, offset: 0 },
        source: 0,
        bytes: lines.as_bytes(),
        end: Cursor { file, offset: lines.len() as u64, tail_hash: 0 },
    }
}

fn arbitex(count: u64) -> String {
    let mut lines = String::new();
    (0..count).for_each(|number| events::arbitex(number, &mut lines));
    lines
}

/// `count` lines of each kind, by the built-in schema that reads them: the samples in `config` and
/// `tests/samples` over and over, without the few that are no event (two that lost their syslog
/// header): to put a line into the dead letter is not what is measured.
fn by_schema(count: u64) -> Vec<(&'static str, String)> {
    let samples = [
        ("mitrity", include_str!("../config/samples/mitrity.jsonl")),
        ("aisg", include_str!("../config/samples/aisg.jsonl")),
        ("resk", include_str!("../config/samples/resk.jsonl")),
        ("aegis", include_str!("../config/samples/aegis.jsonl")),
        ("ocsf", include_str!("../tests/samples/ocsf/aws_security_lake_validation.jsonl")),
        ("syslog", include_str!("../tests/samples/syslog/metron_asa_ise_paloalto_etc.log")),
        ("cef", include_str!("../tests/samples/cef/imperva_cloudwaf_crowdstrike_unlicense.cef")),
        ("generic", include_str!("../tests/samples/json/cloudtrail_stratus_red_team.jsonl")),
    ];
    let mut pipeline = whole();
    let mut batch = Batch::default();
    let mut repeat = |text: &str| -> String {
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let mut becomes_message = |line: &&str| {
            pipeline.fill(run(line), NOW, &mut 1, &mut batch);
            batch.counts().messages == 1
        };
        let lines: Vec<&str> = lines.filter(&mut becomes_message).collect();
        lines.into_iter().cycle().take(count as usize).collect()
    };
    let others = samples.into_iter().map(|(name, text)| (name, repeat(text)));
    std::iter::once(("arbitex", arbitex(count))).chain(others).collect()
}

fn mapper() -> Mapper {
    Mapper::new(Schema::built_in().expect("built-in schemas"), Guard::new::<&str>(&[]))
}

fn whole() -> Pipeline {
    let filter = Filter::new(&FilterSettings::default());
    let sources = vec![SourcePlan { format: Format::Auto, schema: None }];
    Pipeline::new(sources, mapper(), filter, Encoder::new(settings(Framing::Lf)), usize::MAX)
}

/// Profile `qradar`.
fn settings(framing: Framing) -> Settings {
    Settings {
        hostname: "outpost-07.example.net".to_owned(),
        facility: 16,
        header: Header::Rfc5424 { fraction_digits: 3 },
        framing,
        body: Body::Cef,
        cef: CefSettings::default(),
        max_message_bytes: 4096,
        structured_data: false,
        bom: false,
    }
}

criterion_group!(benches, stages, pipeline);
criterion_main!(benches);
