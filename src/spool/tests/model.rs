//! Random histories of a spool, against a model: every line that was written, and not truncated
//! or deleted while nobody could read it, is read exactly once over all runs, in its file's order.

use std::collections::{HashMap, HashSet};

use fastrand::Rng;

use super::*;

const HISTORIES: u64 = 60;
const STEPS: usize = 150;
/// More would exceed what the spool holds open in tests, and so is outside its promise.
const FILES_MAX: usize = 8;

#[test]
fn every_line_is_read_once_with_a_pattern_that_matches_rotated_names() {
    check("*.jsonl*");
}

#[test]
fn every_line_is_read_once_with_a_pattern_that_does_not() {
    check("*.jsonl");
}

fn check(pattern: &'static str) {
    let first = match std::env::var("SPOOL_MODEL_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => fastrand::u64(..1 << 32),
    };
    for seed in first..first + HISTORIES {
        println!("pattern {pattern}, SPOOL_MODEL_SEED={seed}");
        Model::new(pattern, seed).play();
    }
}

/// One file's life under all its names.
#[derive(Debug)]
struct Life {
    name: String,
    /// Numbers of the whole lines in it now.
    lines: Vec<usize>,
    /// A line of which only the first bytes are written.
    unfinished: Option<usize>,
    is_compressed: bool,
    /// It was listed while the spool ran.
    is_known: bool,
}

struct Model {
    bench: Bench,
    random: Rng,
    /// Whether rotated names match the pattern.
    is_wide: bool,
    lives: Vec<Life>,
    /// Deleted while the spool ran; may be read until it stops.
    deleted: Vec<Life>,
    written: usize,
    names: usize,
    /// Numbers of lines as they were read, by file key.
    read: HashMap<FileKey, Vec<usize>>,
    seen: HashSet<usize>,
    excused: HashSet<usize>,
    /// What was done, to be shown on failure.
    history: Vec<String>,
}

impl Model {
    fn new(pattern: &str, seed: u64) -> Model {
        Model {
            bench: Bench::new(pattern),
            random: Rng::with_seed(seed),
            is_wide: pattern == "*.jsonl*",
            lives: Vec::new(),
            deleted: Vec::new(),
            written: 0,
            names: 0,
            read: HashMap::new(),
            seen: HashSet::new(),
            excused: HashSet::new(),
            history: Vec::new(),
        }
    }

    fn play(mut self) {
        for _ in 0..STEPS {
            match self.random.u32(0..100) {
                0..30 => self.append(),
                30..40 => self.append_part(),
                40..50 => self.rotate(),
                50..54 => self.copytruncate(),
                54..60 => self.compress(),
                60..66 => self.delete(),
                66..74 => self.restart(),
                74..80 => self.list(),
                80..84 => self.rewind(),
                84..88 => self.settle(),
                88..95 => self.read(1),
                _ => self.read(usize::MAX),
            }
        }
        self.finish();
    }

    fn note(&mut self, what: String) {
        let state = if self.is_running() { "" } else { " (stopped)" };
        self.history.push(format!("{what}{state}"));
    }

    fn is_running(&self) -> bool {
        self.bench.running.is_some()
    }

    fn line(&mut self) -> (usize, String) {
        self.written += 1;
        let length = if self.random.u32(0..50) == 0 { 30_000 } else { 120 };
        (self.written, format!("{} {}\n", self.written, "y".repeat(self.random.usize(..length))))
    }

    /// The index of a random file, live or rotated.
    fn pick(&mut self, is_live: bool) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.lives.len())
            .filter(|index| self.lives[*index].name.ends_with(".jsonl") == is_live)
            .collect();
        self.random.choice(fitting)
    }

    /// A live file to write to.
    fn pick_or_create(&mut self) -> usize {
        let name = format!("{}.jsonl", self.random.choice(["a", "b", "c"]).unwrap());
        if let Some(index) = self.lives.iter().position(|life| life.name == name) {
            return index;
        }
        self.lives.push(Life {
            name,
            lines: Vec::new(),
            unfinished: None,
            is_compressed: false,
            is_known: false,
        });
        self.lives.len() - 1
    }

    fn append(&mut self) {
        let index = self.pick_or_create();
        self.end_line(index);
        let mut text = String::new();
        for _ in 0..self.random.usize(1..40) {
            let (number, line) = self.line();
            text += &line;
            self.lives[index].lines.push(number);
        }
        self.bench.append(&self.lives[index].name, text);
        self.note(format!("append to {} up to {}", self.lives[index].name, self.written));
    }

    fn append_part(&mut self) {
        let index = self.pick_or_create();
        self.end_line(index);
        self.written += 1;
        self.lives[index].unfinished = Some(self.written);
        self.bench.append(&self.lives[index].name, format!("{} begun", self.written));
        self.note(format!("begin {} in {}", self.written, self.lives[index].name));
    }

    fn end_line(&mut self, index: usize) {
        let life = &mut self.lives[index];
        if let Some(number) = life.unfinished.take() {
            life.lines.push(number);
            self.bench.append(&life.name, " and ended\n");
        }
    }

    fn rotate(&mut self) {
        let Some(index) = self.pick(true).filter(|_| self.lives.len() < FILES_MAX) else { return };
        if !(self.is_wide || self.known(index)) {
            return;
        }
        self.end_line(index);
        self.names += 1;
        let new = format!("{}.{}", self.lives[index].name, self.names);
        self.note(format!("rename {} to {new}", self.lives[index].name));
        self.bench.rename(&self.lives[index].name, &new);
        self.lives[index].name = new;
    }

    /// Whether the spool knows the file, after a look if it runs.
    fn known(&mut self, index: usize) -> bool {
        if self.is_running() {
            self.list();
        }
        self.lives[index].is_known
    }

    fn copytruncate(&mut self) {
        let Some(index) = self.pick(true) else { return };
        let name = self.lives[index].name.clone();
        self.names += 1;
        let copy = format!("copy{}", self.names);
        std::fs::copy(self.bench.path(&name), self.bench.path(&copy)).unwrap();
        File::create(self.bench.path(&name)).unwrap();
        let life = &mut self.lives[index];
        life.unfinished = None;
        // To the spool it is a new file, which it has to see before a name outside the pattern.
        life.is_known = false;
        self.excused.extend(std::mem::take(&mut life.lines));
        self.note(format!("truncate {name}"));
        if self.random.bool() {
            let (number, line) = self.line();
            self.bench.append(&name, line);
            self.lives[index].lines.push(number);
            self.note(format!("then append {number}"));
        }
    }

    fn compress(&mut self) {
        let Some(index) = self.pick(false).filter(|index| !self.lives[*index].is_compressed) else {
            return;
        };
        if self.random.bool() {
            self.bench.age(&self.lives[index].name);
        }
        self.note(format!("compress {}", self.lives[index].name));
        let life = &mut self.lives[index];
        self.bench.gzip(&life.name);
        life.name += ".gz";
        life.is_compressed = true;
    }

    fn delete(&mut self) {
        let Some(index) = self.pick(false).filter(|_| self.lives.len() > 3) else { return };
        let life = &self.lives[index];
        self.bench.age(&life.name);
        if self.is_running() {
            // What was deleted before is read and let go, lest too many are held open.
            self.list();
            self.read(usize::MAX);
            self.settle();
        }
        let life = self.lives.swap_remove(index);
        self.note(format!("delete {}", life.name));
        self.bench.delete(&life.name);
        if self.is_running() {
            self.deleted.push(life);
        } else {
            self.excused.extend(life.lines);
        }
    }

    fn restart(&mut self) {
        if self.is_running() {
            self.bench.stop();
            let deleted = std::mem::take(&mut self.deleted);
            self.excused.extend(deleted.into_iter().flat_map(|life| life.lines));
            self.note("stop".to_owned());
        } else {
            self.bench.start();
            self.learn();
            self.note("start".to_owned());
        }
    }

    fn list(&mut self) {
        if self.is_running() {
            self.bench.list();
            self.learn();
            self.note("list".to_owned());
        }
    }

    fn learn(&mut self) {
        for life in &mut self.lives {
            // An empty file has nothing by which its compressed copy could be known.
            let is_empty = life.lines.is_empty() && life.unfinished.is_none();
            life.is_known |= self.is_wide || life.name.ends_with(".jsonl") && !is_empty;
        }
    }

    fn rewind(&mut self) {
        if self.is_running() {
            let cursors: Vec<Cursor> = self.bench.cursors.values().copied().collect();
            self.bench.reader().rewind(&cursors);
            self.note("rewind".to_owned());
        }
    }

    fn settle(&mut self) {
        if self.is_running() {
            self.bench.settle();
            self.note("settle".to_owned());
        }
    }

    fn read(&mut self, most: usize) {
        if !self.is_running() {
            return;
        }
        for _ in 0..most {
            let (text, end) = match self.bench.reader().read().unwrap() {
                Read::Idle => break,
                Read::Lines { bytes, end, .. } => (String::from_utf8(bytes.to_vec()).unwrap(), end),
                broken @ Read::Broken { .. } => {
                    let broken = format!("{broken:?}");
                    return self.fail(&broken);
                }
            };
            self.bench.cursors.insert(end.file, end);
            let numbers: Vec<usize> =
                text.lines().map(|l| l.split(' ').next().unwrap().parse().unwrap()).collect();
            self.note(format!("read {:?} to {:?}", numbers.first(), numbers.last()));
            for number in numbers {
                let before = self.read.entry(end.file).or_default();
                let is_in_order = before.last().is_none_or(|last| *last < number);
                before.push(number);
                if !is_in_order {
                    self.fail(&format!("line {number} is out of order"));
                }
                if !self.seen.insert(number) {
                    self.fail(&format!("line {number} was read twice"));
                }
            }
        }
    }

    fn fail(&self, what: &str) {
        panic!("{what}\n{}\n{:?}", self.history.join("\n"), self.lives);
    }

    fn finish(&mut self) {
        if !self.is_running() {
            self.restart();
        }
        for index in 0..self.lives.len() {
            self.end_line(index);
        }
        for _ in 0..3 {
            self.list();
            self.read(usize::MAX);
        }
        let mut missing: Vec<usize> = (self.lives.iter().chain(&self.deleted))
            .flat_map(|life| life.lines.iter().copied())
            .filter(|number| !self.seen.contains(number) && !self.excused.contains(number))
            .collect();
        missing.sort_unstable();
        if !missing.is_empty() {
            self.fail(&format!("lines {missing:?} were not read"));
        }
    }
}
