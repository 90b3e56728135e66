//! Which copy of the state the program begins with.
//!
//! | store | text copy | begun with | what becomes of the copies |
//! |---|---|---|---|
//! | none | none | nothing: a first start | - |
//! | begun, without a commit | of generation 0 | nothing: a first start that was cut off | - |
//! | whole | none, or older, or the same | the store | - |
//! | whole | damaged | the store | the text copy is set aside and written anew |
//! | whole, older than the text copy | whole | the text copy | the store is set aside |
//! | none, or damaged | whole | the text copy | the store is set aside |
//! | none, or damaged | none, or damaged | the beginning of the spool | both are set aside |
//! | cannot be read (disk) | any | the text copy, else the beginning | the store stays in its place until a new one is whole |
//!
//! Whole means: sled opens it, every entry can be read, and they add up to the seal; of the text
//! copy, that its checksum is that of its text, and that every line means something where it is
//! newer than the store (else no more is asked of it than which is the newer). A copy of a later
//! version counts as damaged: the program goes on with what it can read, and the later version's
//! state is still there for whoever installs that version again.
//!
//! sled may do worse on damaged files than panic (an allocation that fails, a panic while
//! panicking), and then the process ends. So `db.opening` stands in the directory as long as a
//! store is being read. A start that finds it does not try that store again: the second start
//! works whatever the store does to the first.
//!
//! *Diagnostics*: everything but the first starts and the rows where the store is used as it is
//! comes back as a notice, which is also logged as an error, once, by the caller of [`restore`].

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::model::outcome::Cause;

use super::error::Flaw;
use super::state::State;
use super::store::Store;
use super::{directory, text_copy};

/// What the program begins with.
pub(super) struct Restoration {
    /// The state, perhaps empty.
    pub(super) state: State,
    /// The store that holds exactly this state and its number; `None` when one has to be made.
    pub(super) store: Option<(Store, u64)>,
    /// What the operator has to know.
    pub(super) notice: Option<Cause>,
}

/// Chooses, by the table above. Never fails.
pub(super) fn restore(dir: &Path) -> Restoration {
    let stored = read_store(dir);
    let known = match &stored {
        Ok(Some((_, _, state))) => Some(state.generation),
        _ => None,
    };
    let text = text_copy::read(dir, known);
    match (stored, text) {
        (Ok(Some((store, number, state))), Ok(Some(copy)))
            if copy.generation > state.generation =>
        {
            store.close();
            tracing::debug!(number, "the store is older than its text copy");
            let flaw = Flaw::damaged(format!(
                "its last commit is {}, the text copy's is {}",
                state.generation, copy.generation
            ));
            from_text(dir, Some(&flaw), copy)
        }
        (Ok(Some((store, number, state))), text) => {
            let notice = text.err().map(|flaw| text_copy_notice(dir, &flaw));
            Restoration { state, store: Some((store, number)), notice }
        }
        // The first start writes the text copy before it begins a store, and ended between the two.
        (Err(Flaw::Unfinished), Ok(Some(copy))) if copy.generation == 0 => {
            Restoration { state: copy, store: None, notice: None }
        }
        (Ok(None), Ok(None)) => Restoration { state: State::default(), store: None, notice: None },
        (Ok(None), Ok(Some(copy))) => from_text(dir, None, copy),
        (Err(flaw), Ok(Some(copy))) => from_text(dir, Some(&flaw), copy),
        (Ok(None), Err(text_flaw)) => from_nothing(dir, None, Some(&text_flaw)),
        (Err(flaw), text) => from_nothing(dir, Some(&flaw), text.err().as_ref()),
    }
}

/// The newest store that is whole; `None` when there is none at all.
///
/// # Errors
/// `Unfinished` when none has a finished commit: sled takes a log without one good segment for a
/// new one. Else the flaw of the newest.
fn read_store(dir: &Path) -> Result<Option<(Store, u64, State)>, Flaw> {
    let numbers = directory::store_numbers(dir)?;
    if numbers.is_empty() {
        // A mark without a store has nothing to warn of; left alone it would condemn the next one.
        end_opening(dir);
        let lost =
            directory::stores_path(dir).read_dir().is_ok_and(|mut left| left.next().is_some());
        return if lost { Err(Flaw::damaged("it holds no store")) } else { Ok(None) };
    }
    begin_opening(dir)?;
    let mut newest_flaw = None;
    for number in numbers {
        let opened = Store::open(&directory::store_path(dir, number));
        let read = opened.and_then(|(store, contents)| {
            State::from_entries(contents).map(|state| (store, number, state))
        });
        match read {
            Ok(whole) => {
                end_opening(dir);
                return Ok(Some(whole));
            }
            // The next one is what this one was to replace.
            Err(Flaw::Unfinished) => {}
            Err(flaw) if flaw.is_disk() => {
                end_opening(dir);
                return Err(flaw);
            }
            Err(flaw) => newest_flaw = newest_flaw.or(Some(flaw)),
        }
    }
    end_opening(dir);
    Err(newest_flaw.unwrap_or(Flaw::Unfinished))
}

fn begin_opening(dir: &Path) -> Result<(), Flaw> {
    let path = directory::opening_path(dir);
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(directory::sync(dir)?),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Flaw::Interrupted),
        Err(error) => Err(Flaw::Disk(error)),
    }
}

fn end_opening(dir: &Path) {
    if let Err(error) = directory::remove(&directory::opening_path(dir)) {
        tracing::warn!(%error, "db.opening stays; the next start will use the text copy");
    }
}

fn from_text(dir: &Path, flaw: Option<&Flaw>, mut state: State) -> Restoration {
    state.leap();
    let store = store_words(dir, flaw);
    let text = format!(
        "{store}; progress was restored from the text copy {}, and events that were delivered \
         after it was written are sent again",
        text_copy::path(dir).display()
    );
    Restoration { state, store: None, notice: Some(Cause::new("state_restored", text)) }
}

fn from_nothing(dir: &Path, flaw: Option<&Flaw>, text_flaw: Option<&Flaw>) -> Restoration {
    let store = store_words(dir, flaw);
    let copy = match text_flaw {
        Some(flaw) => text_copy_words(dir, flaw),
        None => "there is no text copy".to_owned(),
    };
    let text = format!(
        "{store}; {copy}; every destination begins at the beginning of the spool, and events that \
         were delivered before are sent again"
    );
    let mut state = State::default();
    state.leap();
    Restoration { state, store: None, notice: Some(Cause::new("state_lost", text)) }
}

fn text_copy_notice(dir: &Path, flaw: &Flaw) -> Cause {
    let copy = text_copy_words(dir, flaw);
    Cause::new("text_copy_damaged", format!("{copy}; the store is whole and nothing is lost"))
}

/// Says what is wrong with the store, and sets it aside unless the disk is to blame.
fn store_words(dir: &Path, flaw: Option<&Flaw>) -> String {
    let path = directory::stores_path(dir);
    let shown = path.display();
    let words = match flaw {
        None => format!("state store {shown} is missing"),
        Some(flaw) if flaw.is_disk() => {
            return format!("state store {shown} cannot be read: {flaw}; look at the disk");
        }
        Some(flaw) => {
            let aside = aside_words(directory::set_aside(&path));
            format!("state store {shown} cannot be used: {flaw}; {aside}")
        }
    };
    end_opening(dir);
    words
}

fn text_copy_words(dir: &Path, flaw: &Flaw) -> String {
    let path = text_copy::path(dir);
    let shown = path.display();
    if flaw.is_disk() {
        return format!("text copy {shown} cannot be read: {flaw}");
    }
    let aside = aside_words(directory::set_aside(&path));
    format!("text copy {shown} cannot be used: {flaw}; {aside}")
}

fn aside_words(aside: io::Result<std::path::PathBuf>) -> String {
    match aside {
        Ok(aside) => format!("it was moved to {}", aside.display()),
        Err(error) => format!("it could not be moved aside: {error}"),
    }
}
