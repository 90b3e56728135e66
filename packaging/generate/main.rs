//! What the packages contain beside the binary: manual pages, shell completions, the bill of
//! materials (CycloneDX) and the licences of everything that is linked in.
//!
//! In: a directory to write to, and on standard input what `cargo metadata` prints. Out: files
//! below that directory, laid out as below /usr/share. Run by `packaging/build`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use clap::CommandFactory;
use clap_complete::Shell;
use spoolgate::cli::Arguments;

mod bill;
mod manual;
mod settings;

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::args_os().nth(1).map(PathBuf::from).ok_or("usage: generate DIRECTORY")?;
    // Stamps come from the source, so that two builds are equal.
    let epoch: i64 = env::var("SOURCE_DATE_EPOCH")?.parse()?;
    let date = jiff::Timestamp::from_second(epoch)?.strftime("%Y-%m-%d").to_string();

    write(&out.join("man/man8/spoolgate.8"), &manual::command(&date)?)?;
    write(&out.join("man/man5/spoolgate.toml.5"), settings::page(&date).as_bytes())?;
    let completions = [
        (Shell::Bash, "bash-completion/completions/spoolgate"),
        (Shell::Zsh, "zsh/vendor-completions/_spoolgate"),
        (Shell::Fish, "fish/vendor_completions.d/spoolgate.fish"),
    ];
    for (shell, path) in completions {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "spoolgate", &mut text);
        write(&out.join(path), &text)?;
    }
    let metadata = serde_json::from_reader(io::stdin().lock())?;
    let packages = bill::linked(&metadata)?;
    let documents = out.join("doc/spoolgate");
    write(&documents.join("sbom.cdx.json"), bill::cyclonedx(&packages, epoch)?.as_bytes())?;
    write(&documents.join("licences.txt"), bill::licences(&packages)?.as_bytes())?;
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, bytes)
}
