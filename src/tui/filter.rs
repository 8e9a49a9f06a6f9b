//! The filter: what is being typed, what of it is in force, and what is wrong with it.

use std::ops::Range;

use tui_input::Input;

use super::list::At;
use crate::fleet::select::field_names;
use crate::fleet::{CleanText, SelectError, Selector, Truth};

/// Longest filter kept, in bytes; a paste may be longer.
pub(crate) const LONGEST: usize = 2_048;

/// The filter of the lists.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// What is being typed; the text in force when nothing is.
    pub(crate) input: Input,
    /// Whether keys go into the input.
    pub(crate) editing: bool,
    /// The last text that could be understood, and what it means.
    pub(crate) good: Option<(String, Selector)>,
    /// What was in force when the editing began.
    base: String,
    /// What the cursor stood on then, for a person who thinks better of it.
    pub(crate) from: Option<At>,
    /// What is wrong with what stands in the input now.
    pub(crate) fault: Option<Fault>,
    /// For each cluster of the fleet, what the filter says.
    pub(crate) hits: Vec<Truth>,
    /// How many clusters are kept only because the value asked for is not known.
    pub(crate) unknown: usize,
    /// The declared classes, which may stand after `@`; the guessed ones if there are none.
    classes: Vec<CleanText>,
    /// A text for the start that could not be understood while no class was known.
    waiting: Option<String>,
}

/// A part of the input that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Which bytes.
    pub(crate) span: Range<usize>,
    /// One line about it.
    pub(crate) text: String,
}

impl Filter {
    /// Puts a text in force at the start.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line; nothing is in force then.
    pub(crate) fn start(&mut self, text: &str) -> Result<(), String> {
        let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
        if text.is_empty() {
            return Ok(());
        }
        match self.read(&text) {
            Ok(selector) => {
                self.input = Input::new(text.clone());
                self.good = Some((text, selector));
                Ok(())
            }
            // A class that a fleet file declares is known once the file was read.
            Err(_) if text.contains('@') && self.classes.is_empty() => {
                self.waiting = Some(text);
                Ok(())
            }
            Err(fault) => Err(told(fault)),
        }
    }

    fn read(&self, text: &str) -> Result<Selector, SelectError> {
        Selector::parse_with(text, self.classes.iter().map(CleanText::as_str))
    }

    /// The classes are these from now on. What waited for them is put in force.
    ///
    /// # Errors
    ///
    /// What is wrong with the text that waited, now that the classes are known.
    pub(crate) fn declare(&mut self, classes: Vec<CleanText>, loaded: bool) -> Result<(), String> {
        self.classes = classes;
        match self.waiting.take_if(|_| loaded) {
            None => Ok(()),
            Some(text) => {
                let selector = self.read(&text).map_err(told)?;
                self.input = Input::new(text.clone());
                self.good = Some((text, selector));
                Ok(())
            }
        }
    }

    /// Whether the classes are those.
    pub(crate) fn knows<'a>(&self, classes: impl Iterator<Item = &'a CleanText>) -> bool {
        self.waiting.is_none() && self.classes.iter().eq(classes)
    }

    /// Puts a text in force as if it had been typed. Says whether it could be understood.
    pub(crate) fn put(&mut self, text: &str) -> bool {
        let Ok(selector) = self.read(text) else { return false };
        self.fault = None;
        self.editing = false;
        self.input = Input::new(text.to_owned());
        self.good = Some((text.to_owned(), selector));
        true
    }

    /// Keys go into the input from now on.
    pub(crate) fn open(&mut self, from: Option<At>) {
        self.editing = true;
        self.from = from;
        self.base = self.good.as_ref().map(|(text, _)| text.clone()).unwrap_or_default();
    }

    /// Whether the input holds as much as a filter may: a paste can also arrive as single keys.
    pub(crate) fn full(&self) -> bool {
        self.input.value().len() >= LONGEST
    }

    /// Takes what stands in the input. Of what cannot be understood, the part before the mistake is in force; if that is
    /// nothing, what was in force when the editing began. Says whether the filter in force has changed.
    pub(crate) fn parse(&mut self) -> bool {
        self.fault = None;
        let value = self.input.value().to_owned();
        let text = value.trim();
        // A field's name alone is about to become a comparison; as a word it would empty the list meanwhile.
        let last = text.rsplit(char::is_whitespace).next().unwrap_or("");
        if field_names().any(|field| field == last) {
            return self.take(text.strip_suffix(last).unwrap_or(text));
        }
        let lead = value.len() - value.trim_start().len();
        match self.read(text) {
            Ok(_) => self.take(text),
            Err(fault) => {
                // An empty span stands behind the text; the last letter is shown as wrong then.
                let start =
                    if fault.span.is_empty() { fault.span.start.saturating_sub(1) } else { fault.span.start };
                let span = start + lead..fault.span.end + lead;
                self.fault = Some(Fault { span, text: told(fault) });
                let before = text.get(..start).unwrap_or("").trim_end();
                if before.is_empty() {
                    let base = self.base.clone();
                    self.take(&base)
                } else {
                    self.take(before)
                }
            }
        }
    }

    /// Puts a text in force, if it can be understood and is not in force already.
    fn take(&mut self, text: &str) -> bool {
        let text = text.trim();
        if text.is_empty() {
            return self.good.take().is_some();
        }
        if self.good.as_ref().is_some_and(|(good, _)| good == text) {
            return false;
        }
        match self.read(text) {
            Ok(selector) => {
                self.good = Some((text.to_owned(), selector));
                true
            }
            Err(_) => false,
        }
    }

    /// Puts pasted text into the input: one line of it, and not more than a filter may hold.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        let room = LONGEST.saturating_sub(self.input.value().len());
        let line = text.lines().next().unwrap_or("");
        let mut used = 0;
        let fits = line.chars().filter(|c| !c.is_control()).take_while(|c| {
            used += c.len_utf8();
            used <= room
        });
        let value: String = fits.collect();
        let cursor = self.input.cursor();
        let mut chars: Vec<char> = self.input.value().chars().collect();
        let at = cursor.min(chars.len());
        let count = value.chars().count();
        chars.splice(at..at, value.chars());
        self.input = Input::new(chars.into_iter().collect()).with_cursor(at + count);
        self.parse()
    }

    /// Ends editing; an input that cannot be understood gives way to the filter in force. Says whether that has changed.
    pub(crate) fn close(&mut self) -> bool {
        self.editing = false;
        let whole = self.input.value().to_owned();
        let changed = self.fault.take().is_none() && self.take(&whole);
        let text = self.good.as_ref().map_or("", |(text, _)| text.as_str());
        self.input = Input::new(text.to_owned());
        changed
    }

    /// Takes the filter away.
    pub(crate) fn clear(&mut self) {
        let (hits, classes) = (std::mem::take(&mut self.hits), std::mem::take(&mut self.classes));
        *self = Self { hits, classes, ..Self::default() };
    }

    /// Whether a cluster is shown.
    pub(crate) fn keeps(&self, index: usize) -> bool {
        self.good.is_none() || self.hits.get(index).is_none_or(|h| *h != Truth::No)
    }
}

/// A mistake in one line.
fn told(fault: SelectError) -> String {
    let hint = fault.hint.map_or_else(String::new, |h| format!(". {h}"));
    format!("{}{hint}", fault.message)
}
