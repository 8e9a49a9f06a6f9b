//! The full reader: any YAML or JSON, from the events of the YAML parser, within limits of our own.
//!
//! Messages come from the kind of error only; the parser's own text can quote the file, and a kubeconfig holds secrets.

use std::collections::HashMap;
use std::rc::Rc;

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};

use super::node::{Key, MAX_NODES, Node, Pos, Value};

/// Nodes if every alias were written out, where long text counts as several.
const MAX_EXPANDED: u64 = 16_000_000;
/// Levels, aliases followed. Dropping and reading the tree recurses this deep.
const MAX_HEIGHT: u32 = 128;

/// Why a text is not readable.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct YamlError {
    /// Why, without a word of the text.
    pub reason: &'static str,
    /// Where reading ended.
    pub at: Pos,
}

/// The first document of a text.
#[derive(Debug)]
pub struct Parsed<'t> {
    /// Its content; `None` if it is empty.
    pub root: Option<Node<'t>>,
    /// Where a second document begins, which nobody reads.
    pub second: Option<Pos>,
}

/// Reads the first document of `text`.
pub fn read(text: &str) -> Result<Parsed<'_>, YamlError> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: 64,
        block_nesting_limit: 64,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|e| explain(&e))?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.take(event, &span)?;
    }
    let mut second = None;
    if builder.root.is_some() {
        // What stands after the first document is only looked for, never read: an error there means nothing.
        if let Some(Ok((Event::DocumentStart(..), span))) = parser.next_event() {
            second = Some(pos(&span));
        }
    }
    let root = builder.root.map(|f| f.node).filter(|node| !node.is_null());
    Ok(Parsed { root, second })
}

/// Reads every document of `text`; those that are empty are left out. What stood before a mistake is returned with it.
pub fn documents(text: &str) -> (Vec<Node<'_>>, Option<YamlError>) {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: 64,
        block_nesting_limit: 64,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::default();
    let mut found = Vec::new();
    while let Some(event) = parser.next_event() {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => return (found, Some(explain(&error))),
        };
        if matches!(event, Event::DocumentEnd) {
            let node = builder.root.take().map(|f| f.node);
            found.extend(node.filter(|node| !node.is_null()));
            builder.anchors.clear();
        } else if let Err(error) = builder.take(event, &span) {
            return (found, Some(error));
        }
    }
    (found, None)
}

/// A finished node with its measures.
struct Finished<'t> {
    node: Node<'t>,
    size: u64,
    height: u32,
}

/// A collection that is being read.
struct Open<'t> {
    at: Pos,
    anchor: usize,
    size: u64,
    height: u32,
    kind: OpenKind<'t>,
}

enum OpenKind<'t> {
    List(Vec<Node<'t>>),
    Map(Vec<(Key<'t>, Node<'t>)>, Waiting<'t>),
}

/// The key that the next node belongs to.
enum Waiting<'t> {
    /// The next node is itself a key.
    Key,
    Value(Key<'t>),
    /// The key was no scalar; its value is dropped with it.
    Nothing,
}

#[derive(Default)]
struct Builder<'t> {
    open: Vec<Open<'t>>,
    anchors: HashMap<usize, (Rc<Node<'t>>, u64, u32)>,
    nodes: u32,
    expanded: u64,
    root: Option<Finished<'t>>,
}

impl<'t> Builder<'t> {
    fn take(&mut self, event: Event<'t>, span: &Span) -> Result<(), YamlError> {
        let at = pos(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let vault =
                    tag.as_ref().is_some_and(|t| matches!(t.parts(), ("!", "vault" | "vault-encrypted")));
                let is_text = tag.is_some_and(|t| t.core_suffix() == Some("str"));
                let plain = style == ScalarStyle::Plain && !is_text;
                let size = 1 + text.len() as u64 / 32;
                let value = if vault { Value::Vault } else { Value::Scalar { text, plain } };
                let node = Node { at, value };
                self.finish(Finished { node, size, height: 1 }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.open(at, anchor, OpenKind::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.open(at, anchor, OpenKind::Map(Vec::new(), Waiting::Key))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let value = match open.kind {
                    OpenKind::List(items) => Value::List(items),
                    OpenKind::Map(pairs, _) => Value::Map(pairs),
                };
                let node = Node { at: open.at, value };
                self.finish(Finished { node, size: open.size, height: open.height }, open.anchor)
            }
            Event::Alias(id) => {
                let Some((node, size, height)) = self.anchors.get(&id) else {
                    return Err(YamlError { reason: "an alias refers to a part that contains it", at });
                };
                let (node, size, height) = (Rc::clone(node), *size, *height);
                let node = Node { at, value: Value::Shared(node) };
                self.finish(Finished { node, size, height }, 0)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, at: Pos, anchor: usize, kind: OpenKind<'t>) -> Result<(), YamlError> {
        self.open.push(Open { at, anchor, size: 1, height: 1, kind });
        if self.open.len() > MAX_HEIGHT as usize {
            return Err(YamlError { reason: "the content is nested too deeply", at });
        }
        Ok(())
    }

    fn finish(&mut self, mut done: Finished<'t>, anchor: usize) -> Result<(), YamlError> {
        let at = done.node.at;
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(YamlError { reason: "the file holds more values than any file of its kind", at });
        }
        if done.height > MAX_HEIGHT {
            return Err(YamlError { reason: "the content is nested too deeply", at });
        }
        if anchor != 0 {
            let shared = Rc::new(done.node);
            self.anchors.insert(anchor, (Rc::clone(&shared), done.size, done.height));
            done.node = Node { at, value: Value::Shared(shared) };
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(done);
            return Ok(());
        };
        parent.size = parent.size.saturating_add(done.size);
        parent.height = parent.height.max(done.height + 1);
        self.expanded = self.expanded.max(parent.size);
        if self.expanded > MAX_EXPANDED {
            return Err(YamlError {
                reason: "aliases expand to more values than any file of its kind has",
                at,
            });
        }
        match &mut parent.kind {
            OpenKind::List(items) => items.push(done.node),
            OpenKind::Map(pairs, waiting) => match std::mem::replace(waiting, Waiting::Key) {
                Waiting::Key => *waiting = as_key(&done.node),
                Waiting::Value(key) => pairs.push((key, done.node)),
                Waiting::Nothing => {}
            },
        }
        Ok(())
    }
}

/// A scalar as a key.
fn as_key<'t>(node: &Node<'t>) -> Waiting<'t> {
    match node.value() {
        Value::Scalar { text, .. } => Waiting::Value(Key { at: node.at, text: text.clone() }),
        _ => Waiting::Nothing,
    }
}

fn pos(span: &Span) -> Pos {
    marker(&span.start)
}

fn marker(marker: &granit_parser::Marker) -> Pos {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Pos { line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}

fn explain(error: &ScanError) -> YamlError {
    let reason = match error.kind() {
        ErrorKind::RecursionLimitExceeded => "the content is nested too deeply",
        ErrorKind::UnknownAnchor => "an alias has no anchor before it",
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => "not valid YAML: a tab stands where spaces must be",
        ErrorKind::UnexpectedEof
        | ErrorKind::UnexpectedEofBlockMapping
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnclosedFlowCollection { .. } => {
            "not valid YAML: the text ends in the middle of something"
        }
        ErrorKind::UnclosedQuotedScalar => "not valid YAML: a quote is never closed",
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey => {
            "not valid YAML: the indentation does not fit"
        }
        ErrorKind::MappingValueNotAllowed => "not valid YAML: a colon stands where none may be",
        ErrorKind::MismatchedFlowCollectionEnd { .. } | ErrorKind::MisplacedFlowCollectionEnd => {
            "not valid YAML: brackets do not match"
        }
        _ => "not valid YAML or JSON",
    };
    YamlError { reason, at: marker(error.marker()) }
}
