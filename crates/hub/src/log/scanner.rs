//! Reads the records of one segment file in order, with their checksums verified.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::{Bytes, BytesMut};

use super::record;

/// Bytes asked of the file at a time.
const READ: usize = 262_144;

/// A record and where it lies in the file.
pub(crate) struct Scanned {
    pub(crate) position: u64,
    pub(crate) bytes: Bytes,
}

/// Stops at `upto`, at the end of the file, or at the first record that is not whole and sound.
pub(crate) struct Scanner {
    file: File,
    buf: BytesMut,
    position: u64,
    unread: u64,
}

impl Scanner {
    pub(crate) fn open(path: &Path, from: u64, upto: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        Ok(Self {
            file,
            buf: BytesMut::new(),
            position: from,
            unread: upto.saturating_sub(from),
        })
    }

    /// The end of the last record returned.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn next(&mut self) -> io::Result<Option<Scanned>> {
        self.fill(4)?;
        let Some(len) = record::len(&self.buf) else {
            return Ok(None);
        };
        self.fill(len)?;
        if record::verified(&self.buf).is_none() {
            return Ok(None);
        }
        let position = self.position;
        self.position += len as u64;
        Ok(Some(Scanned {
            position,
            bytes: self.buf.split_to(len).freeze(),
        }))
    }

    fn fill(&mut self, len: usize) -> io::Result<()> {
        while self.buf.len() < len && self.unread > 0 {
            let wanted = READ.max(len - self.buf.len());
            let wanted = wanted.min(usize::try_from(self.unread).unwrap_or(usize::MAX));
            let start = self.buf.len();
            self.buf.resize(start + wanted, 0);
            let read = self.file.read(&mut self.buf[start..])?;
            self.buf.truncate(start + read);
            self.unread = if read == 0 {
                0
            } else {
                self.unread - read as u64
            };
        }
        Ok(())
    }
}
