//! The tail cache: the groups of records written last, as they lie in the file.
//!
//! Receivers that keep up are served from it and never touch the disk. It is bounded in bytes; a
//! group larger than the bound is not kept at all.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::position::Cursor;
use super::record;

#[derive(Debug)]
pub(super) struct TailCache {
    blocks: VecDeque<Block>,
    bytes: usize,
    capacity: usize,
}

/// A chunk that is shared keeps its whole group in memory, so of a larger one a part is copied.
const SHARED: usize = 262_144;

fn share(block: Bytes) -> Bytes {
    if block.len() <= SHARED {
        return block;
    }
    let mut end = 0;
    while let Some(len) = record::len(&block[end..]) {
        if end > 0 && end + len > SHARED {
            break;
        }
        end += len;
    }
    Bytes::copy_from_slice(&block[..end.min(block.len())])
}

/// One group of records.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Where its first record lies.
    pub(super) start: Cursor,
    pub(super) bytes: Bytes,
}

impl TailCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            blocks: VecDeque::new(),
            bytes: 0,
            capacity,
        }
    }

    pub(super) fn push(&mut self, block: Block) {
        self.bytes += block.bytes.len();
        self.blocks.push_back(block);
        while self.bytes > self.capacity {
            let Some(oldest) = self.blocks.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes.len();
        }
    }

    /// The records from `cursor` to the end of its block; moves the cursor into a new segment if
    /// the block begins one.
    pub(super) fn get(&self, cursor: &mut Cursor) -> Option<Bytes> {
        self.block(cursor).map(share)
    }

    fn block(&self, cursor: &mut Cursor) -> Option<Bytes> {
        let after = self
            .blocks
            .partition_point(|block| block.start.sequence_number <= cursor.sequence_number);
        let block = self.blocks.get(after.checked_sub(1)?)?;
        if block.start.sequence_number == cursor.sequence_number {
            *cursor = block.start;
            return Some(block.bytes.clone());
        }
        if block.start.segment != cursor.segment {
            return None;
        }
        let skip = cursor.position.checked_sub(block.start.position)?;
        let skip = usize::try_from(skip).ok()?;
        let mut rest = block.bytes.clone();
        if skip >= rest.len() {
            return None;
        }
        rest.advance(skip);
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(sequence_number: u64, position: u64, len: usize) -> Block {
        Block {
            start: Cursor {
                sequence_number,
                segment: 0,
                position,
                base_offset: 0,
            },
            bytes: Bytes::from(vec![0; len]),
        }
    }

    #[test]
    fn it_keeps_the_newest_within_its_bytes() {
        let mut cache = TailCache::new(100);
        cache.push(block(0, 48, 60));
        cache.push(block(3, 108, 60));
        let mut cursor = block(0, 48, 0).start;
        assert_eq!(cache.get(&mut cursor), None);
        let mut cursor = block(4, 128, 0).start;
        assert_eq!(cache.get(&mut cursor).map(|bytes| bytes.len()), Some(40));
        cache.push(block(6, 168, 101));
        assert_eq!(cache.get(&mut cursor), None);
    }
}
