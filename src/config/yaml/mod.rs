//! YAML and JSON as a tree of nodes that know where they stand, within limits of our own.
//!
//! Messages come from the kind of a mistake only: the parser's own text can quote the file, and files hold secrets.

mod node;
mod read;

pub use node::{Key, MAX_NODES, Node, Pos, Value};
pub use read::{Parsed, YamlError, documents, read};
