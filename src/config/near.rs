//! "Did you mean": the known word nearest to one that is not known.

/// The word of `known` that a person most likely meant by `word`; `None` if nothing is near.
pub fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&lower, &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance * 3 <= k.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word_and_nonsense_finds_none() {
        let known = ["theme", "color", "side_pane"];
        for (word, expect) in [
            ("thme", Some("theme")),
            ("colour", Some("color")),
            ("Side_Pane", Some("side_pane")),
            ("sidepane", Some("side_pane")),
            ("zzzzzz", None),
            ("", None),
        ] {
            assert_eq!(near(word, known), expect, "{word}");
        }
    }
}
