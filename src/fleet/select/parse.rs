//! From text to tree, by recursive descent.

use std::ops::Range;

use super::ast::{Expr, Op, Term};
use super::field::{Field, Flag};
use super::labels::LabelSelector;
use super::lex::{Cursor, is_end};
use super::value::{Pattern, Value};
use super::{MAX_DEPTH, MAX_LENGTH, SelectError, nearest};

/// The tree, and where each of its terms stands in the text, from left to right. `classes` are the names that may stand after `@`.
pub(super) fn parse(text: &str, classes: &[&str]) -> Result<(Expr, Vec<Range<usize>>), SelectError> {
    if text.len() > MAX_LENGTH {
        let error = SelectError::new(0..0, format!("the text is longer than {MAX_LENGTH} bytes"));
        return Err(error.hint("Use a list, a pattern or a label instead of many names."));
    }
    let mut parser = Parser { cursor: Cursor::new(text), classes, depth: 0, spans: Vec::new() };
    parser.cursor.skip_blanks();
    if parser.cursor.peek().is_none() {
        return Ok((Expr::all(), parser.spans));
    }
    let expr = parser.alternatives()?;
    if parser.cursor.peek().is_none() {
        return Ok((expr, parser.spans));
    }
    let error = SelectError::new(parser.cursor.next_span(), "this parenthesis was never opened");
    Err(error.hint("Open it further left, or put it in quotes."))
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    classes: &'a [&'a str],
    depth: usize,
    spans: Vec<Range<usize>>,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Expr, SelectError> {
        let mut parts = vec![self.conjunction()?];
        while self.cursor.eat("|") {
            parts.push(self.conjunction()?);
        }
        Ok(Expr::or(parts))
    }

    fn conjunction(&mut self) -> Result<Expr, SelectError> {
        self.cursor.skip_blanks();
        let mut parts = vec![self.negation()?];
        loop {
            self.cursor.skip_blanks();
            match self.cursor.peek() {
                None | Some('|' | ')') => return Ok(Expr::and(parts)),
                Some(',') => {
                    self.cursor.bump();
                    self.cursor.skip_blanks();
                }
                Some(_) => {}
            }
            parts.push(self.negation()?);
        }
    }

    fn negation(&mut self) -> Result<Expr, SelectError> {
        let start = self.cursor.at();
        match self.cursor.peek() {
            Some('!') => self.deeper(start, |parser| {
                parser.cursor.bump();
                parser.cursor.skip_blanks();
                Ok(Expr::Not(Box::new(parser.negation()?)))
            }),
            Some('(') => self.deeper(start, |parser| {
                parser.cursor.bump();
                let inner = parser.alternatives()?;
                if parser.cursor.eat(")") {
                    return Ok(inner);
                }
                Err(SelectError::new(start..start + 1, "this parenthesis is never closed"))
            }),
            _ => {
                let term = self.term()?;
                self.spans.push(self.cursor.since(start));
                Ok(Expr::Term(term))
            }
        }
    }

    fn deeper(
        &mut self,
        start: usize,
        read: impl FnOnce(&mut Self) -> Result<Expr, SelectError>,
    ) -> Result<Expr, SelectError> {
        if self.depth >= MAX_DEPTH {
            return Err(SelectError::new(start..start + 1, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn term(&mut self) -> Result<Term, SelectError> {
        match self.cursor.peek() {
            None | Some('|' | ')' | ',') => {
                Err(SelectError::new(self.cursor.next_span(), "a term is missing here"))
            }
            Some('"' | '\'') => self.cursor.quoted().map(Term::Word),
            Some('/') => {
                let (pattern, span) = self.cursor.slashed()?;
                Pattern::new(&pattern, span).map(Term::Pattern)
            }
            Some('~') => {
                self.cursor.bump();
                let (pattern, span) = self.cursor.value("~")?;
                Pattern::new(&pattern, span).map(Term::Pattern)
            }
            Some('@') => self.class(),
            Some('-') if self.is_option("-f") => {
                self.cursor.eat("-f");
                self.cursor.skip_blanks();
                self.cursor.value("-f").map(|(word, _)| Term::Fuzzy(word))
            }
            Some('-') if self.is_option("-l") => self.labels(),
            Some(_) if self.cursor.peek_op().is_some() => {
                let error =
                    SelectError::new(self.cursor.next_span(), "an operator without a field before it");
                Err(error.hint("Write field, operator and value without blanks, such as version<1.35."))
            }
            Some(_) => self.word_or_field(),
        }
    }

    /// Whether an option of two characters is next, and ends there.
    fn is_option(&self, option: &str) -> bool {
        self.cursor.rest().strip_prefix(option).is_some_and(|rest| !rest.starts_with(|c: char| !is_end(c)))
    }

    fn class(&mut self) -> Result<Term, SelectError> {
        self.cursor.bump();
        let (name, span) = self.cursor.value("@")?;
        if self.classes.contains(&name.as_str()) {
            return Ok(Term::Class(name));
        }
        let error = SelectError::new(span, format!("no class or view is called `{name}`"));
        if let Some(near) = nearest(&name, self.classes.iter().copied()) {
            return Err(error.hint(format!("Did you mean `@{near}`?")));
        }
        Err(error.hint(format!("Classes are {}.", self.classes.join(", "))))
    }

    fn labels(&mut self) -> Result<Term, SelectError> {
        self.cursor.eat("-l");
        self.cursor.skip_blanks();
        let start = self.cursor.at();
        let is_bare = !self.cursor.is_at_quote();
        let text = if is_bare { self.bare_labels() } else { self.cursor.quoted()? };
        let span = self.cursor.since(start);
        if is_bare {
            self.refuse_blank_list(start, &text)?;
        }
        if span.is_empty() {
            let error = SelectError::new(self.cursor.next_span(), "a label selector is missing after `-l`");
            return Err(error.hint("Write one as kubectl takes it, such as -l tier=1,team!=ml."));
        }
        LabelSelector::parse(&text).map(Term::Labels).map_err(|why| {
            let error = SelectError::new(span, format!("not a label selector: {why}"));
            error.hint("Put the selector in quotes if it holds blanks.")
        })
    }

    /// `-l tier in (1,2)` would be read as three terms, which nobody means.
    fn refuse_blank_list(&self, start: usize, text: &str) -> Result<(), SelectError> {
        let mut ahead = self.cursor.clone();
        ahead.skip_blanks();
        let word = ahead.take_while(|c| !is_end(c));
        ahead.skip_blanks();
        if matches!(word, "in" | "notin") && ahead.eat("(") {
            let error =
                SelectError::new(ahead.since(start), "a label selector that holds blanks needs quotes");
            return Err(error.hint(format!("Write -l \"{text} {word} (…)\".")));
        }
        Ok(())
    }

    /// A label selector without quotes: up to a blank, a `|` or a parenthesis that it did not open. A comma before any of
    /// these parts terms, not labels.
    fn bare_labels(&mut self) -> String {
        let mut open = 0_usize;
        let mut out = String::new();
        while let Some(c) = self.cursor.peek() {
            match c {
                '(' => open += 1,
                ')' if open == 0 => break,
                ')' => open -= 1,
                '|' => break,
                c if c.is_whitespace() => break,
                ',' if open == 0 && self.is_last_comma() => break,
                _ => {}
            }
            out.push(c);
            self.cursor.bump();
        }
        out
    }

    fn is_last_comma(&self) -> bool {
        let after = self.cursor.rest().strip_prefix(',').and_then(|rest| rest.chars().next());
        after.is_none_or(|c| c.is_whitespace() || matches!(c, '|' | ')'))
    }

    fn word_or_field(&mut self) -> Result<Term, SelectError> {
        let start = self.cursor.at();
        let name = self.cursor.name();
        if let Some((spelling, op)) = self.cursor.peek_op() {
            self.cursor.eat(spelling);
            return self.comparison(name, start, spelling, op);
        }
        let after_name = self.cursor.clone();
        self.cursor.skip_blanks();
        for (keyword, negated) in [("in", false), ("notin", true)] {
            let before = self.cursor.clone();
            if self.cursor.at() > after_name.at() && self.cursor.eat(keyword) {
                self.cursor.skip_blanks();
                if self.cursor.eat("(") {
                    let field = Field::find(name, start)?;
                    return self.list(field, negated);
                }
            }
            self.cursor = before;
        }
        self.cursor = after_name;
        Ok(Term::Word(name.to_owned()))
    }

    fn comparison(&mut self, name: &str, start: usize, spelling: &str, op: Op) -> Result<Term, SelectError> {
        let after = format!("{name}{spelling}");
        match (name, op) {
            ("is", Op::Contains) => {
                let (flag, span) = self.cursor.value(&after)?;
                Flag::find(&flag, span.start).map(Term::Is)
            }
            ("has", Op::Contains) => {
                let (field, span) = self.cursor.value(&after)?;
                Field::find(&field, span.start).map(Term::Has)
            }
            ("cluster", Op::Contains) => self.cursor.value(&after).map(|(name, _)| Term::Cluster(name)),
            _ => {
                let field = Field::find(name, start)?;
                let (text, span) = self.cursor.value(&after)?;
                let value = Value::read(&field, op, &text, span)?;
                Ok(Term::Compare { field, op, value })
            }
        }
    }

    /// The values after the opening parenthesis, which is already taken.
    fn list(&mut self, field: Field, negated: bool) -> Result<Term, SelectError> {
        let open = self.cursor.at().saturating_sub(1);
        let mut values = Vec::new();
        loop {
            self.cursor.skip_blanks();
            let (text, span) = self.cursor.value("(")?;
            values.push(Value::read(&field, Op::Eq, &text, span)?);
            self.cursor.skip_blanks();
            if self.cursor.eat(")") {
                return Ok(Term::List { field, negated, values });
            }
            if !self.cursor.eat(",") {
                let error = SelectError::new(open..self.cursor.at(), "this list is never closed");
                return Err(error.hint("Values are parted by commas, and the list ends with a parenthesis."));
            }
        }
    }
}
