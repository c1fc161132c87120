//! Segment files: `00000000000000000042.log` holds the records from sequence number 42 on.
//!
//! A file begins with a header that carries what the log must not forget when all earlier segments
//! have expired: where the log's offsets stand, and the last offset and enqueued time before it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut};

/// Bytes before the first record of a file.
pub(crate) const HEADER: u64 = 48;
const HEADER_LEN: usize = 48;
const MAGIC: &[u8; 8] = b"RCHUBLG1";

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) first_sequence_number: u64,
    /// The offset of the first record.
    pub(crate) base_offset: u64,
    /// The last offset before this segment; −1 when there was none.
    pub(crate) previous_offset: i64,
    /// The enqueued time of the last record before this segment, in milliseconds.
    pub(crate) previous_millis: i64,
}

/// A segment as the running partition knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) header: Header,
    /// Synced bytes of the file, the header included.
    pub(crate) len: u64,
    /// The enqueued time of its last record, or of the last before it.
    pub(crate) last_millis: i64,
}

impl Segment {
    pub(crate) fn first(&self) -> u64 {
        self.header.first_sequence_number
    }

    /// The offset of the record at a position in the file.
    pub(crate) fn offset_at(&self, position: u64) -> u64 {
        self.header.base_offset + position.saturating_sub(HEADER)
    }
}

impl Header {
    fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let mut out = &mut bytes[..];
        out.put_slice(MAGIC);
        out.put_u64(self.first_sequence_number);
        out.put_u64(self.base_offset);
        out.put_i64(self.previous_offset);
        out.put_i64(self.previous_millis);
        let checksum = crc32fast::hash(&bytes[..40]);
        bytes[40..44].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// `None` when the bytes are not a whole, sound header.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let fields = bytes.get(..40)?.strip_prefix(MAGIC)?;
        let stored = u32::from_be_bytes(*bytes.get(40..48)?.first_chunk::<4>()?);
        if crc32fast::hash(&bytes[..40]) != stored {
            return None;
        }
        let mut fields = fields;
        Some(Self {
            first_sequence_number: fields.get_u64(),
            base_offset: fields.get_u64(),
            previous_offset: fields.get_i64(),
            previous_millis: fields.get_i64(),
        })
    }
}

/// Where the segment that begins at `first` lies.
pub(crate) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.log"))
}

/// The first sequence numbers of the segments in a directory, ascending.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            firsts.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Creates a segment file with its header; both the file and its name are on disk afterwards.
pub(crate) fn create(dir: &Path, header: Header) -> io::Result<File> {
    let path = path(dir, header.first_sequence_number);
    let mut file = File::create(&path)?;
    file.write_all(&header.encode())?;
    file.sync_all()?;
    File::open(dir)?.sync_all()?;
    File::options().append(true).open(&path)
}

/// Reads the header of a segment; `None` when it was torn.
pub(crate) fn read_header(dir: &Path, first: u64) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER_LEN];
    match File::open(path(dir, first))?.read_exact(&mut bytes) {
        Ok(()) => Ok(Header::decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_back_and_a_torn_one_is_none() {
        let header = Header {
            first_sequence_number: 42,
            base_offset: 1_000,
            previous_offset: 990,
            previous_millis: -5,
        };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Some(header));
        for cut in 0..44 {
            assert_eq!(Header::decode(&bytes[..cut]), None);
        }
    }
}
