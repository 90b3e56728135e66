//! What makes a real receiver slow: it stores through a named pipe that is emptied at a rate.
//!
//! A full pipe blocks the receiver in the middle of its work, as a full disk queue or a slow
//! indexer does, and so it stops reading. What it has written stands in the pipe even when it is
//! killed, and arrives in the file.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::libc::O_NONBLOCK;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// How often the pipe is looked at.
const TICK: Duration = Duration::from_millis(5);

/// Copies a named pipe to a file, slowly.
#[derive(Debug)]
pub struct SlowStore {
    is_at_full_speed: Arc<AtomicBool>,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SlowStore {
    /// Makes the pipe and empties it into `file` at `bytes_per_second`.
    pub fn start(pipe: &Path, file: &Path, bytes_per_second: u64) -> SlowStore {
        mkfifo(pipe, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let pipe = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(pipe).unwrap();
        let file = File::options().create(true).append(true).open(file).unwrap();
        let (is_at_full_speed, is_ending) = (Arc::default(), Arc::default());
        let (quick, ending) = (Arc::clone(&is_at_full_speed), Arc::clone(&is_ending));
        let a_tick = bytes_per_second * TICK.as_millis() as u64 / 1000;
        let thread = thread::spawn(move || copy(pipe, file, a_tick as usize, &quick, &ending));
        SlowStore { is_at_full_speed, is_ending, thread: Some(thread) }
    }

    /// No rate any more.
    pub fn hurry(&self) {
        self.is_at_full_speed.store(true, Ordering::Relaxed);
    }

    /// Returns when the pipe is empty; the receiver has ended before.
    pub fn finish(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for SlowStore {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }
}

fn copy(mut pipe: File, mut file: File, a_tick: usize, quick: &AtomicBool, ending: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // Before the look at the pipe: what was written before the end is seen.
        let is_ending = ending.load(Ordering::Relaxed);
        let is_quick = is_ending || quick.load(Ordering::Relaxed);
        let limit = if is_quick { buffer.len() } else { a_tick.min(buffer.len()) };
        let is_empty = match pipe.read(&mut buffer[..limit]) {
            Ok(0) => true,
            Ok(count) => {
                file.write_all(&buffer[..count]).unwrap();
                false
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Err(error) => panic!("{error}"),
        };
        if is_empty && is_ending {
            return;
        }
        if is_empty || !is_quick {
            thread::sleep(TICK);
        }
    }
}
