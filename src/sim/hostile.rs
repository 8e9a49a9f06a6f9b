//! Text and bytes that attack whoever shows or unpacks them.

use bytes::Bytes;
use futures::stream::{self, Stream};
use serde_json::Value;

use super::fault::Hostile;

/// Stands for raw bytes until JSON has been written: a character that no believable text holds.
const PLACE: char = '\u{e000}';

/// Every way to reach a terminal that valid JSON can carry: CSI, OSC 52 and 8, DCS, 8-bit C1, BEL, CR, backspace, NUL,
/// bidirectional overrides, zero-width characters, a flood of combining marks, line ends of other systems.
const ESCAPES: &str = "\u{1b}[2J\u{1b}[31m\u{1b}]52;c;cm0gLXJmIC8=\u{7}\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\\
    \u{1b}P+q544e\u{1b}\\\u{9b}31m\u{9d}0;title\u{9c}\u{7}\r\u{8}\u{0}\u{202e}gnp.exe\u{202c}\u{2066}\u{200b}\u{200d}\u{feff}\
    e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{2028}\u{85}";

/// For a Warning header: what a header may hold of it (C1 in UTF-8, bidirectional and zero-width characters).
pub(super) const WARNING: &str =
    "299 - \"\u{9b}31mred\u{9d}52;c;cm0=\u{9c} \u{202e}gnp\u{202c}\u{200b} end\"";

const RAW: &[u8] = b"\x1b[31m\x00\x07\x08\r\n\x9b";
const NOT_UTF8: &[u8] = b"\xff\xfe\xc0\x80\xed\xa0\x80\xf5";

/// Puts hostile text into every name, label, reason, message, version and cell of a JSON body, or into the lines of
/// any other text.
pub(super) fn rewrite(body: &[u8], kind: Hostile) -> Bytes {
    let text = match kind {
        Hostile::Escapes => ESCAPES.to_owned(),
        Hostile::RawControls | Hostile::InvalidUtf8 => PLACE.to_string(),
    };
    let written = match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            poison(&mut value, &text, false);
            value.to_string()
        }
        Err(_) => String::from_utf8_lossy(body).replace(" ok", &format!("{text} ok")),
    };
    let raw: &[u8] = match kind {
        Hostile::Escapes => return Bytes::from(written),
        Hostile::RawControls => RAW,
        Hostile::InvalidUtf8 => NOT_UTF8,
    };
    let mut bytes = Vec::with_capacity(written.len() + 1024);
    let mut parts = written.split(PLACE);
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        bytes.extend_from_slice(raw);
        bytes.extend_from_slice(part.as_bytes());
    }
    Bytes::from(bytes)
}

/// Fields whose value a client needs to find its way; everything else that is text is poisoned.
fn is_needed(name: &str) -> bool {
    matches!(
        name,
        "kind" | "apiVersion" | "uid" | "resourceVersion" | "continue" | "type" | "status" | "format"
    ) || name.ends_with("Timestamp")
        || name.ends_with("Time")
}

fn poison(value: &mut Value, text: &str, keys: bool) {
    match value {
        Value::String(string) => string.push_str(text),
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, text, false)),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let columns = name == "columnDefinitions";
                if !columns && (!is_needed(name) || !value.is_string()) {
                    poison(value, text, name == "labels" || name == "annotations");
                }
            }
            if keys {
                let poisoned =
                    std::mem::take(fields).into_iter().map(|(name, value)| (format!("{name}{text}"), value));
                *fields = poisoned.collect();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A gzip member (RFC 1952) whose one DEFLATE block (RFC 1951, fixed codes) says "a zero, and then 258 bytes more of
/// the same" over and over: 13 bits for 258 bytes.
pub(super) fn gzip_bomb(bytes: u64) -> impl Stream<Item = Bytes> + Send + 'static {
    // Header: deflate, no flags, no time, unknown system.
    let mut head = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut bits = Bits::default();
    // One final block with fixed codes: 1, then 01 from the low bit up.
    bits.push(1, 1);
    bits.push(1, 2);
    // Literal 0 is the 8-bit code 0011_0000, most significant bit first.
    bits.push_code(0b0011_0000, 8);
    // Fill up to a byte border: 13 bits each, so that eleven bits of head and k copies end evenly.
    while bits.used != 0 {
        bits.push_copy();
    }
    head.append(&mut bits.bytes);
    let mut block = Bits::default();
    // Eight copies are thirteen bytes; a block of 4,096 times eight unpacks to 8.4 MB.
    for _ in 0..8 * 4096 {
        block.push_copy();
    }
    let unpacked = 258_u64 * 8 * 4096;
    let block = Bytes::from(block.bytes);
    let count = usize::try_from(bytes / unpacked + 1).unwrap_or(usize::MAX);
    stream::iter(std::iter::once(Bytes::from(head)).chain(std::iter::repeat_n(block, count)))
}

/// Bits as DEFLATE packs them, low bit first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for at in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> at & 1 == 1) << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// Huffman codes go most significant bit first.
    fn push_code(&mut self, code: u32, count: u32) {
        for at in (0..count).rev() {
            self.push(code >> at & 1, 1);
        }
    }

    /// Length 258 (symbol 285, code 1100_0101, no extra bits) at distance 1 (code 00000).
    fn push_copy(&mut self) {
        self.push_code(0b1100_0101, 8);
        self.push_code(0, 5);
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    #[test]
    fn hostile_text_reaches_names_labels_and_cells_but_leaves_the_shape() {
        let body = br#"{"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":[{"cells":["n",1],"object":{"kind":"X",
            "metadata":{"name":"n","labels":{"a":"b"},"resourceVersion":"5"},"status":{"conditions":[{"type":"Ready","status":"True","message":"m"}]}}}]}"#;
        let value: Value = serde_json::from_slice(&rewrite(body, Hostile::Escapes)).unwrap();
        let object = &value["rows"][0]["object"];
        assert_eq!(value["columnDefinitions"][0]["name"], "Name");
        assert!(value["rows"][0]["cells"][0].as_str().unwrap().contains('\u{1b}'));
        assert!(object["metadata"]["labels"].as_object().unwrap().keys().all(|key| key.contains('\u{9b}')));
        assert!(object["metadata"]["name"].as_str().unwrap().contains('\u{202e}'));
        assert_eq!((&object["kind"], &object["metadata"]["resourceVersion"]), (&"X".into(), &"5".into()));
        let condition = &object["status"]["conditions"][0];
        assert_eq!((&condition["type"], &condition["status"]), (&"Ready".into(), &"True".into()));
        assert!(condition["message"].as_str().unwrap().len() > 20);
    }

    #[test]
    fn raw_forms_are_no_json_and_no_utf8() {
        let body = br#"{"name":"n"}"#;
        let raw = rewrite(body, Hostile::RawControls);
        assert!(raw.contains(&0x1b) && serde_json::from_slice::<Value>(&raw).is_err());
        assert!(std::str::from_utf8(&rewrite(body, Hostile::InvalidUtf8)).is_err());
        assert!(rewrite(b"[+]ping ok\n", Hostile::Escapes).len() > 50);
    }

    #[test]
    fn a_gzip_bomb_is_small_and_begins_as_gzip_does() {
        let chunks: Vec<Bytes> = futures::executor::block_on(gzip_bomb(50_000_000).collect());
        let size: usize = chunks.iter().map(Bytes::len).sum();
        assert!(size < 500_000, "{size}");
        assert_eq!(&chunks[0][..3], [0x1f, 0x8b, 8]);
        // The bits of the block, by hand: 1, 01, then the literal and the first copy.
        assert_eq!(chunks[0][10], 0b0110_0011);
    }
}
