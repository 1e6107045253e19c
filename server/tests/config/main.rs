//! The configuration file.
//!
//! | file | about |
//! |---|---|
//! | `meaning` | what it means |
//! | `problems` | what is wrong with it, and on which line |

mod meaning;
mod problems;

use tollgate::config::{Config, Problem, file};

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    file::parse(text).and_then(Config::new)
}
