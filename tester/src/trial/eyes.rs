//! Who looks at each exchange of a trial: the oracle, and the log if one is asked for.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tollgate_client::{Exchange, Observer};

use crate::oracle::log::Writer;
use crate::oracle::online::Tap;

/// Looks on behalf of one thread of the engine.
#[derive(Debug)]
pub(super) struct Eyes<'a> {
    pub(super) tap: Option<Tap>,
    pub(super) log: Option<&'a Log>,
}

impl Observer for Eyes<'_> {
    fn exchange(&mut self, exchange: &Exchange) {
        self.tap.exchange(exchange);
        if let Some(log) = self.log {
            log.exchange(exchange);
        }
    }
}

/// A log that all threads write to: to be looked at later, at the price of a lock for each exchange.
#[derive(Debug)]
pub(super) struct Log(Mutex<io::Result<Writer<File>>>);

impl Log {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let writer = File::create(path).and_then(Writer::new)?;
        Ok(Self(Mutex::new(Ok(writer))))
    }

    /// The first write that fails is the last one; [`Log::finish`] tells.
    fn exchange(&self, exchange: &Exchange) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(writer) = &mut *log
            && let Err(error) = writer.write(exchange)
        {
            *log = Err(error);
        }
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)?.finish().map(drop)
    }
}
