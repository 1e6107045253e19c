//! The two engines, and the choice between them.

use std::fmt;
use std::str::FromStr;

use super::StartError;
use crate::ring;

/// Which engine carries the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoMode {
    /// The ring where the kernel can, glommio's streams elsewhere.
    #[default]
    Auto,
    /// The ring, or an error.
    Ring,
    /// glommio's streams.
    Glommio,
}

impl FromStr for IoMode {
    type Err = String;

    fn from_str(name: &str) -> Result<IoMode, String> {
        match name {
            "auto" => Ok(IoMode::Auto),
            "ring" => Ok(IoMode::Ring),
            "glommio" => Ok(IoMode::Glommio),
            _ => Err(format!("`{name}` is no io engine; there are auto, ring and glommio")),
        }
    }
}

impl fmt::Display for IoMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IoMode::Auto => "auto",
            IoMode::Ring => "ring",
            IoMode::Glommio => "glommio",
        })
    }
}

/// The engine that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Our io_uring under glommio tasks.
    Ring,
    /// glommio's own streams.
    Glommio,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Ring => "ring",
            Engine::Glommio => "glommio",
        })
    }
}

/// The engine for `mode`, and why that one.
pub(super) fn choose_engine(mode: IoMode) -> Result<(Engine, String), StartError> {
    match (mode, ring::probe()) {
        (IoMode::Glommio, _) => Ok((Engine::Glommio, "asked for".to_owned())),
        (_, Ok(task_run)) => Ok((Engine::Ring, format!("{task_run}, multishot receive and silent sends work here"))),
        (IoMode::Ring, Err(why)) => Err(StartError::NoRing(why)),
        (IoMode::Auto, Err(why)) => Ok((Engine::Glommio, why)),
    }
}
