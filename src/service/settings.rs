//! What the running program as a whole is told (top of the configuration file).

/// As whom it runs, and what it may still do then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Becomes this user when it was started as root.
    pub user: Option<String>,
    /// What happens where the kernel cannot confine the program.
    pub sandbox: Mode,
}

/// How much the sandbox matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As much of it as the kernel has.
    #[default]
    BestEffort,
    /// All of it, or no start.
    Required,
    /// None.
    Off,
}

impl Mode {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Mode); 3] =
        [("best-effort", Mode::BestEffort), ("required", Mode::Required), ("off", Mode::Off)];
}
