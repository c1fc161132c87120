//! NDJSON, plain or gzip: whole lines, byte for byte, in groups.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::Outgoing;

/// Lines in one group: one AMQP batch of small messages.
const GROUP_LINES: usize = 1_000;
/// Bytes in one group: below the 1 MiB that a hub takes at once.
const GROUP_BYTES: usize = 768 * 1_024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads lines from a file or from standard input.
pub(crate) struct Lines {
    input: Box<dyn BufRead + Send>,
    /// Bytes of the input that were read, compressed if it is.
    read: Arc<AtomicU64>,
    /// Size of the input, if it is a file.
    size: Option<u64>,
    number: u64,
}

impl Lines {
    /// `-` is standard input. Gzip is told by its first bytes, not by the name.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::of(io::stdin(), None);
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let size = metadata.is_file().then_some(metadata.len());
        Self::of(file, size)
    }

    fn of(input: impl Read + Send + 'static, size: Option<u64>) -> io::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            input,
            read: Arc::clone(&read),
        };
        let mut plain = BufReader::with_capacity(1 << 16, counted);
        let is_gzip = plain.fill_buf()?.starts_with(&GZIP_MAGIC);
        let input: Box<dyn BufRead + Send> = match is_gzip {
            true => Box::new(BufReader::new(MultiGzDecoder::new(plain))),
            false => Box::new(plain),
        };
        Ok(Self {
            input,
            read,
            size,
            number: 0,
        })
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Counts while another thread reads.
    pub(crate) fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// The next lines without their line ends; empty ones are skipped. Empty at the end.
    ///
    /// # Errors
    /// If the input cannot be read, or is damaged gzip.
    pub(crate) fn next_group(&mut self) -> io::Result<Vec<Outgoing>> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while group.len() < GROUP_LINES && bytes < GROUP_BYTES {
            let mut body = Vec::new();
            if self.input.read_until(b'\n', &mut body)? == 0 {
                break;
            }
            trim_line_end(&mut body);
            if !body.is_empty() {
                bytes += body.len();
                group.push(Outgoing {
                    number: self.number,
                    body,
                });
                self.number += 1;
            }
        }
        Ok(group)
    }
}

fn trim_line_end(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn bodies(input: &[u8]) -> Vec<String> {
        let mut lines = Lines::of(io::Cursor::new(input.to_vec()), None).unwrap();
        let mut bodies = Vec::new();
        loop {
            let group = lines.next_group().unwrap();
            if group.is_empty() {
                return bodies;
            }
            assert!(group.len() <= GROUP_LINES);
            bodies.extend(
                group
                    .into_iter()
                    .map(|event| String::from_utf8(event.body).unwrap()),
            );
        }
    }

    #[test]
    fn lines_are_taken_byte_for_byte_and_empty_ones_skipped() {
        let text = "{\"a\": 1} \r\n\n  x\n{\"é\":2}";
        assert_eq!(bodies(text.as_bytes()), ["{\"a\": 1} ", "  x", "{\"é\":2}"]);
    }

    #[test]
    fn gzip_is_recognised_by_its_bytes_also_in_several_members() {
        let member = |text: &str| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(text.as_bytes()).unwrap();
            gzip.finish().unwrap()
        };
        let input = [member("1\n2\n"), member("3\n")].concat();
        assert_eq!(bodies(&input), ["1", "2", "3"]);
    }

    #[test]
    fn groups_are_bounded_and_nothing_is_lost_between_them() {
        let text: String = (0..2_500).map(|number| format!("{number}\n")).collect();
        let expected: Vec<_> = (0..2_500).map(|number| number.to_string()).collect();
        assert_eq!(bodies(text.as_bytes()), expected);
    }

    #[test]
    fn damaged_gzip_is_an_error() {
        let mut lines = Lines::of(io::Cursor::new(vec![0x1f, 0x8b, 8, 0, 1, 2]), None).unwrap();
        assert!(lines.next_group().is_err());
    }
}
