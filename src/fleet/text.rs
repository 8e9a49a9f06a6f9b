//! Text from outside, made safe to show.

use std::fmt;
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longest text kept, in bytes; the rest is cut and marked with `…`.
const CAP: usize = 1024;

/// How many marks may stand on one letter. Vietnamese and Hebrew need two, three are rare.
const MARKS: usize = 3;

/// Text that holds nothing a terminal would obey or a reader could be misled by.
///
/// * Control characters (C0, DEL, C1), among them all that starts an escape sequence, become pictures (`␛`, `␍`) or `‹U+009B›`.
/// * Bidirectional controls, zero-width and other invisible characters, variation selectors, joiners, tags, and what
///   terminals disagree about the width of (flags, skin tones, the parts of Hangul syllables) become `‹U+202E›`.
/// * More than three combining marks on one letter are cut to `…`; a mark without a letter gets `◌`.
/// * Text past 1,024 bytes is cut to `…`.
///
/// Cleaning clean text changes nothing. Equality and order are those of the clean text. Letters that run from right to left
/// stay as they are: names in Hebrew and Arabic are names.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct CleanText(Arc<str>);

impl CleanText {
    /// Cleans `raw`, keeping at most 1,024 bytes.
    pub fn new(raw: &str) -> Self {
        Self::with_cap(raw, CAP)
    }

    /// Cleans `raw`, keeping at most `cap` bytes (and a `…` if something was cut).
    pub fn with_cap(raw: &str, cap: usize) -> Self {
        if raw.len() <= cap && raw.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Self(Arc::from(raw));
        }
        let mut cleaner =
            Cleaner { out: String::with_capacity(raw.len().min(cap) + 8), cap, last: None, marks: 0 };
        for c in raw.chars() {
            if !cleaner.push(c) {
                cleaner.out.push('…');
                break;
            }
        }
        Self(Arc::from(cleaner.out))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Width in terminal cells, counted as the screen places them: one grapheme cluster after another.
    pub fn width(&self) -> usize {
        if self.0.is_ascii() {
            return self.0.len();
        }
        self.0.graphemes(true).map(UnicodeWidthStr::width).sum()
    }
}

/// Clean text in the making.
struct Cleaner {
    out: String,
    cap: usize,
    /// The last character that was kept.
    last: Option<char>,
    /// How many marks the last letter has.
    marks: usize,
}

impl Cleaner {
    /// Appends one character in its clean form; false if there is no room for it.
    fn push(&mut self, c: char) -> bool {
        match c {
            '\u{0}'..='\u{1f}' => self.keep(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\u{7f}' => self.keep('\u{2421}'),
            c if is_hidden(c) => self.spell(c),
            c if c.width().unwrap_or(0) > 0 => self.keep(c),
            mark if self.marks <= MARKS && !joins(mark) => self.spell(mark),
            mark => self.mark(mark),
        }
    }

    fn mark(&mut self, c: char) -> bool {
        if self.last.is_none() && !self.keep('◌') {
            return false;
        }
        self.marks += 1;
        match self.marks {
            ..=MARKS => self.append(c),
            n if n == MARKS + 1 => self.append('…'),
            _ => true,
        }
    }

    /// `‹U+202E›`, whole or not at all.
    fn spell(&mut self, c: char) -> bool {
        let spelt = format!("‹U+{:04X}›", u32::from(c));
        let fits = self.out.len() + spelt.len() <= self.cap;
        if fits {
            self.out.push_str(&spelt);
            (self.last, self.marks) = (Some('›'), 0);
        }
        fits
    }

    fn keep(&mut self, c: char) -> bool {
        self.marks = 0;
        self.append(c)
    }

    fn append(&mut self, c: char) -> bool {
        let fits = self.out.len() + c.len_utf8() <= self.cap;
        if fits {
            self.out.push(c);
            self.last = Some(c);
        }
        fits
    }
}

/// Characters that show nothing, or change how others are shown, or that terminals give different widths: Cc beyond
/// ASCII, the format controls and default ignorables of Unicode 16 (UAX #9, UAX #44, UTS #39 section 3), variation
/// selectors, regional indicators and emoji modifiers (UTS #51), and conjoining Hangul (whole syllables are kept).
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{1100}'..='\u{11ff}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character without a width shares the cell of the letter before it. Some that are new to Unicode do not yet.
fn joins(mark: char) -> bool {
    String::from_iter(['a', mark]).graphemes(true).nth(1).is_none()
}

impl fmt::Display for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<&str> for CleanText {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl AsRef<str> for CleanText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_becomes_visible() {
        for (raw, clean) in [
            ("prod-eu-1", "prod-eu-1"),
            ("a\u{1b}[31mb", "a␛[31mb"),
            ("a\u{1b}]52;c;AAAA\u{7}b", "a␛]52;c;AAAA␇b"),
            ("\u{1b}]8;;http://x\u{1b}\\y", "␛]8;;http://x␛\\y"),
            ("\u{1b}P1$r\u{9c}", "␛P1$r‹U+009C›"),
            ("a\r\nb\tc\u{8}", "a␍␊b␉c␈"),
            ("a\u{0}\u{7f}", "a␀␡"),
            ("a\u{9b}31mb", "a‹U+009B›31mb"),
            ("a\u{90}\u{9d}\u{85}b", "a‹U+0090›‹U+009D›‹U+0085›b"),
            ("evil\u{202e}dorp", "evil‹U+202E›dorp"),
            ("\u{2066}x\u{2069}", "‹U+2066›x‹U+2069›"),
            ("zero\u{200b}width\u{feff}", "zero‹U+200B›width‹U+FEFF›"),
            ("tag\u{e0041}", "tag‹U+E0041›"),
            ("größe 東京", "größe 東京"),
            ("e\u{301}", "e\u{301}"),
            ("\u{301}a", "◌\u{301}a"),
            ("heart \u{2764}\u{fe0f}", "heart \u{2764}‹U+FE0F›"),
            ("\u{1f469}\u{200d}\u{1f680}", "\u{1f469}‹U+200D›\u{1f680}"),
            ("\u{1f44d}\u{1f3fd}", "\u{1f44d}‹U+1F3FD›"),
            ("\u{1f1e9}\u{1f1ea}", "‹U+1F1E9›‹U+1F1EA›"),
            ("\u{d55c}\u{ad6d}", "\u{d55c}\u{ad6d}"),
            ("x\u{1161}", "x‹U+1161›"),
        ] {
            assert_eq!(CleanText::new(raw).as_str(), clean, "{raw:?}");
        }
    }

    #[test]
    fn a_flood_of_combining_marks_is_cut() {
        for head in ["a", "", "\u{1b}", "\u{200b}"] {
            let raw = format!("{head}{}b", "\u{301}".repeat(500));
            let clean = CleanText::new(&raw);
            assert_eq!(clean.as_str().matches('\u{301}').count(), MARKS, "{clean}");
            assert!(clean.as_str().ends_with("…b"), "{clean}");
        }
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        for piece in ["é", "\u{1b}", "\u{202e}", "a", "\u{301}a"] {
            let clean = CleanText::new(&piece.repeat(100_000));
            assert!(clean.as_str().len() <= CAP + '…'.len_utf8());
            assert!(clean.as_str().ends_with('…'));
        }
        let fits = "a".repeat(CAP);
        assert_eq!(CleanText::new(&fits).as_str(), fits);
        assert_eq!(CleanText::with_cap("abcdef", 3).as_str(), "abc…");
    }

    #[test]
    fn width_is_counted_in_cells() {
        for (raw, cells) in [
            ("", 0),
            ("prod", 4),
            ("東京", 4),
            ("e\u{301}x", 2),
            ("\u{1b}", 1),
            ("\u{202e}", 8),
            ("\u{d55c}\u{ad6d}", 4),
            ("\u{644}\u{627}", 2),
        ] {
            assert_eq!(CleanText::new(raw).width(), cells, "{raw:?}");
        }
    }

    /// Text as hostile as it gets: controls, marks, joiners, selectors, flags, Hangul parts and letters in any order.
    fn hostile() -> impl Strategy<Value = String> {
        let c = prop_oneof![
            any::<char>(),
            prop::char::range('\u{0}', '\u{ff}'),
            prop::char::range('\u{300}', '\u{36f}'),
            prop::char::range('\u{1100}', '\u{11ff}'),
            prop::char::range('\u{2000}', '\u{206f}'),
            prop::char::range('\u{fe00}', '\u{fe0f}'),
            prop::char::range('\u{1f1e0}', '\u{1f3ff}'),
        ];
        prop::collection::vec(c, 0..60).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn clean_text_has_nothing_to_obey_and_stays_as_it_is(raw in hostile(), cap in 0_usize..200) {
            let once = CleanText::with_cap(&raw, cap);
            prop_assert!(once.as_str().chars().all(|c| !c.is_control() && !is_hidden(c)));
            prop_assert!(once.as_str().len() <= cap + '…'.len_utf8());
            prop_assert_eq!(&CleanText::with_cap(once.as_str(), cap), &once);
            prop_assert!(once.is_empty() == raw.is_empty());
        }

        #[test]
        fn every_cluster_of_clean_text_takes_room(raw in hostile()) {
            let clean = CleanText::new(&raw);
            for cluster in clean.as_str().graphemes(true) {
                prop_assert!(cluster.width() > 0, "{:?} in {:?}", cluster, clean);
                let marks = cluster.chars().filter(|c| c.width() == Some(0)).count();
                let letters = cluster.chars().count() - marks;
                prop_assert!(marks <= MARKS * letters, "{:?}", cluster);
            }
        }
    }
}
