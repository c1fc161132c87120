//! Walks encoded values without building them.
//!
//! Used to find where a value ends and to guard the decoders behind it. Invariants: never reads
//! past the slice, never recurses deeper than [`MAX_DEPTH`], and an array of empty elements, which
//! costs its sender nothing, has at most [`MAX_EMPTY_ELEMENTS`].

use super::Malformed;

/// Deepest nesting accepted. The deepest thing clients send is a filter in a source in an attach.
pub(crate) const MAX_DEPTH: usize = 16;
const MAX_EMPTY_ELEMENTS: usize = 256;

type Scanned = Result<usize, Malformed>;

/// The length in bytes of the encoded value at the beginning of `buf`.
pub(crate) fn skip(buf: &[u8]) -> Scanned {
    value(buf, 0)
}

/// Reads a big-endian length of `width` (1 or 4) bytes at `at`.
pub(crate) fn length(buf: &[u8], at: usize, width: usize) -> Scanned {
    let bytes = buf.get(at..at + width).ok_or(Malformed::Truncated)?;
    Ok(bytes
        .iter()
        .fold(0, |sum, byte| (sum << 8) | usize::from(*byte)))
}

/// The content of a string, symbol or binary value, without its constructor and length.
pub(crate) fn bytes_of(value: &[u8]) -> Option<&[u8]> {
    let width = match value.first()? {
        0xa0 | 0xa1 | 0xa3 => 1,
        0xb0 | 0xb1 | 0xb3 => 4,
        _ => return None,
    };
    let len = length(value, 1, width).ok()?;
    value.get(1 + width..1 + width + len)
}

/// The entries of a list or map, or `None` if the value is something else.
pub(crate) fn elements(value: &[u8]) -> Option<Elements<'_>> {
    let (count, at) = match value.first()? {
        0x45 => (0, 1),
        0xc0 | 0xc1 => (length(value, 2, 1).ok()?, 3),
        0xd0 | 0xd1 => (length(value, 5, 4).ok()?, 9),
        _ => return None,
    };
    Some(Elements {
        count,
        rest: value.get(at..)?,
    })
}

/// Iterates over the encoded elements of a compound value.
pub(crate) struct Elements<'a> {
    count: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.count = self.count.checked_sub(1)?;
        let len = skip(self.rest).ok()?;
        let (value, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(value)
    }
}

fn value(buf: &[u8], depth: usize) -> Scanned {
    let (code, head) = constructor(buf, depth)?;
    Ok(head + body(code, rest(buf, head)?, depth)?)
}

/// The format code of a value and the bytes up to and including it (descriptor too).
fn constructor(buf: &[u8], depth: usize) -> Result<(u8, usize), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::TooDeep);
    }
    let code = *buf.first().ok_or(Malformed::Truncated)?;
    if code != 0 {
        return Ok((code, 1));
    }
    let descriptor = 1 + value(rest(buf, 1)?, depth + 1)?;
    let (code, head) = constructor(rest(buf, descriptor)?, depth + 1)?;
    Ok((code, descriptor + head))
}

/// The length of what follows the format code.
fn body(code: u8, buf: &[u8], depth: usize) -> Scanned {
    let len = match code >> 4 {
        0x4 => 0,
        0x5 => 1,
        0x6 => 2,
        0x7 => 4,
        0x8 => 8,
        0x9 => 16,
        0xa => 1 + length(buf, 0, 1)?,
        0xb => 4 + length(buf, 0, 4)?,
        0xc => return compound(code, buf, 1, depth),
        0xd => return compound(code, buf, 4, depth),
        0xe => return array(buf, 1, depth),
        0xf => return array(buf, 4, depth),
        _ => return Err(Malformed::Constructor(code)),
    };
    if buf.len() < len {
        return Err(Malformed::Truncated);
    }
    Ok(len)
}

fn compound(code: u8, buf: &[u8], width: usize, depth: usize) -> Scanned {
    let (count, content) = sized(buf, width)?;
    if count > content.len() || (code & 0x0f == 1 && count % 2 == 1) {
        return Err(Malformed::Size);
    }
    let mut at = 0;
    for _ in 0..count {
        at += value(rest(content, at)?, depth + 1)?;
    }
    exactly(at, content)?;
    Ok(2 * width + content.len())
}

fn array(buf: &[u8], width: usize, depth: usize) -> Scanned {
    let (count, content) = sized(buf, width)?;
    if count == 0 && content.is_empty() {
        return Ok(2 * width);
    }
    let (code, mut at) = constructor(content, depth + 1)?;
    if count > content.len().max(MAX_EMPTY_ELEMENTS) {
        return Err(Malformed::Size);
    }
    for _ in 0..count {
        at += body(code, rest(content, at)?, depth + 1)?;
    }
    exactly(at, content)?;
    Ok(2 * width + content.len())
}

/// Element count and content of a compound or array whose size field stands at the beginning.
fn sized(buf: &[u8], width: usize) -> Result<(usize, &[u8]), Malformed> {
    let size = length(buf, 0, width)?;
    let all = buf.get(width..width + size).ok_or(Malformed::Truncated)?;
    Ok((length(all, 0, width)?, rest(all, width)?))
}

fn exactly(at: usize, content: &[u8]) -> Result<(), Malformed> {
    if at == content.len() {
        Ok(())
    } else {
        Err(Malformed::Size)
    }
}

fn rest(buf: &[u8], at: usize) -> Result<&[u8], Malformed> {
    buf.get(at..).ok_or(Malformed::Truncated)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_as_long_as_its_encoding() {
        let value = serde_amqp::Value::List(vec![
            serde_amqp::Value::String("x".repeat(300)),
            serde_amqp::Value::Null,
            serde_amqp::Value::List(vec![serde_amqp::Value::Ulong(7)]),
        ]);
        let mut encoded = serde_amqp::to_vec(&value).unwrap();
        let len = encoded.len();
        encoded.extend([1, 2, 3]);
        assert_eq!(skip(&encoded), Ok(len));
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        let described: Vec<u8> = std::iter::repeat_n(0, 100_000).collect();
        assert_eq!(skip(&described), Err(Malformed::TooDeep));
        let mut lists = Vec::new();
        for _ in 0..100_000 {
            lists.extend([0xd0, 0, 0, 0xff, 0xff, 0, 0, 0, 1]);
        }
        assert!(skip(&lists).is_err());
    }

    #[test]
    fn an_array_of_nothing_is_bounded() {
        let bomb = [0xf0, 0, 0, 0, 5, 0x7f, 0xff, 0xff, 0xff, 0x40];
        assert_eq!(skip(&bomb), Err(Malformed::Size));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            if let Ok(len) = skip(&bytes) {
                prop_assert!(len <= bytes.len());
                if let Some(list) = elements(&bytes[..len]) {
                    prop_assert!(list.count() <= len);
                }
            }
        }
    }
}
